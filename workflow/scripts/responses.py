"""Gather one model's responses to every benchmark from the store."""

from snakeval.files import parquet
from snakeval.files.layout import Layout
from snakeval.inference.gather import gather
from snakeval.inference.stage import CallsSettings
from snakeval.jobs import job
from snakeval.models import identity
from snakeval.schemas.model import MODEL_FILES, NUMERICS

started = job.start(snakemake.log[0], snakemake.input.settings, CallsSettings)
inputs, output, settings = snakemake.input, snakemake.output, started.settings
files = parquet.read(inputs.model, MODEL_FILES)
numerics = gather(
    inputs.tokens,
    inputs.calls,
    output.responses,
    Layout(snakemake.params.results),
    [started.code, settings.values, identity.content(files)],
    model=snakemake.wildcards.model,
    tokenizer=identity.tokenizer_identity(files),
    documents=settings.model.numerics,
)
parquet.write(numerics, output.numerics, NUMERICS)

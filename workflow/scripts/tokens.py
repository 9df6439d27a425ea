"""Encode every benchmark's requests for one model, then look at what the model would read."""

from functools import cache

from snakeval.files import benchmark_files, parquet
from snakeval.files.layout import Layout
from snakeval.jobs import job
from snakeval.models import architecture, identity
from snakeval.preflight.look import look
from snakeval.schemas.model import FORECAST, MODEL_FILES, TOKENS
from snakeval.schemas.run import PREFLIGHT
from snakeval.schemas.task import REQUESTS
from snakeval.tokens.encode import COLUMNS, encode_requests, load_encoder
from snakeval.tokens.stage import TokensSettings

started = job.start(snakemake.log[0], snakemake.input.settings, TokensSettings)
settings, model, requests = started.settings, snakemake.wildcards.model, snakemake.input.requests
files = parquet.read(snakemake.input.model, MODEL_FILES)
folder = identity.folder(files, snakemake.input.model)
made_from = [started.code, settings.values, identity.content(files)]


@cache
def encoder():
    architecture.leave_out_torch(folder, settings.model)
    return load_encoder(files, settings.model)


def encode(benchmark):
    parts = benchmark_files.scan(requests, benchmark, REQUESTS, COLUMNS)
    return (encode_requests(part, encoder(), model=model) for part in parts)


index, layout = snakemake.output.tokens, Layout(snakemake.params.results)
fingerprints = benchmark_files.fingerprints(requests, *made_from)
benchmark_files.refresh(index, layout.of_model("tokens", model), fingerprints, encode, TOKENS)

preflight, forecast = look(requests, index, fingerprints, encoder, folder, model=model)
parquet.write(preflight, snakemake.output.preflight, PREFLIGHT)
parquet.write(forecast, snakemake.output.forecast, FORECAST)

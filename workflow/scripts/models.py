"""Download a model, or look at a local one, and list its files with their sha256."""

from dataclasses import asdict

from snakeval.files import parquet
from snakeval.jobs import job
from snakeval.schemas.model import MODEL_FILES
from snakeval.sources import download
from snakeval.sources.stage import ModelSettings

started = job.start(snakemake.log[0], snakemake.input.settings, ModelSettings)
name = snakemake.wildcards.model
files = download.model(asdict(started.settings), name=name, terminal=started.terminal)
parquet.write(files, snakemake.output[0], MODEL_FILES)

"""Download a model, or look at a local one, and list its files with their sha256."""

from snakeval.files import parquet
from snakeval.jobs import job
from snakeval.schemas.model import MODEL_FILES
from snakeval.sources import download

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
files = download.model(settings, name=snakemake.wildcards.model, terminal=terminal)
parquet.write(files, snakemake.output[0], MODEL_FILES)

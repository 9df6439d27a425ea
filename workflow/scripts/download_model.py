"""Download a model, or look at a local one, and list its files with their sha256."""

from snakeval import download, job, parquet, schemas

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
files = download.model(settings, name=snakemake.wildcards.model, terminal=terminal)
parquet.write(files, snakemake.output[0], schemas.MODEL_FILES)

"""Download the subsets and splits a run needs of a data set; keep those that are there already."""

from snakeval import download, job

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
download.write_dataset(settings, output=snakemake.output[0], terminal=terminal)

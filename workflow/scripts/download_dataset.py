"""Download the subsets and splits a run needs of a data set; keep those that are there already."""

from pathlib import Path

from snakeval.jobs import job
from snakeval.sources import download

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
folder = Path(snakemake.params.results, "datasets", snakemake.wildcards.dataset)
download.write_dataset(settings, folder, snakemake.output[0], terminal=terminal)

"""Download the subsets and splits a run needs of a data set; keep those that are there already."""

from dataclasses import asdict
from pathlib import Path

from snakeval.files.layout import Layout
from snakeval.jobs import job
from snakeval.sources import download
from snakeval.sources.stage import DatasetSettings

started = job.start(snakemake.log[0], snakemake.input.settings, DatasetSettings)
folder = Path(Layout(snakemake.params.results).dataset(snakemake.wildcards.dataset))
settings = {key: value for key, value in asdict(started.settings).items() if value is not None}
settings |= {"code": started.code}
download.write_dataset(settings, folder, snakemake.output[0], terminal=started.terminal)

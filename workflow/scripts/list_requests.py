"""List the requests of every benchmark."""

from snakeval.files import benchmark_files
from snakeval.jobs import job
from snakeval.requests.stage import ListSettings

settings = job.start(snakemake.log[0], snakemake.input.settings, ListSettings).settings
files = dict(zip(settings.benchmarks, snakemake.input.requests, strict=True))
benchmark_files.write_list(snakemake.output[0], files)

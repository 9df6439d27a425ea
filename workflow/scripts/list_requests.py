"""List the requests of every benchmark."""

from snakeval.files import benchmark_files
from snakeval.jobs import job

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
benchmark_files.write_list(
    snakemake.output[0], dict(zip(settings["benchmarks"], snakemake.input.requests, strict=True))
)

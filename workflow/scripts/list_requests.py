"""List the requests of every entry."""

from snakeval import entry_files, job

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
entry_files.write_list(snakemake.output[0], dict(zip(settings["entries"], snakemake.input.requests, strict=True)))

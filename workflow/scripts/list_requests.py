"""List the requests of every entry."""

from snakeval import entry_files, job

job.start(snakemake.log[0])
entry_files.write_list(snakemake.output[0], dict(zip(snakemake.params.entries, snakemake.input, strict=True)))

"""Check a results folder: every file against the digest it carries or is listed with."""

from pathlib import Path

from snakeval import integrity, job

_, terminal = job.start(snakemake.log[0], snakemake.input.settings)
files = integrity.check(Path(snakemake.params.results), snakemake.params.configured)
print(f"{snakemake.params.results}: all {files} files are as they were written", file=terminal)

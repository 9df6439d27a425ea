"""Check a results folder: every file against the digest it carries or is listed with."""

from pathlib import Path

from snakeval.jobs import job
from snakeval.transfer import verify

_, terminal = job.start(snakemake.log[0], snakemake.input.settings)
files = verify.check(Path(snakemake.params.results), snakemake.params.configured)
print(f"{snakemake.params.results}: all {files} files are as they were written", file=terminal)

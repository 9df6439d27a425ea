"""Check a results folder: every file against the digest it carries or is listed with."""

from pathlib import Path

from snakeval.jobs import job
from snakeval.report.stage import ReportSettings
from snakeval.transfer import verify

started = job.start(snakemake.log[0], snakemake.input.settings, ReportSettings)
results = snakemake.params.results
files = verify.check(Path(results), snakemake.params.configured)
print(f"{results}: all {files} files are as they were written", file=started.terminal)

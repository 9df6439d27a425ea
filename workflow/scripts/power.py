"""Show what the documents of the run can show."""

from pathlib import Path

from snakeval.analysis.stage import PowerSettings
from snakeval.jobs import job

started = job.start(snakemake.log[0], snakemake.input.settings, PowerSettings)
print(Path(snakemake.input.summary).read_text(encoding="utf-8"), file=started.terminal)

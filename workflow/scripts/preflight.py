"""Show what preflight found and what it forecasts, and fail when a model would not be asked."""

from pathlib import Path

from snakeval.jobs import job
from snakeval.preflight import findings
from snakeval.preflight.stage import FindingsSettings

started = job.start(snakemake.log[0], snakemake.input.settings, FindingsSettings)
print(Path(snakemake.input.summary).read_text(encoding="utf-8"), file=started.terminal)
findings.stop_on_errors([snakemake.input.findings])

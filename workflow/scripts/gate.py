"""Show how every model compares with the baseline, and fail when one got worse."""

from pathlib import Path

from snakeval.analysis import gate
from snakeval.analysis.stage import GateSettings
from snakeval.files import parquet
from snakeval.jobs import job
from snakeval.schemas.run import GATE

started = job.start(snakemake.log[0], snakemake.input.settings, GateSettings)
print(Path(snakemake.input.summary).read_text(encoding="utf-8"), file=started.terminal)
gate.check(parquet.read(snakemake.input.gate, GATE), started.settings)

"""Show how every model compares with the baseline, and fail when one got worse."""

from pathlib import Path

from snakeval.analysis import gate
from snakeval.files import parquet
from snakeval.jobs import job
from snakeval.schemas.run import GATE

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
print(Path(snakemake.input.summary).read_text(encoding="utf-8"), file=terminal)
gate.check(parquet.read(snakemake.input.gate, GATE), settings)

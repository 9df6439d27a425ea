"""Compare every model with the baseline."""

from pathlib import Path

from snakeval.analysis import gate
from snakeval.analysis.stage import GateSettings
from snakeval.files import parquet
from snakeval.jobs import job
from snakeval.schemas.run import FLIPS, GATE

settings = job.start(snakemake.log[0], snakemake.input.settings, GateSettings).settings
table, flips = gate.build(Path(snakemake.params.results), settings)
parquet.write(table, snakemake.output.gate, GATE)
parquet.write(flips, snakemake.output.flips, FLIPS)
Path(snakemake.output.summary).write_text(gate.summary(table, flips), encoding="utf-8")

"""Hold every model against the baseline."""

from pathlib import Path

from snakeval import gate, job, parquet, schemas

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
table, flips = gate.build(Path(snakemake.params.results), settings)
parquet.write(table, snakemake.output.gate, schemas.GATE)
parquet.write(flips, snakemake.output.flips, schemas.FLIPS)
Path(snakemake.output.summary).write_text(gate.summary(table, flips), encoding="utf-8")

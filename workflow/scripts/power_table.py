"""What the documents of the run can show."""

from pathlib import Path

from snakeval.analysis import power
from snakeval.analysis.stage import PowerSettings
from snakeval.files import parquet
from snakeval.jobs import job
from snakeval.schemas.run import COMPARISONS, POWER, SCORE_TABLE

settings = job.start(snakemake.log[0], snakemake.input.settings, PowerSettings).settings
scores = parquet.read(snakemake.input.scores, SCORE_TABLE)
comparisons = parquet.read(snakemake.input.comparisons, COMPARISONS)
table = power.build(scores, comparisons, settings)
parquet.write(table, snakemake.output.power, POWER)
Path(snakemake.output.summary).write_text(power.summary(table, settings), encoding="utf-8")

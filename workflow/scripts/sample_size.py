"""What the documents of the run can show."""

from pathlib import Path

from snakeval import job, parquet, sample_size, schemas

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
scores = parquet.read(snakemake.input.scores, schemas.SCORE_TABLE)
comparisons = parquet.read(snakemake.input.comparisons, schemas.COMPARISONS)
table = sample_size.build(scores, comparisons, settings)
parquet.write(table, snakemake.output.power, schemas.POWER)
Path(snakemake.output.summary).write_text(sample_size.summary(table, settings), encoding="utf-8")

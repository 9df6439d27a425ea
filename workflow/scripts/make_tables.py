"""Bring all models and tasks together."""

from itertools import product
from pathlib import Path

import pyarrow as pa

from snakeval import health, job, leaderboard, parquet, schemas, summary

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
output, entries = snakemake.output, snakemake.params.entries
pairs = list(product(settings["models"], entries))


def files(stage):
    return dict(zip(pairs, map(Path, snakemake.input[stage]), strict=True))


requests = dict(zip(entries, map(Path, snakemake.input.requests), strict=True))
scores, comparisons = leaderboard.build(files("scores"), requests, settings)
timings = [parquet.read(file, schemas.TIMINGS) for file in files("timings").values()]
parquet.write(scores, output.scores, schemas.SCORE_TABLE)
parquet.write(comparisons, output.comparisons, schemas.COMPARISONS)
parquet.write(health.build(files("tokens"), files("responses"), files("scores")), output.health, schemas.HEALTH)
parquet.write(pa.concat_tables(timings), output.efficiency, schemas.TIMINGS)
Path(output.summary).write_text(summary.leaderboard(scores), encoding="utf-8")

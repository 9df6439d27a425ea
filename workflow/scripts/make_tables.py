"""Bring all models and tasks together."""

from itertools import product
from pathlib import Path

import pyarrow as pa

from snakeval import entry_files, health, infer, job, leaderboard, parquet, schemas, summary

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
inputs, output, entries = snakemake.input, snakemake.output, snakemake.params.entries


def files(indices):
    """(model, entry) -> file, of a stage with one index per model."""
    of_model = dict(zip(settings["models"], indices, strict=True))
    return {(model, entry): entry_files.path(of_model[model], entry) for model, entry in product(settings["models"], entries)}


requests = dict(zip(entries, map(Path, inputs.requests), strict=True))
shards = {model: [index for index in inputs.asked if Path(index).parent.name == model] for model in settings["models"]}
timings = [
    infer.summed([entry_files.read(index, entry, schemas.TIMINGS) for index in shards[model]])
    for model, entry in product(settings["models"], entries)
]
scored = files(inputs.scores)
scores, comparisons = leaderboard.build(scored, requests, settings)
parquet.write(scores, output.scores, schemas.SCORE_TABLE)
parquet.write(comparisons, output.comparisons, schemas.COMPARISONS)
parquet.write(health.build(files(inputs.tokens), files(inputs.responses), scored), output.health, schemas.HEALTH)
parquet.write(pa.concat_tables(timings), output.efficiency, schemas.TIMINGS)
Path(output.summary).write_text(summary.leaderboard(scores), encoding="utf-8")

"""Bring all models and tasks together."""

from itertools import product
from pathlib import Path

import pyarrow as pa

from snakeval import entry_files, export, health, infer, job, leaderboard, parquet, schemas, summary, targets

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
inputs, output, entries = snakemake.input, snakemake.output, snakemake.params.entries
asked = settings["asked"]
recorded = [model for model in settings["models"] if model not in asked]
requests = {entry: entry_files.path(inputs.requests, entry) for entry in entries}
shards = {model: [index for index in inputs.asked if Path(index).parent.name == model] for model in asked}
timings = [
    infer.summed([entry_files.read(index, entry, schemas.TIMINGS) for index in shards[model]]) for model, entry in product(asked, entries)
]
scored = entry_files.paths(settings["models"], inputs.scores, entries)
matched = entry_files.paths(recorded, inputs.recorded, entries)
scores, comparisons = leaderboard.build(scored, requests, settings)
figures = targets.compare(settings["targets"], scores.to_pylist(), settings["models"], health.reasons(matched))
scores = leaderboard.with_targets(scores, targets.in_score_units(figures))
published = pa.Table.from_pylist(figures, schemas.TARGETS)
parquet.write(scores, output.scores, schemas.SCORE_TABLE)
parquet.write(comparisons, output.comparisons, schemas.COMPARISONS)
parquet.write(published, output.targets, schemas.TARGETS)
answered = entry_files.paths(settings["models"], inputs.responses, entries)
encoded = entry_files.paths(asked, inputs.tokens, entries)
parquet.write(health.build(encoded, answered, scored, matched), output.health, schemas.HEALTH)
numerics = [schemas.NUMERICS.empty_table(), *(parquet.read(file, schemas.NUMERICS) for file in inputs.numerics)]
parquet.write(pa.concat_tables(numerics), output.numerics, schemas.NUMERICS)
parquet.write(pa.concat_tables([schemas.TIMINGS.empty_table(), *timings]), output.efficiency, schemas.TIMINGS)
Path(output.summary).write_text(summary.leaderboard(scores) + summary.published(published), encoding="utf-8")
export.write(scores, comparisons, published, Path(output.export))

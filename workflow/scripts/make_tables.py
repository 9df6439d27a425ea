"""Bring all models and tasks together."""

from itertools import product
from pathlib import Path

import pyarrow as pa

from snakeval.analysis import answer_health, export, leaderboard, markdown, targets
from snakeval.files import benchmark_files, parquet
from snakeval.inference.timings import summed
from snakeval.jobs import job
from snakeval.schemas.model import NUMERICS, TIMINGS
from snakeval.schemas.run import COMPARISONS, HEALTH, SCORE_TABLE, TARGETS

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
inputs, output, benchmarks = snakemake.input, snakemake.output, snakemake.params.benchmarks
asked = settings["calls"]
recorded = [model for model in settings["models"] if model not in asked]
requests = {benchmark: benchmark_files.path(inputs.requests, benchmark) for benchmark in benchmarks}
shards = {
    model: [index for index in inputs.asked if Path(index).parent.name == model] for model in asked
}
timings = [
    summed([benchmark_files.read(index, benchmark, TIMINGS) for index in shards[model]])
    for model, benchmark in product(asked, benchmarks)
]
scored = benchmark_files.paths(settings["models"], inputs.scores, benchmarks)
matched = benchmark_files.paths(recorded, inputs.recorded, benchmarks)
scores, comparisons = leaderboard.build(scored, requests, settings)
figures = targets.compare(
    settings["targets"], scores.to_pylist(), settings["models"], answer_health.reasons(matched)
)
scores = leaderboard.with_targets(scores, targets.in_score_units(figures))
published = pa.Table.from_pylist(figures, TARGETS)
parquet.write(scores, output.scores, SCORE_TABLE)
parquet.write(comparisons, output.comparisons, COMPARISONS)
parquet.write(published, output.targets, TARGETS)
answered = benchmark_files.paths(settings["models"], inputs.responses, benchmarks)
encoded = benchmark_files.paths(asked, inputs.tokens, benchmarks)
parquet.write(answer_health.build(encoded, answered, scored, matched), output.health, HEALTH)
numerics = [NUMERICS.empty_table(), *(parquet.read(file, NUMERICS) for file in inputs.numerics)]
parquet.write(pa.concat_tables(numerics), output.numerics, NUMERICS)
parquet.write(pa.concat_tables([TIMINGS.empty_table(), *timings]), output.efficiency, TIMINGS)
Path(output.summary).write_text(
    markdown.leaderboard(scores) + markdown.published(published), encoding="utf-8"
)
export.write(scores, comparisons, published, Path(output.export))

"""Bring all models and tasks together."""

from pathlib import Path

import pyarrow as pa

from snakeval.analysis import answer_health, export, leaderboard, markdown, targets
from snakeval.analysis.stage import TablesSettings
from snakeval.files import benchmark_files, parquet
from snakeval.inference import timings
from snakeval.jobs import job
from snakeval.schemas.model import NUMERICS, TIMINGS
from snakeval.schemas.run import COMPARISONS, HEALTH, SCORE_TABLE, TARGETS

settings = job.start(snakemake.log[0], snakemake.input.settings, TablesSettings).settings
inputs, output, asked = snakemake.input, snakemake.output, settings.asked
models, benchmarks = settings.models, sorted(settings.benchmarks)
recorded = [model for model in models if model not in asked]
requests = {name: benchmark_files.path(inputs.requests, name) for name in benchmarks}
scored = benchmark_files.paths(models, inputs.scores, benchmarks)
matched = benchmark_files.paths(recorded, inputs.recorded, benchmarks)
scores, comparisons = leaderboard.build(scored, requests, settings)
reasons = answer_health.reasons(matched)
figures = targets.compare(settings.targets, scores.to_pylist(), models, reasons)
scores = leaderboard.with_targets(scores, targets.in_score_units(figures))
published = pa.Table.from_pylist(figures, TARGETS)
parquet.write(scores, output.scores, SCORE_TABLE)
parquet.write(comparisons, output.comparisons, COMPARISONS)
parquet.write(published, output.targets, TARGETS)
text = markdown.leaderboard(scores) + markdown.published(published)
Path(output.summary).write_text(text, encoding="utf-8")
export.write(scores, comparisons, published, Path(output.export))

answered = benchmark_files.paths(models, inputs.responses, benchmarks)
encoded = benchmark_files.paths(asked, inputs.tokens, benchmarks)
parquet.write(answer_health.build(encoded, answered, scored, matched), output.health, HEALTH)
numerics = [NUMERICS.empty_table(), *(parquet.read(file, NUMERICS) for file in inputs.numerics)]
parquet.write(pa.concat_tables(numerics), output.numerics, NUMERICS)
parquet.write(timings.of_run(inputs.calls, asked, benchmarks), output.efficiency, TIMINGS)

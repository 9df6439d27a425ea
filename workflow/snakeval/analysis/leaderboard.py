"""The table of scores: every metric of every task and group, by model, with interval and rank."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from snakeval.analysis import comparisons, lines
from snakeval.analysis.comparisons import PairTests
from snakeval.analysis.lines import Line
from snakeval.analysis.series import estimate, group_estimate
from snakeval.analysis.stage import RunSettings
from snakeval.schemas.run import SCORE_TABLE
from snakeval.statistics.intervals import Estimate, none_if_not_finite

Target = tuple[str, str, str, str, str]  # model, benchmark, task, filter, metric


def build(
    scores: Mapping[tuple[str, str], Path],
    requests: Mapping[str, Path],
    settings: RunSettings,
) -> tuple[pa.Table, pa.Table]:
    """SCORE_TABLE and COMPARISONS of a run.

    `scores`: (model, benchmark) -> SCORES file. `requests`: benchmark -> REQUESTS file, for the
    chance level of choices. `settings`: `seed`, `models` (names), `benchmarks` (benchmark -> task
    -> scoring settings), `groups` (benchmark -> groups, outer before inner).

    Raises UserError for a file that is missing or damaged.
    """
    models = settings.models
    rows: list[dict[str, Any]] = []
    found: list[tuple[str, PairTests]] = []
    for benchmark in settings.benchmarks:
        files = {model: scores[model, benchmark] for model in models}
        for line in lines.of_benchmark(benchmark, files, requests[benchmark], settings):
            estimates = {model: _estimate(line, model) for model in models if line.has(model)}
            ranks: dict[str, tuple[int, int]] = {}
            if line.primary and len(models) > 1:
                values = {model: one.value for model, one in estimates.items()}
                finite = {model: value for model, value in values.items() if np.isfinite(value)}
                tests = comparisons.compare_all(line, finite)
                found.append((benchmark, tests))
                ranks = tests.ranks
            rows += [
                _row(benchmark, line, model, one, ranks.get(model, (None, None)))
                for model, one in estimates.items()
            ]
    return pa.Table.from_pylist(rows, SCORE_TABLE), comparisons.table(found)


def with_targets(scores: pa.Table, targets: Mapping[Target, float]) -> pa.Table:
    """SCORE_TABLE with its columns target and delta.

    A target of a line at the top may name the benchmark in place of the task.
    """
    rows = scores.to_pylist()
    for row in rows:
        names = [row["task"], *([row["benchmark"]] if row["parent"] is None else [])]
        keys = [
            (row["model"], row["benchmark"], name, row["filter"], row["metric"]) for name in names
        ]
        target = next((targets[key] for key in keys if key in targets), None)
        known = target is not None and row["value"] is not None
        row |= {"target": target, "delta": row["value"] - target if known else None}
    return pa.Table.from_pylist(rows, SCORE_TABLE)


def _estimate(line: Line, model: str) -> Estimate:
    parts = [stratum[model] for stratum in line.strata]
    if not line.is_group:
        return estimate(parts[0])
    weights = line.weights([part.n for part in parts])
    # A subtask without documents has no weight and no score.
    parts = [part for part, weight in zip(parts, weights, strict=True) if weight > 0]
    proportion = all(part.aggregation.proportion for part in parts)
    return group_estimate(weights[weights > 0], [estimate(part) for part in parts], proportion)


def _row(
    benchmark: str,
    line: Line,
    model: str,
    found: Estimate,
    ranks: tuple[int, int] | tuple[None, None],
) -> dict[str, Any]:
    return line.constants | {
        "model": model,
        "benchmark": benchmark,
        "task": line.task,
        "is_group": line.is_group,
        "filter": line.key[0],
        "metric": line.key[1],
        "n": sum(stratum[model].n for stratum in line.strata),
        "value": None if np.isnan(found.value) else found.value,
        "stderr": none_if_not_finite(found.stderr),
        "ci_low": none_if_not_finite(found.low),
        "ci_high": none_if_not_finite(found.high),
        "ci_method": found.method if np.isfinite(found.low) else "none",
        "higher_is_better": line.higher_is_better,
        "rank_low": ranks[0],
        "rank_high": ranks[1],
        "primary": line.primary,
    }

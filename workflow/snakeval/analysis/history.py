"""How the scores of a run changed since earlier runs, and whether by more than noise."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from snakeval.analysis import comparisons, differences, gate, lines
from snakeval.analysis.lines import Line
from snakeval.analysis.stage import RunSettings
from snakeval.files import parquet
from snakeval.schemas.run import SCORE_TABLE
from snakeval.statistics import intervals

KEYS = ["benchmark", "task", "filter", "metric", "model"]
COLUMNS = [*KEYS, "value", "ci_low", "ci_high", "stderr"]  # an earlier version may lack others
NOW = "this run"


@dataclass(frozen=True)
class Files:
    """What the documents of a run scored: REQUESTS by benchmark, SCORES by (model, benchmark)."""

    requests: Mapping[str, Path]
    scores: Mapping[tuple[str, str], Path]


@dataclass(frozen=True)
class EarlierFiles:
    """A run before this one: its SCORE_TABLE, and what is still there of its documents."""

    label: str
    table: Path
    files: Files


@dataclass(frozen=True)
class Score:
    """A score of this run that is compared with earlier ones."""

    benchmark: str
    task: str
    filter: str
    metric: str
    model: str
    value: float | None
    low: float | None
    high: float | None
    stderr: float | None
    higher_is_better: bool


@dataclass(frozen=True)
class Change:
    """From one run to a later one; where `scale` is "log", of the scores' logarithms."""

    value: float
    low: float | None
    high: float | None
    scale: str
    paired: int  # documents that both runs have; 0: the runs count as independent samples


@dataclass(frozen=True)
class Course:
    """One model on one task over the runs, oldest first; `change` is that between the last two."""

    task: str
    metric: str
    model: str
    points: list[tuple[str, float, float | None, float | None]]  # run, score, low, high
    change: Change
    higher_is_better: bool

    @property
    def verdict(self) -> str:
        """regression, improvement, or "" where the interval of the change holds 0 or is unknown."""
        change = self.change
        if change.low is None or change.high is None or change.low <= 0 <= change.high:
            return ""
        return "improvement" if (change.value > 0) == self.higher_is_better else "regression"


def courses(
    now: Files,
    earlier: Sequence[EarlierFiles],
    scores: Sequence[Score],
    settings: RunSettings,
) -> list[Course]:
    """The courses of the `scores` that earlier runs have as well, regressions first.

    `earlier`: oldest first. The change is that of the
    documents that are the same in both runs, with the interval that comparisons and the gate use.
    Without such documents it treats the two runs as independent samples. Raises UserError when a
    table of an earlier run is missing or damaged.
    """
    tables = [_values(run.table) for run in earlier]
    unchanged = cache(lambda *requests: gate.unchanged(*requests)[0])
    found = []
    for benchmark, model in dict.fromkeys((score.benchmark, score.model) for score in scores):
        paired_lines = cache(
            lambda i, b=benchmark, m=model: _lines(b, m, now, earlier[i].files, unchanged, settings)
        )
        for score in scores:
            if (score.benchmark, score.model) != (benchmark, model) or score.value is None:
                continue
            where = (benchmark, score.task, score.filter, score.metric, model)
            held = [(i, line) for i, table in enumerate(tables) if (line := table.get(where))]
            if not held:
                continue
            points = [
                (earlier[i].label, line["value"], line["ci_low"], line["ci_high"])
                for i, line in held
            ]
            points.append((NOW, score.value, score.low, score.high))
            last, line = held[-1]
            change = _paired(paired_lines(last).get(where[1:4])) or _independent(
                score.value - line["value"], line["stderr"], score.stderr
            )
            better = score.higher_is_better
            found.append(Course(score.task, score.metric, model, points, change, better))
    order = {"regression": 0, "improvement": 1, "": 2}
    return sorted(found, key=lambda course: order[course.verdict])


def _values(table: Path) -> dict[tuple, dict]:
    """The lines of a SCORE_TABLE that have a value, by KEYS."""
    lines = parquet.read(table, SCORE_TABLE, COLUMNS).to_pylist()
    return {tuple(line[key] for key in KEYS): line for line in lines if line["value"] is not None}


def _lines(
    benchmark: str,
    model: str,
    now: Files,
    before: Files,
    unchanged: Callable[[Path, Path], dict[str, np.ndarray] | None],
    settings: RunSettings,
) -> dict[tuple[str, str, str], Line]:
    """(task, filter, metric) -> the model's scores, now and before, of the unchanged documents."""
    where = (model, benchmark)
    if where not in now.scores or where not in before.scores or benchmark not in before.requests:
        return {}
    files = {"before": before.scores[where], "now": now.scores[where]}
    requests = now.requests[benchmark]
    kept = unchanged(requests, before.requests[benchmark])
    return {
        (line.task, *line.key): line
        for line in lines.of_benchmark(benchmark, files, requests, settings, kept)
        if line.has("before") and line.has("now")
    }


def _paired(line: Line | None) -> Change | None:
    """The change by document; None where no document is the same in both runs."""
    if line is None:
        return None
    pair = comparisons.paired(line, "now", "before")
    found = differences.interval(pair)
    if not np.isfinite(found.value):
        return None
    low, high = intervals.none_if_not_finite(found.low), intervals.none_if_not_finite(found.high)
    return Change(found.value, low, high, line.scale, differences.documents(pair))


def _independent(value: float, before: float | None, now: float | None) -> Change:
    """The change between scores of different documents, from the standard errors of both."""
    if before is None or now is None:
        return Change(value, None, None, "score", 0)
    half = float(intervals.critical()) * math.hypot(before, now)
    return Change(value, value - half, value + half, "score", 0)

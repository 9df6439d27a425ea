"""The same tasks and models in earlier results folders: how the scores moved, and whether further than noise."""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from snakeval.analysis import comparisons, differences, gate, lines
from snakeval.analysis.lines import Line
from snakeval.files import parquet
from snakeval.report import charts, text
from snakeval.report.board import Row
from snakeval.schemas.run import SCORE_TABLE
from snakeval.statistics import intervals

COLUMNS = [
    "benchmark",
    "task",
    "filter",
    "metric",
    "model",
    "value",
    "ci_low",
    "ci_high",
    "stderr",
]  # earlier versions may lack others


@dataclass(frozen=True)
class Change:
    """From one run to a later one: a difference of scores, or of their logarithms where `scale` is log."""

    value: float
    low: float | None
    high: float | None
    scale: str
    paired: int  # documents that both runs have; 0: the runs count as independent samples

    def told(self, value: float) -> str:
        """The change, or an end of its interval, as text: of logarithms the ratio of the scores."""
        return (
            f"×\u202f{text.number(float(np.exp(value)), 4)}"
            if self.scale == "log"
            else text.signed(value)
        )


@dataclass(frozen=True)
class Course:
    """One model on one task over the runs, oldest first; the change is from the run before the last to the last."""

    task: str
    metric: str
    model: str
    points: list[tuple[str, float, float | None, float | None]]  # run, score, low, high
    change: Change
    higher_is_better: bool

    @property
    def verdict(self) -> str:
        """regression, improvement, or nothing where the interval of the change holds 0 or is unknown."""
        change = self.change
        if change.low is None or change.high is None or change.low <= 0 <= change.high:
            return ""
        return "improvement" if (change.value > 0) == self.higher_is_better else "regression"


def courses(earlier: list[dict], results: Path, leading: list[Row], settings: dict) -> list[Course]:
    """`earlier`: {"label", "results"} of earlier runs, oldest first; `leading`: the rows of this run that lead the overview.

    `settings`: as for `leaderboard.build`. The change is that of the documents that are the same in both runs, with the interval that
    comparisons and the gate give; without such documents it treats the two runs as independent samples. Regressions come first. Raises
    UserError when an earlier folder holds no tables.
    """
    before = [
        (run["label"], Path(run["results"]), _values(Path(run["results"]))) for run in earlier
    ]
    kept = cache(
        lambda folder, benchmark: gate.unchanged(
            *(run / "requests" / f"{benchmark}.parquet" for run in (results, folder))
        )[0]
    )
    found = []
    for benchmark, model in dict.fromkeys(
        (row.benchmark, model) for row in leading for model in row.cells
    ):
        lines = cache(
            lambda folder, e=benchmark, m=model: _lines(
                folder, results, e, m, kept(folder, e), settings
            )
        )
        for row in leading:
            if row.benchmark != benchmark or model not in row.cells:
                continue
            key, cell = (row.task, row.filter, row.metric), row.cells[model]
            known = [
                (label, folder, line)
                for label, folder, table in before
                if (line := table.get((benchmark, *key, model)))
            ]
            if not known or cell.value is None:
                continue
            points = [
                (label, line["value"], line["ci_low"], line["ci_high"]) for label, _, line in known
            ]
            points.append(("this run", cell.value, cell.low, cell.high))
            _, folder, last = known[-1]
            change = _paired(lines(folder).get(key)) or _independent(
                cell.value - last["value"], (last["stderr"], cell.stderr)
            )
            found.append(Course(row.task, row.metric, model, points, change, row.higher_is_better))
    order = {"regression": 0, "improvement": 1, "": 2}
    return sorted(found, key=lambda course: order[course.verdict])


def csv(found: list[Course]) -> str:
    lines = [
        (course.task, course.metric, course.model, *point)
        for course in found
        for point in course.points
    ]
    return charts.csv(("task", "metric", "model", "run", "value", "ci_low", "ci_high"), lines)


def chart(course: Course) -> charts.Panel:
    """The course as a line of 120 by 26 pixels."""
    marks = [charts.Mark(label, value, low, high) for label, value, low, high in course.points]
    low, high = charts.span(marks, None)
    points = [
        (float(i), mark.value or 0.0, mark.low, mark.high, mark.label)
        for i, mark in enumerate(marks)
    ]
    return charts.Panel(
        "",
        charts.Axis(0, len(marks) - 1, 6, 114),
        charts.Axis(low, high, 23, 3),
        0,
        points,
        True,
        False,
        "",
    )


def _values(results: Path) -> dict[tuple, dict]:
    """The scores of a run that are known."""
    table = parquet.read(results / "tables/scores.parquet", SCORE_TABLE, COLUMNS).to_pylist()
    keys = ("benchmark", "task", "filter", "metric", "model")
    return {tuple(line[key] for key in keys): line for line in table if line["value"] is not None}


def _lines(
    before: Path,
    now: Path,
    benchmark: str,
    model: str,
    kept: dict[str, np.ndarray] | None,
    settings: dict,
) -> dict[tuple[str, str, str], Line]:
    """(task, filter, metric) -> the model's scores `before` and `now` of the documents `kept`."""
    files = {
        name: run / "scores" / model / f"{benchmark}.parquet"
        for name, run in (("before", before), ("now", now))
    }
    if kept is None or not all(file.exists() for file in files.values()):
        return {}
    requests = now / "requests" / f"{benchmark}.parquet"
    found = lines.of_benchmark(benchmark, files, requests, settings, kept)
    return {
        (line.task, *line.key): line for line in found if line.has("before") and line.has("now")
    }


def _paired(line: Line | None) -> Change | None:
    """The change by document; None where no document is the same in both runs."""
    pair = comparisons.paired(line, "now", "before") if line else []
    found = differences.interval(pair)
    if not np.isfinite(found.value) or line is None:
        return None
    return Change(
        found.value,
        intervals.none_if_not_finite(found.low),
        intervals.none_if_not_finite(found.high),
        line.scale,
        differences.documents(pair),
    )


def _independent(value: float, stderrs: tuple[float | None, float | None]) -> Change:
    """The change between scores of other documents, with the standard errors of both."""
    before, now = stderrs
    if before is None or now is None:
        return Change(value, None, None, "score", 0)
    half = float(intervals.critical()) * math.hypot(before, now)
    return Change(value, value - half, value + half, "score", 0)

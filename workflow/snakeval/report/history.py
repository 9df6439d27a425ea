"""The same tasks and models in earlier results folders: how the scores moved, and whether further than noise."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snakeval import parquet, schemas
from snakeval.report import charts
from snakeval.report.board import Z95, Row

COLUMNS = ["entry", "task", "filter", "metric", "model", "value", "ci_low", "ci_high", "stderr"]  # earlier versions may lack others


@dataclass(frozen=True)
class Run:
    """Where a run's tables lie, and what to call it."""

    label: str
    results: Path


@dataclass(frozen=True)
class Course:
    """One model on one task over the runs, oldest first; the change is from the run before the last to the last."""

    task: str
    metric: str
    model: str
    points: list[tuple[str, float, float | None, float | None]]  # run, score, low, high
    change: float
    low: float | None
    high: float | None
    paired: bool
    higher_is_better: bool

    @property
    def verdict(self) -> str:
        """regression, improvement, or nothing where the interval of the change holds 0 or is unknown."""
        if self.low is None or self.high is None or self.low <= 0 <= self.high:
            return ""
        return "improvement" if (self.change > 0) == self.higher_is_better else "regression"


def courses(earlier: list[dict], results: Path, leading: list[Row]) -> list[Course]:
    """`earlier`: {"label", "results"} of earlier runs, oldest first; `leading`: the rows of this run that lead the overview.

    The change between runs that asked the same requests is taken document by document; otherwise its interval treats the two runs
    as independent samples. Regressions come first. Raises UserError when an earlier folder holds no tables.
    """
    runs = [*(Run(run["label"], Path(run["results"])) for run in earlier), Run("this run", results)]
    before = [_values(run.results) for run in runs[:-1]]
    found = []
    for row in leading:
        for model, cell in row.cells.items():
            key = (row.entry, row.task, row.filter, row.metric, model)
            known = [
                (run, table[key]) for run, table in zip(runs, before, strict=False) if key in table and table[key]["value"] is not None
            ]
            if not known or cell.value is None:
                continue
            points = [(run.label, line["value"], line["ci_low"], line["ci_high"]) for run, line in known]
            last, line = known[-1]
            change = cell.value - line["value"]
            error = _paired_error(last.results, results, row, model)
            paired = error is not None
            if error is None and cell.stderr is not None and line["stderr"] is not None:
                error = math.hypot(cell.stderr, line["stderr"])
            half = None if error is None else Z95 * error
            low, high = (None, None) if half is None else (change - half, change + half)
            points.append(("this run", cell.value, cell.low, cell.high))
            found.append(Course(row.task, row.metric, model, points, change, low, high, paired, row.higher_is_better))
    order = {"regression": 0, "improvement": 1, "": 2}
    return sorted(found, key=lambda course: order[course.verdict])


def csv(found: list[Course]) -> str:
    lines = [(course.task, course.metric, course.model, *point) for course in found for point in course.points]
    return charts.csv(("task", "metric", "model", "run", "value", "ci_low", "ci_high"), lines)


def chart(course: Course) -> charts.Panel:
    """The course as a line of 120 by 26 pixels."""
    marks = [charts.Mark(label, value, low, high) for label, value, low, high in course.points]
    low, high = charts.span(marks, None)
    points = [(float(i), mark.value or 0.0, mark.low, mark.high, mark.label) for i, mark in enumerate(marks)]
    return charts.Panel("", charts.Axis(0, len(marks) - 1, 6, 114), charts.Axis(low, high, 23, 3), 0, points, True, False, "")


def _values(results: Path) -> dict[tuple, dict]:
    table = parquet.read(results / "tables/scores.parquet", schemas.SCORE_TABLE, COLUMNS).to_pylist()
    return {(line["entry"], line["task"], line["filter"], line["metric"], line["model"]): line for line in table}


def _paired_error(before: Path, after: Path, row: Row, model: str) -> float | None:
    """Standard error of the mean difference of the documents' scores; None where the runs asked different things."""
    requests = [folder / "requests" / f"{row.entry}.parquet" for folder in (before, after)]
    scores = [folder / "scores" / model / f"{row.entry}.parquet" for folder in (before, after)]
    if (
        row.is_group
        or not all(path.exists() for path in (*requests, *scores))
        or parquet.digest(requests[0]) != parquet.digest(requests[1])
    ):
        return None
    earlier, later = (_document_scores(path, row) for path in scores)
    if earlier.keys() != later.keys() or len(later) < 2 or any(value is None for value in (*earlier.values(), *later.values())):
        return None
    gaps = np.array([later[document] - earlier[document] for document in later])  # type: ignore[operator]
    return float(gaps.std(ddof=1)) / math.sqrt(len(gaps))


def _document_scores(path: Path, row: Row) -> dict[int, float | None]:
    table = parquet.read(path, schemas.SCORES, ["task", "doc_id", "filter", "metric", "value"]).to_pylist()
    wanted = (row.task, row.filter, row.metric)
    return {line["doc_id"]: line["value"] for line in table if (line["task"], line["filter"], line["metric"]) == wanted}

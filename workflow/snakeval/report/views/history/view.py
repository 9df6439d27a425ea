"""How scores changed since earlier runs."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from snakeval.analysis.history import Change, Course, EarlierFiles, Files, Score, courses
from snakeval.analysis.stage import RunSettings
from snakeval.report import charts, text
from snakeval.report.board import Row
from snakeval.report.view import Run, View


def content(
    run: Run,
    *,
    history: Sequence[EarlierFiles],
    requests: Mapping[str, Path],
    document_scores: Mapping[tuple[str, str], Path],
) -> dict | None:
    found = followed(Files(requests, document_scores), history, run.leading, run.settings)
    if not found:
        return None
    verdicts = [course.verdict for course in found]
    return {
        "courses": found,
        "worse": verdicts.count("regression"),
        "better": verdicts.count("improvement"),
        "csv": csv(found),
        "chart": chart,
        "shown": shown,
    }


def followed(
    now: Files, earlier: Sequence[EarlierFiles], leading: Sequence[Row], settings: RunSettings
) -> list[Course]:
    """The courses of the rows that lead; `settings` as for `analysis.leaderboard.build`."""
    scores = [
        Score(
            *(row.benchmark, row.task, row.filter, row.metric, model),
            *(cell.value, cell.low, cell.high, cell.stderr, row.higher_is_better),
        )
        for row in leading
        for model, cell in row.cells.items()
    ]
    return courses(now, earlier, scores, settings) if earlier else []


def shown(change: Change, value: float) -> str:
    """A change, or an end of its interval, as text: of logarithms the ratio of the scores."""
    if change.scale == "log":
        return f"×\u202f{text.number(math.exp(value), 4)}"
    return text.signed(value)


def csv(found: list[Course]) -> str:
    lines = [
        (course.task, course.metric, course.model, *point)
        for course in found
        for point in course.points
    ]
    return charts.csv(("task", "metric", "model", "run", "value", "ci_low", "ci_high"), lines)


def chart(course: Course) -> charts.Panel:
    """The course as a line of 120 by 26 pixels."""
    low, high = charts.span([charts.Mark(*point) for point in course.points], None)
    points = [
        (float(i), value, low, high, label)
        for i, (label, value, low, high) in enumerate(course.points)
    ]
    x, y = charts.Axis(0, len(points) - 1, 6, 114), charts.Axis(low, high, 23, 3)
    return charts.Panel("", x, y, 0, points, line=True, diagonal=False, note="")


VIEW = View(
    "History",
    "Results",
    60,
    content,
    reads=("history", "requests", "document_scores"),
)

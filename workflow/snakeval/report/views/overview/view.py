"""Which model is better and by how much, the table of scores, and the heat map."""

from snakeval.analysis.comparisons import ALL_PAIRS
from snakeval.report import board, charts, figures, text
from snakeval.report.board import Row, Standing
from snakeval.report.view import Run, View


def content(run: Run) -> dict:
    """What the template names; `gaps`: model -> the best model's mean minus its own."""
    best, *others = run.models
    gaps = {other: board.mean_difference(run.leading, run.pairs, best, other) for other in others}
    shown = [row for row in run.rows if row.primary and row.bounded]
    heat = score_map(shown, run.models)
    return {
        "gaps": gaps,
        "tied": [other for other, gap in gaps.items() if gap and not _ahead(gap)],
        "apart": [other for other, gap in gaps.items() if gap is None],
        "record": board.record(run.pairs, run.leading, best, others[0]) if others else None,
        "averaged": board.averaged(run.leading),
        "all_pairs": ALL_PAIRS,
        "targets": run.settings.targets,
        "baseline": run.settings.baseline,
        "chart": standing_chart(run.standings),
        "chart_csv": standing_csv(run.standings),
        "scores_csv": figures.scores_csv(run.rows),
        "heat": heat if heat.cells and others else None,
        "heat_csv": heat_csv(shown),
    }


def standing_chart(standings: list[Standing]) -> charts.Dots:
    """The models' means over tasks."""
    best = standings[0]
    marks = []
    for s in standings:
        reaches_best = best.low is not None and s.high is not None and s.high >= best.low
        note = "" if s.low is None else f"{text.number(s.low)} to {text.number(s.high)}"
        marks.append(charts.Mark(s.model, s.mean, s.low, s.high, strong=reaches_best, note=note))
    return charts.dots(marks, unit="mean score", bounded=True, width=660, note=170, letters=34)


def standing_csv(standings: list[Standing]) -> str:
    lines = [(s.model, s.mean, s.low, s.high, s.best, s.rows) for s in standings]
    return charts.csv(("model", "mean", "ci_low", "ci_high", "best_or_tied", "tasks"), lines)


def score_map(rows: list[Row], models: list[str]) -> figures.Heat:
    """A cell for each row and model, palest at chance."""
    values = [
        [cell.value if (cell := row.cells.get(model)) else None for model in models] for row in rows
    ]
    lines = [(row.depth, row.task, row.chance or 0.0) for row in rows]
    return figures.heat(lines, values, models)


def heat_csv(rows: list[Row]) -> str:
    lines = [
        (row.task, model, cell.value, row.chance)
        for row in rows
        for model, cell in row.cells.items()
    ]
    return charts.csv(("task", "model", "value", "chance"), lines)


def _ahead(gap: board.Pair) -> bool:
    return gap.low is None or gap.low > 0


VIEW = View("Overview", "Results", 10, content)

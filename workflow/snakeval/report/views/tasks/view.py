"""Every task with the scores of every model."""

from snakeval.report import charts, figures
from snakeval.report.board import Row
from snakeval.report.view import Run, View


def content(run: Run) -> dict:
    """The members of each group come after the tasks that lead."""
    subtasks = {
        group.key: [row for row in run.rows if row.primary and _is_member(row, group)]
        for group in run.rows
        if group.children
    }
    groups = [(row.task, subtasks[row.key]) for row in run.rows if row.children]
    return {"groups": groups, "chart": chart, "csv": figures.scores_csv}


def chart(row: Row) -> charts.Dots:
    """The models' scores on one task, best first; those without a score are last."""

    def order(item: tuple) -> float:
        value = item[1].value
        return float("inf") if value is None else -value if row.higher_is_better else value

    marks = [
        charts.Mark(model, cell.value, cell.low, cell.high, strong=cell.best or cell.tied)
        for model, cell in sorted(row.cells.items(), key=order)
    ]
    return charts.dots(marks, unit=row.metric, bounded=row.bounded, reference=row.chance)


def _is_member(row: Row, group: Row) -> bool:
    inside = (row.benchmark, row.parent) == (group.benchmark, group.task)
    return inside and row.task != group.task


VIEW = View("Tasks", "Results", 20, content)

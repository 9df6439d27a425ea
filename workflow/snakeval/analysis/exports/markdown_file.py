"""The printed table as Markdown: the best score in bold, intervals in brackets."""

from pathlib import Path

from snakeval.analysis import markdown
from snakeval.analysis.exports.printed import Printed, Score

SUFFIX = "md"
_LEGEND = (
    "Bold: best; †: not to be told from the best (paired tests, Holm-adjusted per task, 5 %). "
    "In brackets: 95 % interval."
)


def write(printed: Printed, path: Path) -> None:
    if not printed.body:
        text = "No scores." if printed.legend else "No rows."
    else:
        body = [[_cell(cell) for cell in line] for line in printed.body]
        text = markdown.table(printed.head, body, printed.numeric)
        text += f"\n\n{_LEGEND}" if printed.legend else ""
    path.write_text(f"{text}\n", encoding="utf-8")


def _cell(cell: str | Score | None) -> str:
    if isinstance(cell, str):
        return cell
    if cell is None or not cell.value:
        return "–"
    value = f"**{cell.value}**" if cell.best else cell.value
    mark = " †" if cell.tied else ""
    return f"{value}{mark} ({cell.low} – {cell.high})" if cell.low else f"{value}{mark}"

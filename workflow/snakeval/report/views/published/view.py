"""Published figures, next to those of this run."""

from pathlib import Path

from snakeval.analysis import markdown
from snakeval.files import parquet
from snakeval.report import charts
from snakeval.report.view import Run, View
from snakeval.schemas.run import TARGETS


def content(run: Run, *, targets: Path) -> dict | None:
    lines = parquet.read(targets, TARGETS).to_pylist()  # also of models that the run does not have
    if not lines:
        return None
    return {"lines": lines, "counted": markdown.counted(lines), "csv": charts.table_csv(lines)}


VIEW = View("Published", "Results", 50, content, reads=("targets",))

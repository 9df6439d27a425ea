"""What a view of the page declares, and what it may use of the run.

A view is a folder of `snakeval.report.views`. Its name is the id of the view's section and the
first part of its addresses. It holds

- `view.py`, whose VIEW is a `View`;
- `view.j2`, a template of what is inside the section. It begins with
  `<h1 id="h-{{ view }}">` and knows `view` (the name), `run` (a `Run`) and what `content` gives;
- scripts (`*.js`) and styles (`*.css`), where it has any. The scripts of a view share one scope and
  may use what `static/` defines. A view that follows its address adds itself to `shows`
  (`static/address.js`).

    def content(run: Run, *, health: Path) -> dict | None:
        lines = run.lines(health, HEALTH)
        return {"lines": lines} if lines else None

    VIEW = View("Health", "Quality", 50, content, reads=("health",))
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from snakeval.files import parquet
from snakeval.report.board import Pair, Row, Standing
from snakeval.report.stage import ReportSettings


@dataclass(frozen=True)
class View:
    """One view of the page."""

    title: str  # in the navigation
    group: str  # of the navigation
    place: int  # order within the group; a group's own place is the lowest of its views
    content: Callable[..., Mapping[str, Any] | None]
    """Gives what the template names, or None: nothing to show, so the page has no such view.

    Called with the `Run`, and by name with each file of `reads`.
    """
    reads: tuple[str, ...] = ()  # fields of `Inputs`; scores and comparisons come with the run
    write: Callable[..., None] | None = None
    """Writes files that the page loads, into a new folder of the view's name next to the page.

    Called with the `Run` and the folder, and by name with each file of `reads`.
    """


@dataclass(frozen=True)
class Run:
    """The run, as every view knows it."""

    settings: ReportSettings
    provenance: Mapping[str, Any]  # what `report.provenance.collect` gave
    models: list[str]  # best first
    benchmarks: list[str]  # in the order of the configuration
    scores: list[dict]  # lines of SCORE_TABLE
    comparisons: list[dict]  # lines of COMPARISONS
    rows: list[Row]  # the scores as a tree, all metrics
    leading: list[Row]  # those at its top, each by its primary metric
    pairs: Mapping[tuple, Pair]  # of `board.pairs`
    standings: list[Standing]  # best first

    def primary(self, bounded: bool = False) -> dict[tuple[str, str], tuple[str, str]]:
        """(benchmark, task) -> the filter and metric that lead, without groups.

        With `bounded` only where scores run from 0 to 1.
        """
        return {
            (row.benchmark, row.task): (row.filter, row.metric)
            for row in self.rows
            if row.primary and not row.is_group and (row.bounded or not bounded)
        }

    def lines(self, path: Path, schema: pa.Schema) -> list[dict]:
        """The lines of a table that are about this run's models and benchmarks."""
        return lines_of(path, schema, self.models, self.benchmarks)


def lines_of(path: Path, schema: pa.Schema, models: list[str], benchmarks: list[str]) -> list[dict]:
    """The lines of a table about these models and benchmarks, or about any model (None)."""
    columns = [name for name in ("model", "model_a", "model_b") if name in schema.names]
    return [
        line
        for line in parquet.read(path, schema).to_pylist()
        if line["benchmark"] in benchmarks
        and all(line[name] is None or line[name] in models for name in columns)
    ]

"""Collect the views of a run and write the page, with the files that it loads."""

import base64
import hashlib
import math
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from snakeval.files import atomic
from snakeval.report import board, text
from snakeval.report.inputs import Inputs
from snakeval.report.packed import json_block, json_text, pack
from snakeval.report.stage import ReportSettings
from snakeval.report.view import Run, View, lines_of
from snakeval.report.views.registry import VIEWS
from snakeval.schemas.run import COMPARISONS, SCORE_TABLE

_HERE = Path(__file__).parent
SCRIPTS = ("load", "text", "address", "scores", "figures")  # before those of the views
START = 'document.documentElement.classList.add("scripted")'
"""Runs before the body is read, so that hidden views are never laid out."""
STYLES = ("page", "table", "text", "charts")  # before those of the views
FILTERS = {
    "number": text.number,
    "signed": text.signed,
    "p": text.probability,
    "integer": text.integer,
    "percent": text.percent,
    "bytes": text.size,
    "energy": text.energy,
    "duration": text.duration,
    "names": text.names,
    "shortened": text.shortened,
    "url": partial(quote, safe=""),
}


@dataclass(frozen=True)
class Shown:
    """A view that has something to show."""

    name: str
    view: View
    html: Markup


def write_page(
    inputs: Inputs, settings: ReportSettings, provenance: Mapping[str, Any], output: Path
) -> None:
    """Write the page `output`, and next to it a folder for each view that loads files.

    `provenance`: what `snakeval.report.provenance.collect` gives. The page is a function of these
    and of the files. Raises UserError when a file is missing or damaged.
    """
    output = Path(output)
    run = read_run(inputs, settings, provenance)
    environment = _environment()
    shown = []
    for name, view in VIEWS.items():
        files = {field: getattr(inputs, field) for field in view.reads}
        folder = output.parent / name
        if view.write is not None and folder.exists():
            shutil.rmtree(folder)
        content = view.content(run, **files)
        if content is None:
            continue
        if view.write is not None:
            view.write(run, folder, **files)
        template = environment.get_template(f"{name}/view.j2")
        html = template.render(view=name, run=run, **content)
        shown.append(Shown(name, view, Markup(html)))
    atomic.write_text(output, _page(environment, run, shown))


def read_run(inputs: Inputs, settings: ReportSettings, provenance: Mapping[str, Any]) -> Run:
    """The scores and comparisons of the run, and how its models stand."""
    configured, benchmarks = settings.models, settings.tasks
    scores = lines_of(inputs.scores, SCORE_TABLE, configured, benchmarks)
    comparisons = lines_of(inputs.comparisons, COMPARISONS, configured, benchmarks)
    pairs = board.pairs(comparisons)
    unordered = board.top(board.rows(scores, configured, benchmarks))
    standings = board.standings(unordered, pairs, configured)
    models = [standing.model for standing in standings]
    rows = board.rows(scores, models, benchmarks)
    return Run(
        settings=settings,
        provenance=provenance,
        models=models,
        benchmarks=benchmarks,
        scores=scores,
        comparisons=comparisons,
        rows=rows,
        leading=board.top(rows),
        pairs=pairs,
        standings=standings,
    )


def _page(environment: Environment, run: Run, shown: list[Shown]) -> str:
    """The page around its views."""
    style = _joined(STYLES, shown, "css")
    script = _joined(SCRIPTS, shown, "js")
    groups: dict[str, list[Shown]] = {}
    for each in shown:
        groups.setdefault(each.view.group, []).append(each)
    documents = {(row.benchmark, row.task): row.n for row in run.rows if not row.is_group}
    return environment.get_template("page.html.j2").render(
        run=run,
        provenance=run.provenance,
        shown=shown,
        groups=groups,
        documents=sum(documents.values()),
        run_json=json_block(_run_data(run)),
        comparisons_packed=Markup(pack(json_text(_comparison_columns(run)))),
        style=Markup(style),
        script=Markup(script),
        start=Markup(START),
        style_hash=_source_hash(style),
        script_hashes=[_source_hash(script), _source_hash(START)],
    )


def _environment() -> Environment:
    """Every expression is made visible, then escaped; an unknown name is an error."""
    environment = Environment(
        loader=FileSystemLoader([_HERE / "templates", _HERE / "views"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters |= FILTERS
    return environment


def _finalize(value: object) -> object:
    return value if isinstance(value, Markup) or not isinstance(value, str) else text.visible(value)


def _joined(shared: Iterable[str], shown: list[Shown], kind: str) -> str:
    """The shared files and those of the views as one; `app.js` and `print.css` are last.

    Scripts are in one scope that the page's data cannot reach, those of a view in a block of their
    own in it, so that views may use the same names.
    """
    content = [_read(_HERE / "static" / f"{name}.{kind}") for name in shared]
    for each in shown:
        files = sorted((_HERE / "views" / each.name).glob(f"*.{kind}"))
        if files:
            own = "\n".join(map(_read, files))
            content.append(f"{{\n{own}\n}}" if kind == "js" else own)
    content.append(_read(_HERE / "static" / ("app.js" if kind == "js" else "print.css")))
    joined = "\n".join(content)
    return f'"use strict";\n(() => {{\n{joined}\n}})();' if kind == "js" else joined


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _source_hash(content: str) -> str:
    """As a content security policy names a script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _run_data(run: Run) -> dict:
    """What the scripts know: models, best first, and every row of the scores."""
    targets = run.settings.targets

    def values(row: board.Row) -> list[float | None]:
        cells = [row.cells.get(model) for model in run.models]
        return [_short(cell.value) if cell else None for cell in cells]

    rows = [
        {
            "benchmark": row.benchmark,
            "task": row.task,
            "filter": row.filter,
            "metric": row.metric,
            "depth": row.depth,
            "group": row.is_group,
            "bounded": row.bounded,
            "higher": row.higher_is_better,
            "chance": row.chance,
            "target": targets.get(row.task) if row.primary else None,
            "primary": row.primary,
            "n": row.n,
            "values": values(row),
        }
        for row in run.rows
    ]
    benchmarks = [{"name": name, "folder": quote(name)} for name in run.benchmarks]
    return {"models": run.models, "benchmarks": benchmarks, "rows": rows}


def _comparison_columns(run: Run) -> dict[str, list]:
    """The comparisons as columns; models as their numbers, figures to five significant digits."""
    number = {model: i for i, model in enumerate(run.models)}
    lines = run.comparisons
    plain = ("benchmark", "task", "filter", "metric", "n", "scale", "test")
    figures = ("difference", "ci_low", "ci_high", "p_holm", "p_bh", "effect", "detectable")
    return {
        **{name: [line[name] for line in lines] for name in plain},
        **{name: [number[line[f"model_{name}"]] for line in lines] for name in ("a", "b")},
        **{name: [_short(line[name]) for line in lines] for name in figures},
    }


def _short(value: float | None) -> float | None:
    """Five significant digits; None for what JSON cannot hold, such as an infinite perplexity."""
    return float(f"{value:.5g}") if value is not None and math.isfinite(value) else None

"""Read the tables of a run and write the page and the sample files beside it."""

import base64
import hashlib
import json
import math
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from snakeval.analysis import markdown
from snakeval.analysis.comparisons import ALL_PAIRS
from snakeval.files import atomic, parquet
from snakeval.report import (
    board,
    charts,
    cost,
    figures,
    health,
    history,
    quality,
    rule_graph,
    samples,
    text,
    variety,
)
from snakeval.schemas.model import FORECAST, NUMERICS, TIMINGS
from snakeval.schemas.run import COMPARISONS, HEALTH, PREFLIGHT, SCORE_TABLE, TARGETS

_HERE = Path(__file__).parent
SCRIPTS = (
    "load",
    "text",
    "figures",
    "table",
    "compare",
    "samples",
    "sample",
    "app",
)  # joined in this order into one script
START = 'document.documentElement.classList.add("scripted")'  # ahead of the body, so that hidden views are never laid out
STYLES = ("page", "table", "charts", "samples", "print")


def write_page(results: Path, settings: dict, output: Path) -> None:
    """Write the report of the run in `results` as the page `output` and the folder `samples` beside it.

    `settings`: {"title": str, "models": names in the order of the configuration, "tasks": benchmarks in that order,
    "targets": {task: score to reach}, "baseline": a model that the others are held against, "history": [{"label", "results"}] of earlier
    runs, oldest first (these three may be left out; with the last also what `leaderboard.build` takes), "provenance": what
    `snakeval.report.provenance.collect` gives}.

    The page is a function of the tables and the settings. Raises UserError when a table is missing or damaged.
    """
    results, output = Path(results), Path(output)
    configured, benchmarks = list(settings["models"]), list(settings["tasks"])
    scores = _lines(results / "tables/scores.parquet", SCORE_TABLE, configured, benchmarks)
    comparisons = _lines(
        results / "tables/comparisons.parquet", COMPARISONS, configured, benchmarks
    )
    tables = {
        name: _lines(results / f"tables/{name}.parquet", schema, configured, benchmarks)
        for name, schema in (
            ("health", HEALTH),
            ("preflight", PREFLIGHT),
            ("numerics", NUMERICS),
            ("forecast", FORECAST),
        )
    }
    timings = _lines(results / "tables/efficiency.parquet", TIMINGS, configured, benchmarks)
    published = parquet.read(results / "tables/targets.parquet", TARGETS).to_pylist()

    found = board.pairs(comparisons)
    standings = board.standings(
        board.top(board.rows(scores, configured, benchmarks)), found, configured
    )
    models = [standing.model for standing in standings]  # best first, in every list of the page
    rows = board.rows(scores, models, benchmarks)
    leading = board.top(rows)
    gaps = {other: board.mean_difference(leading, found, models[0], other) for other in models[1:]}
    primary = {(row.benchmark, row.task): (row.filter, row.metric) for row in rows if row.primary}
    samples.write(results, benchmarks, models, primary, output.parent / "samples")

    spent = cost.summed(timings, standings, settings["provenance"])
    page = _environment().get_template("page.html.j2")
    style, script = _joined(STYLES, "css"), _joined(SCRIPTS, "js")
    rendered = page.render(
        settings=settings,
        provenance=settings["provenance"],
        models=models,
        rows=rows,
        leading=leading,
        standings=standings,
        gaps=gaps,
        tied=[other for other, gap in gaps.items() if gap and gap.low is not None and gap.low <= 0],
        apart=[other for other, gap in gaps.items() if gap is None],
        all_pairs=ALL_PAIRS,
        record=board.record(found, leading, models[0], models[1]) if len(models) > 1 else None,
        averaged=board.averaged(leading),
        tables=tables,
        health=health.documents(tables["health"], models),
        cost=spent,
        quality=quality.measure(results, benchmarks, models, rows),
        variety=variety.measure(results, benchmarks, models, rows),
        published=published,
        counted=markdown.counted,
        history=history.courses(settings.get("history", []), results, leading, settings),
        graph=rule_graph.layout(settings["provenance"]["rules"]),
        figures=figures,
        table_csv=charts.table_csv,
        measures=quality,
        costs=cost,
        healths=health,
        varieties=variety,
        histories=history,
        documents=sum(
            {(row.benchmark, row.task): row.n for row in rows if not row.is_group}.values()
        ),
        run_json=_json_block(_run(settings, models, rows)),
        comparisons_packed=Markup(samples.pack(_comparisons(comparisons, models))),
        style=Markup(style),
        script=Markup(script),
        start=Markup(START),
        style_hash=_source_hash(style),
        script_hashes=[_source_hash(script), _source_hash(START)],
    )
    atomic.write_text(output, rendered)


def _lines(path: Path, schema: pa.Schema, models: list[str], benchmarks: list[str]) -> list[dict]:
    """The lines of a table that are about the models and benchmarks of this run alone."""
    columns = [name for name in ("model", "model_a", "model_b") if name in schema.names]
    lines = parquet.read(path, schema).to_pylist()
    return [
        line
        for line in lines
        if line["benchmark"] in benchmarks
        and all(line[name] is None or line[name] in models for name in columns)
    ]


def _environment() -> Environment:
    """Everything an expression gives is made visible, then escaped; an unknown name is an error."""
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters |= {
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
    return environment


def _finalize(value: object) -> object:
    return value if isinstance(value, Markup) or not isinstance(value, str) else text.visible(value)


def _joined(names: tuple[str, ...], kind: str) -> str:
    """The files of `static/` as one; scripts share one scope that the page's data cannot reach."""
    content = "\n".join(
        (_HERE / "static" / f"{name}.{kind}").read_text(encoding="utf-8") for name in names
    )
    return f'"use strict";\n(() => {{\n{content}\n}})();' if kind == "js" else content


def _source_hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _run(settings: dict, models: list[str], rows: list[board.Row]) -> dict:
    """What the scripts know of the run: models, best first, and the tasks with their leading metric."""
    targets = settings.get("targets", {})
    return {
        "models": models,
        "benchmarks": [
            {"name": benchmark, "folder": quote(benchmark)} for benchmark in settings["tasks"]
        ],
        "rows": [
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
                "values": [
                    _short(cell.value) if (cell := row.cells.get(model)) else None
                    for model in models
                ],
            }
            for row in rows
        ],
    }


def _comparisons(comparisons: list[dict], models: list[str]) -> str:
    """The comparison table as JSON columns; models as their numbers, figures to five significant digits."""
    number = {model: i for i, model in enumerate(models)}
    columns: dict[str, list] = {
        name: [line[name] for line in comparisons]
        for name in ("benchmark", "task", "filter", "metric", "n", "scale", "test")
    }
    columns |= {
        name: [number[line[f"model_{name}"]] for line in comparisons] for name in ("a", "b")
    }
    columns |= {
        name: [_short(line[name]) for line in comparisons]
        for name in ("difference", "ci_low", "ci_high", "p_holm", "p_bh", "effect", "detectable")
    }
    return json.dumps(columns, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _short(value: float | None) -> float | None:
    """Five significant digits; null for what JSON cannot hold, as an infinite perplexity."""
    return float(f"{value:.5g}") if value is not None and math.isfinite(value) else None


def _json_block(data: dict) -> Markup:
    """JSON for a <script type="application/json">: no < or & that HTML could read as markup."""
    content = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(content.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))

"""Tables as papers print them, in every format of `exports`.

One table over all tasks (`main`), one per benchmark that has subtasks or several metrics,
`comparisons`, and `targets` where figures are published. In print, scores have three or four
digits, the best of each line is bold, and † marks scores not distinguishable from the best.
"""

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from snakeval.analysis import markdown
from snakeval.analysis.exports.formats import FORMATS
from snakeval.analysis.exports.printed import Printed, Score

Lines = Sequence[Mapping]
Key = tuple[str, str, str, str]  # benchmark, task, filter, metric


def write(scores: pa.Table, comparisons: pa.Table, targets: pa.Table, folder: Path) -> None:
    """Write all tables of a run to `folder`, replacing what is there.

    `scores`: SCORE_TABLE. `comparisons`: COMPARISONS. `targets`: TARGETS.
    """
    lines = scores.to_pylist()
    top = [line for line in lines if line["primary"] and line["parent"] is None]
    tables = {"main": _scores(top, scores.schema)}
    for benchmark in dict.fromkeys(line["benchmark"] for line in lines):
        own = [line for line in lines if line["benchmark"] == benchmark]
        if len({_key(line) for line in own}) > 1:
            tables[f"benchmark-{benchmark}"] = _scores(own, scores.schema)
    tables["comparisons"] = _rows(comparisons)
    if targets.num_rows:
        tables["targets"] = _rows(targets)
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for name, printed in tables.items():
        for suffix, module in FORMATS.items():
            module.write(printed, folder / f"{name}.{suffix}")


def _scores(lines: Lines, schema: pa.Schema) -> Printed:
    """Models × lines of the score table, whichever are fewer as columns."""
    models, names = sorted({line["model"] for line in lines}), _names(lines)
    scores = _printed_scores(lines)
    body: list[list[str | Score | None]]
    if len(models) > len(names):
        head = ["model", *names.values()]
        body = [[model, *(scores.get((key, model)) for key in names)] for model in models]
    else:
        head = ["task", *models]
        body = [
            [name, *(scores.get((key, model)) for model in models)] for key, name in names.items()
        ]
    return Printed(pa.Table.from_pylist(list(lines), schema), head, body, head[1:], legend=True)


def _rows(table: pa.Table) -> Printed:
    """A table that is printed row by row, without empty columns."""
    lines, schema = table.to_pylist(), table.schema
    names = [name for name in schema.names if any(line[name] is not None for line in lines)]
    names = names or schema.names
    numeric = [name for name in names if schema.field(name).type in (pa.float64(), pa.int64())]
    body = [["" if line[name] is None else _plain(line[name]) for name in names] for line in lines]
    return Printed(table, names, body, numeric, legend=False)


def _names(lines: Lines) -> dict[Key, str]:
    """The label of a line of the score table: its task and metric.

    The benchmark is added where several have a task of this name.
    """
    by_key = {_key(line): line for line in lines}
    benchmarks: dict[str, set[str]] = {}
    for benchmark, task, _, _ in by_key:
        benchmarks.setdefault(task, set()).add(benchmark)
    names = {}
    for key, line in by_key.items():
        benchmark, task, *_ = key
        label = task if len(benchmarks[task]) == 1 else f"{benchmark}: {task}"
        arrow = "↑" if line["higher_is_better"] else "↓"
        names[key] = f"{label}, {markdown.measured(line)} {arrow}"
    return names


def _key(line: Mapping) -> Key:
    return line["benchmark"], line["task"], line["filter"], line["metric"]


def _printed_scores(lines: Lines) -> dict[tuple[Key, str], Score]:
    """(key, model) -> score, with marks where there are several models."""
    best: dict[Key, float] = {}
    for line in lines:
        if line["value"] is not None:
            pick = max if line["higher_is_better"] else min
            best[_key(line)] = pick(best.get(_key(line), line["value"]), line["value"])
    several = len({line["model"] for line in lines}) > 1
    found = {}
    for line in lines:
        value, low, high = (_number(line[name]) for name in ("value", "ci_low", "ci_high"))
        leads = several and line["value"] is not None and line["value"] == best[_key(line)]
        tied = several and not leads and line["rank_low"] == 1
        found[_key(line), line["model"]] = Score(value, low, high, leads, tied)
    return found


def _number(value: float | None) -> str:
    """Three decimals below 10, then fewer; an empty text where there is no number."""
    if value is None:
        return ""
    if not math.isfinite(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    form = ".3f" if size < 10 else ".2f" if size < 100 else ".1f" if size < 1e6 else ".3g"
    return format(value, form)


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else " ".join(str(value).split())

"""Tables as papers print them: Parquet and CSV with every number, Markdown and LaTeX as they are read.

One table over all tasks (`main`), one per benchmark that has subtasks or several metrics, `comparisons`, and `targets` where figures are
published. In print, scores have three or four digits, the best of each line is bold, and † marks those that cannot be told from the best.
"""

import csv
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from snakeval.analysis import markdown
from snakeval.files import parquet

Lines = Sequence[Mapping]
Key = tuple[str, str, str, str]  # benchmark, task, filter, metric
Cell = tuple[str, str, str, bool, bool]  # value, low, high, best, tied

_LATEX = str.maketrans(
    {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {character: f"\\{character}" for character in "&%$#_{}"}
    | {"↑": r"$\uparrow$", "↓": r"$\downarrow$", "–": "--", "†": r"$^\dagger$", "∞": r"$\infty$"}
)
_HEAD = r"""% Needs \usepackage{booktabs}. Bold: best; dagger: not to be told from the best (paired tests, Holm-adjusted per task, 5 %).
% Indices and exponents: ends of the 95 % interval.
"""
_NOTE = "Bold: best; †: not to be told from the best (paired tests, Holm-adjusted per task, 5 %). In brackets: 95 % interval.\n"


def write(scores: pa.Table, comparisons: pa.Table, targets: pa.Table, folder: Path) -> None:
    """Write all tables of a run (SCORE_TABLE, COMPARISONS, TARGETS) to `folder`, replacing what is there."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    lines = scores.to_pylist()
    _scores(
        [line for line in lines if line["primary"] and line["parent"] is None],
        scores.schema,
        folder / "main",
    )
    for benchmark in dict.fromkeys(line["benchmark"] for line in lines):
        own = [line for line in lines if line["benchmark"] == benchmark]
        if len({_key(line) for line in own}) > 1:
            _scores(own, scores.schema, folder / f"benchmark-{benchmark}")
    _rows(comparisons, folder / "comparisons")
    if targets.num_rows:
        _rows(targets, folder / "targets")


def _scores(lines: Lines, schema: pa.Schema, stem: Path) -> None:
    """Models × lines of the score table, whichever are fewer as columns."""
    parquet.write(
        pa.Table.from_pylist(list(lines), schema), stem.with_name(f"{stem.name}.parquet"), schema
    )
    _csv(lines, schema.names, stem)
    models, names, cells = sorted({line["model"] for line in lines}), _names(lines), _cells(lines)
    if len(models) > len(names):
        head = ["model", *names.values()]
        body = [(model, [cells.get((key, model)) for key in names]) for model in models]
    else:
        head = ["task", *models]
        body = [
            (name, [cells.get((key, model)) for model in models]) for key, name in names.items()
        ]
    text = [[label, *map(_markdown, own)] for label, own in body]
    _text(
        stem, "md", f"{markdown.table(head, text, head[1:])}\n\n{_NOTE}" if body else "No scores.\n"
    )
    printed = [[_escaped(label), *map(_latex, own)] for label, own in body]
    _text(stem, "tex", _HEAD + _tabular(head, printed, "l" + "r" * (len(head) - 1)))


def _rows(table: pa.Table, stem: Path) -> None:
    """A table that is printed as it stands, but for columns without content."""
    parquet.write(table, stem.with_name(f"{stem.name}.parquet"), table.schema)
    lines = table.to_pylist()
    _csv(lines, table.schema.names, stem)
    names = [
        name for name in table.schema.names if any(line[name] is not None for line in lines)
    ] or table.schema.names
    numeric = [
        name for name in names if table.schema.field(name).type in (pa.float64(), pa.int64())
    ]
    body = [["" if line[name] is None else _plain(line[name]) for name in names] for line in lines]
    _text(stem, "md", (markdown.table(names, body, numeric) if body else "No rows.") + "\n")
    printed = [[_escaped(cell) for cell in line] for line in body]
    _text(
        stem,
        "tex",
        _tabular(names, printed, "".join("r" if name in numeric else "l" for name in names)),
    )


def _names(lines: Lines) -> dict[Key, str]:
    """What a table calls a line: its task, the benchmark where tasks of this name are in several, and the metric."""
    by_key = {_key(line): line for line in lines}
    benchmarks = {
        task: len({key[0] for key in by_key if key[1] == task}) for _, task, _, _ in by_key
    }
    names = {}
    for key, line in by_key.items():
        benchmark, task, *_ = key
        label = task if benchmarks[task] == 1 else f"{benchmark}: {task}"
        arrow = "↑" if line["higher_is_better"] else "↓"
        names[key] = f"{label}, {markdown.measured(line)} {arrow}"
    return names


def _key(line: Mapping) -> Key:
    return line["benchmark"], line["task"], line["filter"], line["metric"]


def _cells(lines: Lines) -> dict[tuple[Key, str], Cell]:
    best: dict[Key, float] = {}
    for line in lines:
        if line["value"] is not None:
            pick = max if line["higher_is_better"] else min
            best[_key(line)] = pick(best.get(_key(line), line["value"]), line["value"])
    several = len({line["model"] for line in lines}) > 1
    cells = {}
    for line in lines:
        value, low, high = line["value"], line["ci_low"], line["ci_high"]
        leads = several and value is not None and value == best[_key(line)]
        tied = several and not leads and line["rank_low"] == 1
        cells[_key(line), line["model"]] = (
            _number(value),
            _number(low),
            _number(high),
            leads,
            tied,
        )
    return cells


def _markdown(cell: Cell | None) -> str:
    if cell is None or not cell[0]:
        return "–"
    value, low, high, best, tied = cell
    shown = f"**{value}**" if best else f"{value} †" if tied else value
    return f"{shown} ({low} – {high})" if low else shown


def _latex(cell: Cell | None) -> str:
    if cell is None or not cell[0]:
        return "--"
    value, low, high, best, tied = (
        part.replace("∞", r"\infty") if isinstance(part, str) else part for part in cell
    )
    shown = rf"\mathbf{{{value}}}" if best else str(value)
    mark = r"\,\dagger" if tied else ""
    ends = rf"_{{{low}}}^{{{high}{mark}}}" if low else rf"^{{{mark}}}" if tied else ""
    return f"${shown}{ends}$"


def _tabular(head: Sequence[str], body: Sequence[Sequence[str]], form: str) -> str:
    top = [
        rf"\begin{{tabular}}{{{form}}}",
        r"\toprule",
        " & ".join(map(_escaped, head)) + r" \\",
        r"\midrule",
    ]
    return "\n".join(
        [*top, *(" & ".join(line) + r" \\" for line in body), r"\bottomrule", r"\end{tabular}", ""]
    )


def _escaped(text: str) -> str:
    return " ".join(text.split()).translate(_LATEX)


def _csv(lines: Lines, names: Sequence[str], stem: Path) -> None:
    with stem.with_name(f"{stem.name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([line[name] for name in names] for line in lines)


def _text(stem: Path, suffix: str, text: str) -> None:
    stem.with_name(f"{stem.name}.{suffix}").write_text(text, encoding="utf-8")


def _number(value: float | None) -> str:
    """Three decimals below 10, then fewer; nothing where there is no number."""
    if value is None:
        return ""
    if not math.isfinite(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    return (
        f"{value:.3f}"
        if size < 10
        else f"{value:.2f}"
        if size < 100
        else f"{value:.1f}"
        if size < 1e6
        else f"{value:.3g}"
    )


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else " ".join(str(value).split())

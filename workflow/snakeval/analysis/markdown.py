"""Tables as Markdown whose columns line up, so that they also read well in a terminal."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

HEADER = ("task", "metric", "n", "model", "score", "95 % interval", "rank")
NUMERIC = ("n", "score", "95 % interval", "rank")
NOTE = (
    "Ranks are ranges: models whose ranges overlap cannot be told apart "
    "(paired tests, Holm-adjusted per task, 5 %).\n"
    "† the interval does not exclude guessing. Subtasks and further metrics: "
    "tables/scores.parquet; tests: tables/comparisons.parquet."
)


def leaderboard(scores: pa.Table) -> str:
    """The primary metric of every task and group at the top of SCORE_TABLE, best model first."""
    top = scores.filter(pc.and_(scores["primary"], pc.is_null(scores["parent"])))
    tasks: dict[tuple[str, str], list[dict]] = {}
    for row in top.to_pylist():
        tasks.setdefault((row["benchmark"], row["task"]), []).append(row)
    lines = [
        _line(row, first=index == 0)
        for rows in tasks.values()
        for index, row in enumerate(sorted(rows, key=_place))
    ]
    if not lines:
        return "No scores.\n"
    return "\n".join([table(HEADER, lines, NUMERIC), "", NOTE, ""])


def published(targets: pa.Table) -> str:
    """Every figure of TARGETS next to ours, and whether the run regenerates it.

    An empty text where nothing was published.
    """
    rows = targets.to_pylist()
    if not rows:
        return ""
    head = ("model", "task", "metric", "published", "ours", "status", "why")
    lines = [_published_line(row) for row in rows]
    return f"\nPublished figures: {counted(rows)}.\n\n{table(head, lines, head[3:5])}\n"


def counted(rows: Sequence[dict]) -> str:
    """How many rows of TARGETS have each status: `4 regenerated, 4 other documents`."""
    counts = Counter(row["status"] for row in rows)
    return ", ".join(f"{count} {status}" for status, count in counts.most_common())


def measured(row: Mapping) -> str:
    """The metric of a row of scores, and the answer-extraction pipeline where there is one."""
    return row["metric"] if row["filter"] == "none" else f"{row['metric']}, {row['filter']}"


def table(
    header: Sequence[str], lines: Sequence[Sequence[str]], numeric_columns: Sequence[str]
) -> str:
    """A Markdown table; numeric columns are aligned to the right.

    >>> print(table(("task", "n"), [("gsm8k", "1,319")], ("n",)))
    | task  |     n |
    | ----- | ----: |
    | gsm8k | 1,319 |
    """
    lines = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    widths = [max(len(cell) for cell in column) for column in zip(header, *lines, strict=True)]
    numeric = [name in numeric_columns for name in header]
    rule = [
        "-" * (width - 1) + ":" if right else "-" * width
        for width, right in zip(widths, numeric, strict=True)
    ]
    return "\n".join(_joined(row, widths, numeric) for row in (header, rule, *lines))


def _published_line(row: dict) -> tuple[str, ...]:
    after = None if row["filter"] in (None, "none") else row["filter"]
    return (
        row["model"],
        row["task"],
        " after ".join(filter(None, (row["metric"], after))) or "–",
        _figure(row["target"], row),
        "–" if row["value"] is None else _figure(row["value"], row),
        row["status"],
        "; ".join(filter(None, (row["reason"], row["note"]))),
    )


def _figure(value: float, row: dict) -> str:
    """With one digit more than the tolerance shows."""
    digits = min(6, max(0, 1 - math.floor(math.log10(row["tolerance"])))) if row["tolerance"] else 6
    return f"{value:,.{digits}f}{' %' if row['percent'] else ''}"


def _line(row: dict, first: bool) -> tuple[str, ...]:
    shots = "" if not row["num_fewshot"] else f" ({row['num_fewshot']}-shot)"
    task = row["task"] if row["benchmark"] == row["task"] else f"{row['benchmark']}: {row['task']}"
    arrow = "↑" if row["higher_is_better"] else "↓"
    low, high, chance = row["ci_low"], row["ci_high"], row["chance"]
    interval = "–" if low is None else f"{_number(low)} – {_number(high)}"
    guessing = " †" if chance is not None and low is not None and low <= chance <= high else ""
    rank = "–" if row["rank_low"] is None else str(row["rank_low"])
    if row["rank_low"] != row["rank_high"]:
        rank = f"{row['rank_low']}–{row['rank_high']}"
    value = "–" if row["value"] is None else _number(row["value"]) + guessing
    shared = (f"{task}{shots}", f"{measured(row)} {arrow}") if first else ("", "")
    return (*shared, f"{row['n']:,}", row["model"], value, interval, rank)


def _place(row: dict) -> tuple[bool, float, str]:
    """Best first, unknown last, equal ones by name."""
    value = row["value"]
    if value is None:
        return True, 0.0, row["model"]
    return False, -value if row["higher_is_better"] else value, row["model"]


def _number(value: float) -> str:
    """Four significant digits: 0.4213, 12.35, 1,234."""
    size = abs(value)
    form = ".4f" if size < 10 else ".2f" if size < 1000 else ",.0f" if size < 1e9 else ".3g"
    return format(value, form)


def _joined(cells: Sequence[str], widths: list[int], numeric: list[bool]) -> str:
    padded = [
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(cells, widths, numeric, strict=True)
    ]
    return "| " + " | ".join(padded) + " |"

"""What the documents of a run can show, and how many a wanted difference needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from snakeval.analysis import markdown
from snakeval.analysis.stage import PowerSettings
from snakeval.schemas.run import POWER
from snakeval.statistics import sample_size

KEY = ("benchmark", "task", "filter", "metric")
Row = dict[str, Any]


@dataclass(frozen=True)
class _Spread:
    """How one document's difference between two models varies."""

    n: int  # documents of the run
    variance: float  # of one document's difference
    discordant: float | None  # share that only one model gets right; None: not McNemar's test
    scale: str  # score or log
    basis: str  # where the variance comes from


def build(scores: pa.Table, comparisons: pa.Table, settings: PowerSettings) -> pa.Table:
    """POWER: one row per task or group, by its primary metric, and wanted difference.

    `settings`: `differences`, `power`, `alpha`.

    The variance of one document's difference is the median over all pairs of models in the run. A
    run of one model takes two models of the same score that are right on documents independently.
    For right or wrong answers to independent documents, the number is that of McNemar's test
    (Connor 1987), with at least the share of discordant documents that the difference implies.
    """
    pairs: dict[tuple, list[Row]] = {}
    for row in comparisons.to_pylist():
        if row["detectable"]:
            pairs.setdefault(_key(row), []).append(row)
    lines = {_key(row): row for row in scores.to_pylist() if row["primary"]}
    rows: list[Row] = []
    for key, line in lines.items():
        spread = _of_pairs(pairs[key]) if key in pairs else _of_one_model(line)
        if spread is None:
            continue
        shared = dict(zip(KEY, key, strict=True)) | {
            "n": spread.n,
            "scale": spread.scale,
            "basis": spread.basis,
            "detectable": sample_size.detectable_difference(
                float(np.sqrt(spread.variance / spread.n)), settings.power, settings.alpha
            ),
        }
        for difference in settings.differences:
            needed = _needed(spread, difference, settings.power, settings.alpha)
            own = {"difference": float(difference), "documents": needed}
            rows.append(shared | own | {"enough": spread.n >= needed})
    return pa.Table.from_pylist(rows, POWER)


def summary(table: pa.Table, settings: PowerSettings) -> str:
    """The table as Markdown, one line per task."""
    lines: dict[tuple, list[str]] = {}
    for row in table.to_pylist():
        label = f"ln {markdown.measured(row)}" if row["scale"] == "log" else markdown.measured(row)
        key = (row["benchmark"], row["task"])
        lines.setdefault(key, [row["task"], label, f"{row['n']:,}", f"{row['detectable']:.4f}"])
        lines[key].append(f"{row['documents']:,}{' ✓' if row['enough'] else ''}")
    wanted = [f"for {difference:g}" for difference in settings.differences]
    if not lines:
        return "No task has scores from which a number of documents follows.\n"
    head = ("task", "metric", "documents", "detectable", *wanted)
    note = (
        "detectable: the smallest true difference between two models that so many documents show "
        f"with {settings.power:.0%} power at {settings.alpha:.0%}; "
        "for …: documents that this difference needs (✓ there are enough). "
        "Single comparisons, not adjusted."
    )
    return markdown.table(head, list(lines.values()), head[2:]) + f"\n\n{note}\n"


def _key(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in KEY)


def _of_pairs(rows: Sequence[Row]) -> _Spread:
    """From rows of COMPARISONS, whose `detectable` holds the standard error."""
    stderrs = [row["detectable"] / sample_size.detectable_difference(1.0) for row in rows]
    variances = [stderr**2 * row["n"] for stderr, row in zip(stderrs, rows, strict=True)]
    discordant = None
    if all(row["test"].startswith("mcnemar") for row in rows):
        discordant = float(np.median([(row["only_a"] + row["only_b"]) / row["n"] for row in rows]))
    return _Spread(
        n=min(row["n"] for row in rows),
        variance=float(np.median(variances)),
        discordant=discordant,
        scale=rows[0]["scale"],
        basis=f"{len(rows)} pairs of models",
    )


def _of_one_model(line: Row) -> _Spread | None:
    """From a row of SCORE_TABLE; None where its score is no share strictly between 0 and 1."""
    share, method = line["value"], line["ci_method"]
    if share is None or not 0 < share < 1 or not method.startswith("wilson"):
        return None
    variance = sample_size.discordant_share(share, share)
    discordant = variance if method == "wilson" else None
    basis = "two independent models of this score"
    return _Spread(line["n"], variance, discordant, "score", basis)


def _needed(spread: _Spread, difference: float, power: float, alpha: float) -> int:
    # A difference above 1 is meant for other metrics: no two shares differ that much.
    if spread.discordant is None or difference > 1:
        return sample_size.documents_needed(difference, spread.variance, power, alpha)
    discordant = max(spread.discordant, difference)
    return sample_size.documents_needed_right_or_wrong(difference, discordant, power, alpha)

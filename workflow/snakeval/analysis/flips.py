"""Documents whose score changed since the baseline, by the primary metric of their task."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snakeval.files import parquet
from snakeval.schemas.model import SCORES

SHOWN = 10  # of the documents that got worse, per model and task
Leaf = tuple[str, str, str]  # task, filter, metric


def find(
    now: Path, before: Path, leaves: Mapping[Leaf, bool], kept: Mapping[str, np.ndarray]
) -> Iterator[dict[str, Any]]:
    """Rows of FLIPS, without model and benchmark.

    `now`, `before`: SCORES files. `leaves`: the metrics that count -> whether higher is better.
    `kept`: task -> doc_id of the documents that are the same in both runs.
    """
    earlier = dict(_values(before, leaves))
    for key, row in _values(now, leaves):
        same = earlier.get(key)
        leaf, document = key
        if same is None or document not in kept.get(leaf[0], ()) or row["value"] == same["value"]:
            continue
        yield {
            "task": leaf[0],
            "filter": leaf[1],
            "metric": leaf[2],
            "doc_id": document,
            "before": same["value"],
            "now": row["value"],
            "worse": (row["value"] < same["value"]) == leaves[leaf],
            "prediction_before": same["prediction"],
            "prediction_now": row["prediction"],
        }


def sentences(rows: list[dict[str, Any]]) -> list[str]:
    """A line for each model and task in rows of FLIPS, with the first documents that got worse."""
    by_task: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        by_task.setdefault((row["model"], row["task"]), []).append(row)
    lines = []
    for (model, task), own in by_task.items():
        worse = [row for row in own if row["worse"]]
        shown = ", ".join(
            f"{row['doc_id']} ({row['before']:g} → {row['now']:g})" for row in worse[:SHOWN]
        )
        rest = len(worse) - SHOWN
        more = f" and {rest} more, in tables/flips.parquet" if rest > 0 else ""
        lines.append(
            f"{model}, {task}: {len(worse)} documents worse, {len(own) - len(worse)} better. "
            f"Worse: {shown or 'none'}{more}."
        )
    return lines


def _values(
    path: Path, leaves: Mapping[Leaf, bool]
) -> Iterator[tuple[tuple[Leaf, int], dict[str, Any]]]:
    columns = ["task", "filter", "metric", "doc_id", "value", "prediction"]
    for row in parquet.read(path, SCORES, columns).to_pylist():
        leaf = (row["task"], row["filter"], row["metric"])
        if leaf in leaves and row["value"] is not None:
            yield (leaf, row["doc_id"]), row

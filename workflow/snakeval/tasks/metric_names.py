"""Names of metrics in the scores table.

This is not in the metrics room: importing metrics takes long, and task files are checked at every
start.
"""

from collections.abc import Mapping
from typing import Any


def name_of(item: Mapping[str, Any]) -> str:
    """The name of an item of `metric_list` in the scores table.

    name_of({"metric": "acc"}) == "acc"
    name_of({"metric": "metrics/bleu"}) == "bleu"
    name_of({"metric": {"!function": "own.score", …}}) == "score"
    """
    metric = item["metric"]
    if isinstance(metric, str):
        return metric.rpartition("/")[2]
    return metric["!function"].rpartition(".")[2]

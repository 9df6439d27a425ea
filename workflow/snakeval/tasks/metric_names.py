"""What the scores of a metric are called; apart from the metrics, whose import takes long, so that a task file is checked without it."""

from collections.abc import Mapping
from typing import Any


def name_of(item: Mapping[str, Any]) -> str:
    """The name in the scores table of an item of `metric_list`: of a `!function` the function's, of a path its last part."""
    metric = item["metric"]
    return (
        metric.rpartition("/")[2]
        if isinstance(metric, str)
        else metric["!function"].rpartition(".")[2]
    )

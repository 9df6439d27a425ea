"""Metrics of several sampled outputs per document, `pass@K` and `maj@K`, on a metric of one output.

The option `of` names that metric (exact_match by default), which takes the other options. An output
is right where it scores 1. The filters must leave all outputs: no take_first.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

from snakeval.errors import UserError
from snakeval.metrics.metric import Metric, MetricFamily


def pass_at(k: int, metric: Metric) -> Metric:
    """The chance that at least one of k outputs is right.

    It is 1 - C(n - c, k) / C(n, k) with c right ones among n, which is unbiased (Chen et al. 2021,
    arxiv.org/abs/2107.03374).
    """

    @wraps(metric.function)
    def function(predictions: Sequence[str], references: Sequence[str], **options: Any) -> float:
        _check_enough(f"pass@{k}", k, len(predictions))
        scores = [metric.function(one, references, **options) for one in predictions]
        return 1 - none_right(len(predictions), sum(score == 1 for score in scores), k)

    proportion = metric.proportion and k == 1
    return replace(
        metric, name=f"pass@{k}", function=function, all_samples=True, proportion=proportion
    )


def maj_at(k: int, metric: Metric) -> Metric:
    """The score of the most frequent of the first k outputs; of equally frequent ones the first.

    (Wang et al. 2023, arxiv.org/abs/2203.11171.)
    """

    @wraps(metric.function)
    def function(predictions: Sequence[str], references: Sequence[str], **options: Any) -> Any:
        _check_enough(f"maj@{k}", k, len(predictions))
        first = list(predictions[:k])
        return metric.function(max(first, key=first.count), references, **options)

    return replace(metric, name=f"maj@{k}", function=function, all_samples=True)


def none_right(n: int, right: int, k: int) -> float:
    """The chance that k of n outputs, drawn without replacement, are all wrong.

    `right` of the n are right.
    """
    chance = 1.0
    for i in range(k):
        chance *= max(n - right - i, 0) / (n - i)
    return chance


def _check_enough(name: str, k: int, n: int) -> None:
    if n < k:
        raise UserError(
            f"metric {name}: it needs {k} answers and has {n}. "
            "Raise `repeats`, and leave take_first out of the filters."
        )


METRICS = (
    MetricFamily("pass@K", "generate_until", pass_at, of="exact_match"),
    MetricFamily("maj@K", "generate_until", maj_at, of="exact_match"),
)

"""Metrics of several sampled answers per document, `pass@K` and `maj@K`, made of a metric of one answer.

That metric is named by the option `of` (exact_match by default) and takes the other options; an answer is right where it scores 1. The
pipeline of filters must leave all answers (no take_first).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

from snakeval.errors import UserError
from snakeval.metrics.metric import Metric


def pass_at(k: int, metric: Metric) -> Metric:
    """The chance that at least one of k answers is right: 1 - C(n - c, k) / C(n, k) with c right ones among n, which is unbiased
    (Chen et al. 2021, arxiv.org/abs/2107.03374)."""

    @wraps(metric.function)
    def function(predictions: Sequence[str], references: Sequence[str], **options: Any) -> float:
        _enough(f"pass@{k}", k, len(predictions))
        right = sum(
            metric.function(prediction, references, **options) == 1 for prediction in predictions
        )
        return 1 - none_right(len(predictions), right, k)

    return replace(
        metric,
        name=f"pass@{k}",
        function=function,
        all_samples=True,
        proportion=metric.proportion and k == 1,
    )


def maj_at(k: int, metric: Metric) -> Metric:
    """The score of the most frequent of the first k answers, of equals the first (Wang et al. 2023, arxiv.org/abs/2203.11171)."""

    @wraps(metric.function)
    def function(predictions: Sequence[str], references: Sequence[str], **options: Any) -> Any:
        _enough(f"maj@{k}", k, len(predictions))
        return metric.function(
            max(predictions[:k], key=list(predictions[:k]).count), references, **options
        )

    return replace(metric, name=f"maj@{k}", function=function, all_samples=True)


def none_right(n: int, right: int, k: int) -> float:
    """The chance that k of n answers, drawn without putting back, are all wrong when `right` are right."""
    chance = 1.0
    for i in range(k):
        chance *= max(n - right - i, 0) / (n - i)
    return chance


def _enough(name: str, k: int, n: int) -> None:
    if n < k:
        raise UserError(
            f"metric {name} needs {k} answers and has {n}; raise `repeats`, and leave take_first out of the filters"
        )

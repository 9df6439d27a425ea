"""How the items of documents become the score of a task.

Every document has one *item* per metric: a number, or a value that JSON can hold such as
(log-likelihood, words). An `Aggregation` says what the table of scores keeps of it, and how the
task's score follows. There are three kinds:

- `mean`: the table keeps `value`; the score is the mean of the values that are not null.
- `sums`: the table keeps `statistics`, a vector per document; the score is `of_sums(sum of the
  vectors)`. `of_sums` takes an array of shape (..., k) and returns one of shape (...), so one call
  scores thousands of resampled sums. It is NaN where the score is undefined. `value` is the
  document's score by itself, null where a single document has none.
- `items`: the table keeps `item` (JSON); the score is `of_items(list of the items, in the order of
  doc_id)`: one call per resample.

`score` computes all three. `snakeval.scoring.task_metrics` finds the aggregation of a metric.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

Item = Any


@dataclass(frozen=True)
class Aggregation:
    """See the module's docstring; fields that a kind does not use are None."""

    name: str
    kind: Literal["mean", "sums", "items"]
    value: Callable[[Item], float | None] = float
    """mean, items: the document's own score from its item."""
    statistics: Callable[[Sequence[Item]], np.ndarray] | None = None
    """sums: n items -> (n, k)."""
    of_sums: Callable[[np.ndarray], np.ndarray] | None = None
    """sums: (..., k) -> (...)."""
    of_document: Callable[[np.ndarray], np.ndarray] | None = None
    """sums: (n, k) -> (n,); None: a document has no score of its own."""
    of_items: Callable[[list[Item]], float] | None = None
    log_of_sums: Callable[[np.ndarray], np.ndarray] | None = None
    """sums: the score's logarithm, where models are compared on that scale."""
    higher_is_better: bool = True
    proportion: bool = False
    """Values of single outputs are 0 or 1: a binomial interval fits where none are averaged."""


def score(aggregation: Aggregation, scores: pa.Table) -> float:
    """The score of a task; NaN where it is undefined.

    `scores`: the rows of one model, task, filter and metric, in the order of doc_id.
    """
    if aggregation.kind == "mean":
        values = scores["value"].drop_null().to_numpy()
        return float(values.mean()) if len(values) else math.nan
    if not scores.num_rows:
        return math.nan
    if aggregation.kind == "sums":
        assert aggregation.of_sums is not None
        return float(aggregation.of_sums(statistics_of(scores).sum(axis=0)))
    assert aggregation.of_items is not None
    return float(aggregation.of_items(items_of(scores)))


def columns(
    aggregation: Aggregation,
    items: np.ndarray | list[Item],
    counts: np.ndarray,
    value: Callable[[Item], float] | None = None,
) -> tuple[pa.Array, pa.Array, pa.Array]:
    """The columns value, statistics and item of a metric.

    `items`: those of all outputs, document by document; document d has counts[d] of them. `value`
    gives the number in an item, in place of the aggregation's own. A document with several outputs
    has the mean over those that have a number. Raises TypeError or ValueError for items that the
    aggregation cannot take.
    """
    n = len(counts)
    no_statistics, no_items = pa.nulls(n, pa.list_(pa.float64())), pa.nulls(n, pa.string())
    if aggregation.kind == "sums":
        return *_sums(aggregation, list(items), counts), no_items
    values, complete = _values(aggregation, items, counts, value)
    if aggregation.kind == "mean":
        return values, no_statistics, no_items
    if (counts > 1).any():
        if not complete:
            raise ValueError(
                "they are not numbers, and several answers of a document cannot be averaged: "
                "add take_first to the filters"
            )
        items = values.to_pylist()
    kept = [json.dumps(item, ensure_ascii=False, default=_plain) for item in items]
    return values, no_statistics, pa.array(kept, pa.string())


def _sums(
    aggregation: Aggregation, items: list[Item], counts: np.ndarray
) -> tuple[pa.Array, pa.Array]:
    """The columns value and statistics of an aggregation of summed statistics."""
    assert aggregation.statistics is not None
    n, sums = len(counts), _averaged(aggregation.statistics(items), counts)
    width = sums.shape[1] if n else 0
    own = aggregation.of_document(sums) if aggregation.of_document else np.full(n, np.nan)
    offsets = pa.array(np.arange(n + 1) * width, pa.int32())
    statistics = pa.ListArray.from_arrays(offsets, sums.ravel())
    return pa.array(own, mask=~np.isfinite(own)), statistics


def _values(
    aggregation: Aggregation,
    items: np.ndarray | list[Item],
    counts: np.ndarray,
    value: Callable[[Item], float] | None,
) -> tuple[pa.Array, bool]:
    """The column value of the other aggregations, and whether all outputs have a number."""
    if isinstance(items, np.ndarray):
        numbers, missing = items.astype(float), np.zeros(len(items), bool)
    else:
        number = value if value and aggregation.kind == "mean" else aggregation.value
        scores = [number(item) for item in items]
        missing = np.array([score is None for score in scores], bool)
        numbers = np.array([0.0 if score is None else score for score in scores], float)
    # outputs without a number are left out: this is the share of a document's that have one
    known = _averaged((~missing).astype(float), counts)
    sums = _averaged(numbers, counts)
    means = np.divide(sums, known, out=np.zeros(len(known)), where=known > 0)
    return pa.array(means, mask=known == 0), not missing.any()


def _averaged(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Means over the outputs of each document, along the first axis."""
    if len(values) == len(counts):
        return values
    starts, per_row = np.cumsum(counts) - counts, counts.reshape(-1, *[1] * (values.ndim - 1))
    return np.add.reduceat(values.astype(float), starts) / per_row


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, set):
        return sorted(value)
    raise TypeError(f"a {type(value).__name__} cannot be kept as JSON")


def statistics_of(scores: pa.Table) -> np.ndarray:
    """The `statistics` column as an array of shape (documents, k)."""
    column = scores["statistics"].combine_chunks()
    return column.flatten().to_numpy().reshape(len(column), -1)


def items_of(scores: pa.Table) -> list[Item]:
    """The `item` column, decoded."""
    return [json.loads(item) for item in scores["item"].to_pylist()]


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Elementwise quotient, NaN where the denominator is 0."""
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    return np.divide(numerator, denominator, out=np.full(shape, np.nan), where=denominator != 0)


def mean(**_: Any) -> Aggregation:
    """The arithmetic mean; a NaN value makes the score NaN."""
    return Aggregation("mean", "mean")


def nanmean(**_: Any) -> Aggregation:
    """The mean over the documents whose value is not NaN."""
    return Aggregation(
        "nanmean", "mean", value=lambda item: None if math.isnan(item) else float(item)
    )


def bypass(**_: Any) -> Aggregation:
    """No score: the outputs are only kept. (lm-eval reports 999.)"""
    return Aggregation("bypass", "mean", value=lambda item: None)


def median(**_: Any) -> Aggregation:
    """The upper median, element n // 2 of the sorted items, as lm-eval has it."""
    return Aggregation("median", "items", of_items=lambda items: sorted(items)[len(items) // 2])


def perplexity(**_: Any) -> Aggregation:
    """exp(-mean of the log-likelihoods); items are log-likelihoods (natural logarithm).

    A document's own score is exp(-its log-likelihood).
    """
    return _exponential(
        "perplexity", lambda items: np.column_stack([np.asarray(items, float), np.ones(len(items))])
    )


def weighted_perplexity(**_: Any) -> Aggregation:
    """exp(-sum of log-likelihoods / sum of weights); items are (log-likelihood, weight).

    The weight is in words, bytes or tokens.
    """
    return _exponential("weighted_perplexity", _pairs)


def bits_per_byte(**_: Any) -> Aggregation:
    """-sum of log-likelihoods / (sum of bytes x ln 2); items are (log-likelihood, bytes)."""

    def bits(sums: np.ndarray) -> np.ndarray:
        return -ratio(sums[..., 0], sums[..., 1]) / math.log(2)

    return Aggregation(
        "bits_per_byte",
        "sums",
        statistics=_pairs,
        of_sums=bits,
        of_document=bits,
        higher_is_better=False,
    )


def of_function(name: str, function: Callable[[list[Item]], float]) -> Aggregation:
    """A task's own aggregation. A document's own score is its item where that is a number."""
    return Aggregation(
        name,
        "items",
        value=lambda item: float(item) if isinstance(item, int | float) else None,
        of_items=function,
    )


def _exponential(name: str, statistics: Callable[[Sequence[Item]], np.ndarray]) -> Aggregation:
    def logarithm(sums: np.ndarray) -> np.ndarray:
        return -ratio(sums[..., 0], sums[..., 1])

    def perplexity_of(sums: np.ndarray) -> np.ndarray:
        # a text of near-zero probability has a perplexity beyond the largest number: infinity
        with np.errstate(over="ignore"):
            return np.exp(logarithm(sums))

    return Aggregation(
        name,
        "sums",
        statistics=statistics,
        of_sums=perplexity_of,
        of_document=perplexity_of,
        log_of_sums=logarithm,
        higher_is_better=False,
    )


def _pairs(items: Sequence[Item]) -> np.ndarray:
    return np.asarray(items, float).reshape(len(items), 2)


AGGREGATIONS = {
    "mean": mean,
    "nanmean": nanmean,
    "bypass": bypass,
    "median": median,
    "perplexity": perplexity,
    "weighted_perplexity": weighted_perplexity,
    "bits_per_byte": bits_per_byte,
}

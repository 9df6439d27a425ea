"""Metrics of how sure a choice is, and of the order that log-likelihoods give the choices.

A choice's probability is the softmax of the document's log-likelihoods. The confidence is the
probability of the chosen choice.

- ece: expected calibration error over `bins` (15) bins of equal width:
  Σ_b |confidences of b - right ones of b| / n; bin b is ((b - 1) / bins, b / bins] (Guo et al.
  2017, arxiv.org/abs/1706.04599).
- adaptive_ece: the same over bins of equally many documents (Nguyen and O'Connor 2015,
  aclanthology.org/D15-1182).
- auroc: the chance that a right document has more confidence than a wrong one.
- aurc: mean error rate of the most confident 1, 2 … n documents, equal confidences averaged
  (Geifman and El-Yaniv 2017, arxiv.org/abs/1705.08500).
- roc_auc, average_precision: of the probability of choice `pos_label` (1) for documents where it is
  right, by scikit-learn.
- nll: -ln of the probability on right choices.
- mrr, ndcg, recall@K: of the choices in order of log-likelihood, equal ones in their own order. mrr
  is 1 / rank of the first right one. ndcg is the discounted gain 1 / log2(1 + rank) of the right
  ones over its largest possible (Järvelin and Kekäläinen 2002, doi:10.1145/582415.582418). recall@K
  is the share of the right ones among the first K.

auroc, roc_auc and average_precision are undefined (NaN) where all documents are right or all wrong.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from snakeval.errors import UserError
from snakeval.metrics.aggregation import Aggregation, Item
from snakeval.metrics.choice import Choices, loglikelihoods, of_choices, right_choices
from snakeval.metrics.metric import Metric, MetricFamily

BINS = 15


def confidences(choices: Choices, **_: object) -> tuple[np.ndarray, list[Item]]:
    """(probability of the chosen one, whether it is right)."""
    chosen = choices.argmax(choices.loglikelihoods)
    return chosen, _probabilities(choices, choices.first + chosen)


def class_scores(
    choices: Choices, pos_label: int = 1, **_: object
) -> tuple[np.ndarray, list[Item]]:
    """(probability of choice `pos_label`, whether it is a right one)."""
    if (np.diff(choices.starts) <= pos_label).any():
        raise UserError(
            f"pos_label: {pos_label}: a document has fewer choices. Use the index of a choice."
        )
    chosen = choices.argmax(choices.loglikelihoods)
    return chosen, _probabilities(choices, choices.first + pos_label)


def _probabilities(choices: Choices, rows: np.ndarray) -> list[Item]:
    """(probability, whether it is a right one) of one choice per document."""
    right = choices.right[rows].astype(int).tolist()
    return list(zip(choices.softmax()[rows].tolist(), right, strict=True))


def ranked(
    measure: Callable[[np.ndarray, int], float],
) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """The metric's function: `measure(ranks, choices)` of every document.

    `ranks` are those of the right choices, from 1 in rising order; `choices` is their number. A
    document without a right choice scores 0.
    """

    def function(choices: Choices, **_: object) -> tuple[np.ndarray, np.ndarray]:
        values = []
        columns = map(choices.per_document, (choices.loglikelihoods, choices.right))
        for scores, right in zip(*columns, strict=True):
            ranks = np.flatnonzero(right[np.argsort(-scores, kind="stable")]) + 1
            values.append(measure(ranks, len(scores)) if len(ranks) else 0.0)
        return choices.argmax(choices.loglikelihoods), np.array(values)

    return function


def negative_logarithm(item: Item) -> float:
    """-ln of the probability on right choices of (right, log-likelihoods); inf if none is right.

    It is a difference of logarithms: even a right choice a thousand nats behind has a number.
    """
    golds, scores = right_choices(item), of_choices(item)
    if not golds:
        return np.inf
    return float(np.logaddexp.reduce(scores) - np.logaddexp.reduce(scores[golds]))


def reciprocal_rank(ranks: np.ndarray, n: int) -> float:
    """1 / rank of the first right choice."""
    return 1 / ranks[0]


def discounted_gain(ranks: np.ndarray, n: int) -> float:
    """Discounted gain of the right choices over its largest possible."""
    return np.sum(1 / np.log2(1 + ranks)) / np.sum(1 / np.log2(2 + np.arange(len(ranks))))


def recall_at(k: int) -> Metric:
    """The metric recall@k."""
    function = ranked(lambda ranks, n: float(np.mean(ranks <= k)))
    return Metric(f"recall@{k}", "multiple_choice", function)


def ece(bins: int = BINS, **_: Any) -> Aggregation:
    """Expected calibration error; items are (confidence, right).

    Statistics: per bin the documents, their confidences, the right ones.
    """

    def statistics(items: Sequence[Item]) -> np.ndarray:
        confidence, right = np.asarray(items, float).reshape(len(items), 2).T
        place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
        chosen = (place[:, None] == np.arange(bins)).astype(float)
        return np.hstack([chosen, chosen * confidence[:, None], chosen * right[:, None]])

    def of_sums(sums: np.ndarray) -> np.ndarray:
        counts, confidence, right = np.split(sums, 3, axis=-1)
        return np.abs(confidence - right).sum(-1) / counts.sum(-1)

    return Aggregation(
        "ece", "sums", statistics=statistics, of_sums=of_sums, higher_is_better=False
    )


def adaptive_ece(bins: int = BINS, **_: Any) -> Aggregation:
    """Expected calibration error over bins of equally many documents.

    Equal confidences are in the order of the documents.
    """

    def of_items(items: list[Item]) -> float:
        confidence, right = np.asarray(items, float).T
        cut = np.array_split(np.argsort(confidence, kind="stable"), bins)
        return sum(abs(confidence[rows].sum() - right[rows].sum()) for rows in cut) / len(items)

    return Aggregation(
        "adaptive_ece", "items", value=lambda _: None, of_items=of_items, higher_is_better=False
    )


def roc_auc(**_: Any) -> Aggregation:
    """Area under the ROC curve; items are (score, 0 or 1)."""

    def of_items(items: list[Item]) -> float:
        from sklearn.metrics import roc_auc_score

        scores, right = zip(*items, strict=True)
        return float(roc_auc_score(right, scores)) if len(set(right)) == 2 else np.nan

    return Aggregation("roc_auc", "items", value=lambda _: None, of_items=of_items)


def average_precision(**_: Any) -> Aggregation:
    """Average precision; items are (score, 0 or 1)."""

    def of_items(items: list[Item]) -> float:
        from sklearn.metrics import average_precision_score

        scores, right = zip(*items, strict=True)
        return float(average_precision_score(right, scores)) if len(set(right)) == 2 else np.nan

    return Aggregation("average_precision", "items", value=lambda _: None, of_items=of_items)


def aurc(**_: Any) -> Aggregation:
    """Area under the risk-coverage curve; items are (confidence, right)."""

    def of_items(items: list[Item]) -> float:
        confidence, right = np.asarray(items, float).T
        _, group, size = np.unique(-confidence, return_inverse=True, return_counts=True)
        wrong = np.repeat(np.bincount(group, weights=1 - right) / size, size)
        return float(np.mean(np.cumsum(wrong) / np.arange(1, len(items) + 1)))

    return Aggregation(
        "aurc", "items", value=lambda _: None, of_items=of_items, higher_is_better=False
    )


def _lower(name: str, function: Callable[..., Any], **more: Any) -> Metric:
    return Metric(name, "multiple_choice", function, higher_is_better=False, **more)


METRICS = (
    _lower("ece", confidences, aggregation="ece"),
    _lower("adaptive_ece", confidences, aggregation="adaptive_ece"),
    Metric("auroc", "multiple_choice", confidences, aggregation="roc_auc"),
    _lower("aurc", confidences, aggregation="aurc"),
    Metric("roc_auc", "multiple_choice", class_scores, aggregation="roc_auc"),
    Metric("average_precision", "multiple_choice", class_scores, aggregation="average_precision"),
    _lower("nll", loglikelihoods, value=negative_logarithm),
    Metric("mrr", "multiple_choice", ranked(reciprocal_rank)),
    Metric("ndcg", "multiple_choice", ranked(discounted_gain)),
    MetricFamily("recall@K", "multiple_choice", recall_at),
)

AGGREGATIONS = {
    "ece": ece,
    "adaptive_ece": adaptive_ece,
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "aurc": aurc,
}

"""Metrics of how sure a choice is, and of the order that log-likelihoods give the choices.

A choice's probability is the softmax of the document's log-likelihoods; the confidence is that of the chosen one.

- ece: expected calibration error over `bins` (15) bins of equal width, Σ_b |confidences of b - right ones of b| / n; bin b is
  ((b - 1) / bins, b / bins] (Guo et al. 2017, arxiv.org/abs/1706.04599). adaptive_ece: the same over bins of equally many documents
  (Nguyen and O'Connor 2015, aclanthology.org/D15-1182).
- auroc: the chance that a right document has more confidence than a wrong one. aurc: mean error rate of the most confident 1, 2 … n
  documents (Geifman and El-Yaniv 2017, arxiv.org/abs/1705.08500), equal confidences averaged.
- roc_auc, average_precision: of the probability of choice `pos_label` (1) for documents where it is right, by scikit-learn.
- nll: -ln of the probability on right choices.
- mrr, ndcg, recall@K: of the choices in order of log-likelihood, equal ones in their own order: 1 / rank of the first right one; discounted
  gain 1 / log2(1 + rank) of the right ones over its largest possible (Järvelin and Kekäläinen 2002, doi:10.1145/582415.582418); share of
  the right ones among the first K.

auroc, roc_auc and average_precision are undefined (NaN) where all documents are alike.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from snakeval.errors import UserError
from snakeval.metrics.aggregation import Aggregation, Item
from snakeval.metrics.choice import Choices, loglikelihoods, of_choices, right_choices
from snakeval.metrics.metric import Metric

BINS = 15


def confidences(choices: Choices, **_: object) -> tuple[np.ndarray, list[Item]]:
    """(probability of the chosen one, whether it is right)."""
    chosen = choices.argmax(choices.loglikelihoods)
    rows = choices.first + chosen
    return chosen, list(
        zip(choices.softmax()[rows].tolist(), choices.right[rows].astype(int).tolist(), strict=True)
    )


def class_scores(
    choices: Choices, pos_label: int = 1, **_: object
) -> tuple[np.ndarray, list[Item]]:
    """(probability of choice `pos_label`, whether it is a right one)."""
    if (np.diff(choices.starts) <= pos_label).any():
        raise UserError(f"pos_label: {pos_label} is no index of a document's choices")
    chosen = choices.argmax(choices.loglikelihoods)
    rows = choices.first + pos_label
    return chosen, list(
        zip(choices.softmax()[rows].tolist(), choices.right[rows].astype(int).tolist(), strict=True)
    )


def ranked(
    measure: Callable[[np.ndarray, int], float],
) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """`measure(ranks of the right choices from 1 in rising order, number of choices)` of every document; 0 where no choice is right."""

    def function(choices: Choices, **_: object) -> tuple[np.ndarray, np.ndarray]:
        values = []
        for scores, right in zip(
            choices.per_document(choices.loglikelihoods),
            choices.per_document(choices.right),
            strict=True,
        ):
            ranks = np.flatnonzero(right[np.argsort(-scores, kind="stable")]) + 1
            values.append(measure(ranks, len(scores)) if len(ranks) else 0.0)
        return choices.argmax(choices.loglikelihoods), np.array(values)

    return function


def negative_logarithm(item: Item) -> float:
    """-ln of the probability on right choices, of (right, log-likelihoods); infinite where none is right.

    As a difference of logarithms, so that a right choice a thousand nats behind has a number too.
    """
    golds, scores = right_choices(item), of_choices(item)
    return (
        float(np.logaddexp.reduce(scores) - np.logaddexp.reduce(scores[golds])) if golds else np.inf
    )


def reciprocal_rank(ranks: np.ndarray, n: int) -> float:
    return 1 / ranks[0]


def discounted_gain(ranks: np.ndarray, n: int) -> float:
    return np.sum(1 / np.log2(1 + ranks)) / np.sum(1 / np.log2(2 + np.arange(len(ranks))))


def recall_at(k: int) -> Metric:
    """The metric recall@k."""
    return Metric(
        f"recall@{k}", "multiple_choice", ranked(lambda ranks, n: float(np.mean(ranks <= k)))
    )


def ece(bins: int = BINS, **_: Any) -> Aggregation:
    """Expected calibration error; items are (confidence, right). Statistics: per bin documents, confidences, right ones."""

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
    """Expected calibration error over bins of equally many documents, equal confidences in the order of the documents."""

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


METRICS = (
    Metric("ece", "multiple_choice", confidences, aggregation="ece", higher_is_better=False),
    Metric(
        "adaptive_ece",
        "multiple_choice",
        confidences,
        aggregation="adaptive_ece",
        higher_is_better=False,
    ),
    Metric("auroc", "multiple_choice", confidences, aggregation="roc_auc"),
    Metric("aurc", "multiple_choice", confidences, aggregation="aurc", higher_is_better=False),
    Metric("roc_auc", "multiple_choice", class_scores, aggregation="roc_auc"),
    Metric("average_precision", "multiple_choice", class_scores, aggregation="average_precision"),
    Metric(
        "nll", "multiple_choice", loglikelihoods, higher_is_better=False, value=negative_logarithm
    ),
    Metric("mrr", "multiple_choice", ranked(reciprocal_rank)),
    Metric("ndcg", "multiple_choice", ranked(discounted_gain)),
)

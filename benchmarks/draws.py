"""Scores of documents drawn with a known truth, for one model and for pairs of models."""

import numpy as np

from snakeval.analysis import differences
from snakeval.analysis.differences import Comparison
from snakeval.analysis.series import Series
from snakeval.metrics import registry
from snakeval.metrics.aggregation import Aggregation

Rng = np.random.Generator
RIGHT = Aggregation("mean", "mean", proportion=True)
MEAN = registry.AGGREGATIONS["mean"]()
PERPLEXITY = registry.AGGREGATIONS["weighted_perplexity"]()
F1 = registry.AGGREGATIONS["f1"](average="macro")
MATTHEWS = registry.AGGREGATIONS["matthews_corrcoef"]()


def series(
    aggregation: Aggregation, data: np.ndarray, clusters: np.ndarray | None = None
) -> Series:
    return Series(aggregation, np.arange(len(data)), clusters, 0, data)


# One model


def shares(rng: Rng, n: int, p: float, repeats: int = 1) -> np.ndarray:
    """Right answers to n documents of unequal difficulty, the mean over repeats; p on average."""
    if repeats == 1 or p in (0.0, 1.0):
        return (rng.random(n) < p).astype(float)
    return rng.binomial(repeats, rng.beta(2 * p, 2 * (1 - p), n)) / repeats


def in_clusters(
    rng: Rng, groups: int, p: float, correlation: float
) -> tuple[np.ndarray, np.ndarray]:
    """Right answers in clusters of 2 to 8 documents, and the clusters.

    Documents of a cluster share their difficulty (beta-binomial). p is the average over documents.
    """
    clusters = cluster_labels(rng, groups)
    strength = (1 - correlation) / correlation
    draw = rng.random(len(clusters))
    level = rng.beta(p * strength, (1 - p) * strength, groups)[clusters]
    return (draw < level).astype(float), clusters


def cluster_labels(rng: Rng, groups: int) -> np.ndarray:
    """Clusters of 2 to 8 documents."""
    return np.repeat(np.arange(groups), rng.integers(2, 9, groups))


def normal_clusters(rng: Rng, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Values of mean 0 whose correlation within a cluster is 0.5, and the clusters."""
    clusters = cluster_labels(rng, groups)
    return rng.normal(0, 1, groups)[clusters] + rng.normal(0, 1, len(clusters)), clusters


def f1_like(rng: Rng, n: int) -> np.ndarray:
    """Token F1: a third 0, a third 1, the others between; 1/2 on average."""
    return np.select([(u := rng.random(n)) < 1 / 3, u > 2 / 3], [0.0, 1.0], rng.random(n))


def mostly_zero(rng: Rng, n: int) -> np.ndarray:
    """80 % are 0, the others uniform; 0.1 on average."""
    return np.where(rng.random(n) < 0.8, 0.0, rng.random(n))


def texts(rng: Rng, n: int, rate: float = 4.0) -> np.ndarray:
    """(log-likelihood, words) of texts of unequal length: (n, 2).

    The log-likelihood per word is -`rate` on average, and varies between texts.
    """
    words = rng.integers(20, 200, n).astype(float)
    return np.column_stack([-words * rate * rng.gamma(20, 1 / 20, n), words])


def texts_in_clusters(rng: Rng, groups: int) -> tuple[np.ndarray, np.ndarray]:
    """(log-likelihood, words) of texts whose difficulty a cluster shares, and the clusters."""
    clusters = cluster_labels(rng, groups)
    words = rng.integers(20, 200, len(clusters)).astype(float)
    shared = 4 * rng.gamma(20, 1 / 20, groups)[clusters]
    rate = shared * rng.gamma(20, 1 / 20, len(clusters))
    return np.column_stack([-words * rate, words]), clusters


def labels(rng: Rng, n: int, accuracy: float = 0.7) -> np.ndarray:
    """Counts of a classifier over three unequal classes: (n, 9)."""
    gold = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    return counts_of(gold, np.where(rng.random(n) < accuracy, gold, rng.integers(0, 3, n)))


def counts_of(gold: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Per document and class: predicted and right, predicted, right."""
    one_hot_gold, one_hot_predicted = (np.eye(3)[classes] for classes in (gold, predicted))
    return np.hstack([one_hot_gold * one_hot_predicted, one_hot_predicted, one_hot_gold])


# Pairs of models


def pair(aggregation: Aggregation, a: np.ndarray, b: np.ndarray, *clusters: np.ndarray):
    return differences.matched(series(aggregation, a, *clusters), series(aggregation, b, *clusters))


def right_pair(rng: Rng, n: int, p_a: float, p_b: float, same: float = 0.5) -> Comparison:
    """Right answers of two models; one draw decides a share `same` of the documents for both."""
    draw_a, draw_b = rng.random((2, n))
    draw_b = np.where(rng.random(n) < same, draw_a, draw_b)
    return [pair(RIGHT, (draw_a < p_a).astype(float), (draw_b < p_b).astype(float))]


def cluster_pair(rng: Rng, groups: int, gap: float) -> Comparison:
    """Two models whose difference varies between clusters; `gap` on average."""
    clusters = cluster_labels(rng, groups)
    level_a, level_b = (rng.beta(3, 3, groups)[clusters] for _ in range(2))
    a = rng.random(len(clusters)) < level_a * (1 - gap) + gap
    b = rng.random(len(clusters)) < level_b * (1 - gap)
    return [pair(RIGHT, a.astype(float), b.astype(float), clusters)]


def group_pair(rng: Rng, sizes: list[int], p: list[float], gap: float, by_size: bool) -> Comparison:
    """Right answers of two models in subtasks with shares `p` and `p` + `gap`."""
    strata = [right_pair(rng, n, share + gap, share)[0] for n, share in zip(sizes, p, strict=True)]
    return [
        differences.Stratum(stratum.a, stratum.b, float(weight))
        for stratum, weight in zip(strata, weights_of(sizes, by_size), strict=True)
    ]


def f1_pair(rng: Rng, n: int, gap: float) -> Comparison:
    """Token F1 of two models, `gap` apart, equal in half of the documents but for the gap."""
    a, b = f1_like(rng, n), f1_like(rng, n)
    b = np.where(rng.random(n) < 0.5, a, b)
    return [pair(MEAN, a + gap, b)]


def perplexity_pair(rng: Rng, n: int, gap: float) -> Comparison:
    """Two models on texts whose difficulty they share; `gap` in the log-likelihood per word."""
    words = rng.integers(20, 200, n).astype(float)
    text = rng.gamma(20, 4 / 20, n)
    a, b = (
        np.column_stack([-words * (text + shift + rng.normal(0, 0.2, n)), words])
        for shift in (gap, 0.0)
    )
    return [pair(PERPLEXITY, a, b)]


def label_pair(rng: Rng, n: int, aggregation: Aggregation) -> Comparison:
    """Two classifiers that are right in as many documents, more often in the same ones."""
    gold = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    hard = rng.random(n)

    def predicted() -> np.ndarray:
        right = 0.7 * hard + 0.3 * rng.random(n) < 0.6
        return np.where(right, gold, rng.integers(0, 3, n))

    a, b = (counts_of(gold, predicted()) for _ in range(2))
    return [pair(aggregation, a, b)]


def weights_of(sizes: list[int], by_size: bool) -> np.ndarray:
    """Weights of subtasks in a group's average."""
    return np.array(sizes, float) / sum(sizes) if by_size else np.full(len(sizes), 1 / len(sizes))

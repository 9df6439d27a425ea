"""Series of scores for tests of intervals and comparisons; the same numbers at every call."""

import numpy as np

from snakeval.analysis.series import Series
from snakeval.metrics.aggregation import Aggregation
from snakeval.metrics.registry import AGGREGATIONS

RIGHT = Aggregation("mean", "mean", proportion=True)
MEAN = Aggregation("mean", "mean")
PERPLEXITY = AGGREGATIONS["weighted_perplexity"]()
MEDIAN = AGGREGATIONS["median"]()


def rng() -> np.random.Generator:
    return np.random.default_rng(20)


def series(aggregation, data, clusters=None, documents=None) -> Series:
    documents = np.arange(len(data)) if documents is None else documents
    return Series(aggregation, documents, clusters, 7, data)


def texts(n: int) -> np.ndarray:
    """(log-likelihood, words) of n texts."""
    words = rng().integers(10, 100, n).astype(float)
    return np.column_stack([-words * rng().gamma(9, 0.4, n), words])

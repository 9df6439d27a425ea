"""One model's scores of one task, filter and metric, and the estimate that follows from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from snakeval.metrics.aggregation import Aggregation, items_of, statistics_of
from snakeval.statistics import bootstrap, intervals
from snakeval.statistics.intervals import CONFIDENCE, Estimate


@dataclass(frozen=True, eq=False)
class Series:
    """The scores of one model, in the order of doc_id."""

    aggregation: Aggregation
    documents: np.ndarray  # (n,) doc_id, increasing
    clusters: np.ndarray | None  # (n,) labels; None: independent documents
    seed: int  # equal for all models of a task, so that their resamples are paired
    data: Any  # by kind: mean, values (n,); sums, statistics (n, k); items, a list of n

    @property
    def kind(self) -> str:
        """mean, sums or items."""
        return self.aggregation.kind

    @property
    def n(self) -> int:
        """Documents."""
        return len(self.documents)

    @cached_property
    def is_binary(self) -> bool:
        """Whether every document is right or wrong."""
        of_shares = self.aggregation.proportion and self.kind == "mean"
        return of_shares and bool(np.isin(self.data, (0.0, 1.0)).all())

    @cached_property
    def units(self) -> int:
        """Independent units: documents or clusters."""
        return self.n if self.clusters is None else len(np.unique(self.clusters))

    @cached_property
    def score(self) -> float:
        """The task's score; nan where it is undefined."""
        if not self.n:
            return np.nan
        if self.kind == "mean":
            return float(self.data.mean())
        return float(self._of(self.data.sum(axis=0) if self.kind == "sums" else self.data))

    @cached_property
    def replicates(self) -> np.ndarray:
        """Bootstrap replicates of a metric that is not a mean."""
        if self.kind == "sums":
            return self._of(bootstrap.resample_sums(self._unit_sums, self.seed))
        labels = self.documents if self.clusters is None else self.clusters
        _, codes = np.unique(labels, return_inverse=True)
        units = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
        return bootstrap.resample_items(self.data, self._of, units, self.seed)

    @cached_property
    def jackknife(self) -> np.ndarray:
        """A metric of sums without each unit: (units,)."""
        return bootstrap.leave_one_out(self._unit_sums, self._of)

    @cached_property
    def contributions(self) -> np.ndarray:
        """What each unit adds to a mean or a metric of sums: (units,), summing to the score.

        For a mean these are the values / n. For a function of sums they are the jackknife's
        pseudo-values / units, which sum to the score but for a bias of order 1 / units
        (Miller 1974, Biometrika 61:1-15).
        """
        if self.kind == "mean":
            return self._unit_sums / self.n
        return self.score - (self.units - 1) / self.units * self.jackknife

    @cached_property
    def compared(self) -> "Series":
        """The series on the scale on which models are compared.

        That is the logarithm for perplexities, and the score itself otherwise. A perplexity is the
        exponential of a mean, so a few documents would decide the difference of two of them.
        """
        log = self.aggregation.log_of_sums
        if log is None:
            return self
        return replace(self, aggregation=replace(self.aggregation, of_sums=log, log_of_sums=None))

    def among(self, documents: np.ndarray) -> "Series":
        """The scores of some of the documents."""
        keep = np.flatnonzero(np.isin(self.documents, documents))
        clusters = None if self.clusters is None else self.clusters[keep]
        data = [self.data[index] for index in keep] if self.kind == "items" else self.data[keep]
        return replace(self, documents=self.documents[keep], clusters=clusters, data=data)

    @cached_property
    def _unit_sums(self) -> np.ndarray:
        if self.clusters is None:
            return self.data
        return intervals.cluster_sums(self.data, self.clusters)

    @property
    def _of(self) -> Callable[[Any], Any]:
        """The function of summed statistics or of items that gives the score."""
        function = self.aggregation.of_sums if self.kind == "sums" else self.aggregation.of_items
        if function is None:
            name = self.aggregation.name
            raise ValueError(f"aggregation {name} lacks its function of {self.kind}")
        return function


def from_scores(rows: pa.Table, aggregation: Aggregation, seed: int) -> Series:
    """The series in `rows` of SCORES, all of one model, task, filter and metric.

    A mean leaves out documents whose value is null.
    """
    if aggregation.kind == "mean":
        rows = rows.filter(rows["value"].is_valid())
    rows = rows.sort_by("doc_id")
    data: Any = rows["value"].to_numpy()
    if aggregation.kind != "mean":
        data = statistics_of(rows) if aggregation.kind == "sums" else items_of(rows)
    documents = rows["doc_id"].to_numpy()
    return Series(aggregation, documents, _clusters(rows["cluster"], documents), seed, data)


def estimate(series: Series, confidence: float = CONFIDENCE) -> Estimate:
    """The score of a task with the interval that fits it (see docs/explanation/statistics.md)."""
    if not series.n or not np.isfinite(series.score):
        return Estimate(series.score, np.nan, np.nan, np.nan, "none", np.nan, 0)
    if series.kind == "mean":
        of = intervals.proportion if series.aggregation.proportion else intervals.mean
        return of(series.data, series.clusters, confidence)
    if series.kind == "sums":
        method = "bootstrap-bca"
        low, high = bootstrap.bca(series.replicates, series.score, series.jackknife, confidence)
    else:
        method = "bootstrap-percentile"
        low, high = bootstrap.percentile(series.replicates, series.units, confidence)
    stderr = bootstrap.spread(series.replicates)
    if np.isnan(stderr):
        low = high = np.nan
    return Estimate(series.score, stderr, low, high, method, np.nan, series.units - 1)


def group_estimate(
    weights: np.ndarray, parts: Sequence[Estimate], proportion: bool, confidence: float = CONFIDENCE
) -> Estimate:
    """Σ w_i · score_i of independent subtasks with its interval.

    `weights` (k,) sum to 1. `proportion`: every document's score is in [0, 1].
    """
    if len(parts) == 1:
        return parts[0]
    values, stderrs, numbers, df = (
        np.array([getattr(part, name) for part in parts])
        for name in ("value", "stderr", "n_effective", "df")
    )
    if proportion:
        return intervals.weighted_proportion(weights, values, stderrs, numbers, df, confidence)
    return intervals.weighted_mean(weights, values, stderrs, df, confidence)


def _clusters(column: pa.ChunkedArray, documents: np.ndarray) -> np.ndarray | None:
    """Cluster codes; None where no two documents share a cluster, or all share one.

    One cluster does not show how clusters differ: the task then is that cluster, and its
    documents vary within it.
    """
    if column.null_count == len(column):
        return None
    labels = [
        f"document {document}" if label is None else f"cluster {label}"
        for label, document in zip(column.to_pylist(), documents, strict=True)
    ]
    names, codes = np.unique(labels, return_inverse=True)
    return codes if 1 < len(names) < len(labels) else None

"""The difference of two models on a task, or on the subtasks of a group.

A comparison is a list of strata: one for a task, one per subtask for a group, with the weights of
the group's average. From its series follow p-value, interval and effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from snakeval.analysis.series import Series
from snakeval.statistics import bootstrap, intervals
from snakeval.statistics.comparisons import mcnemar, sign_flip, tango
from snakeval.statistics.intervals import CONFIDENCE, critical, satterthwaite

_CELLS = 4_000_000  # contributions of documents tested at a time


@dataclass(frozen=True)
class Stratum:
    """Two models on the same documents of one task; `weight` of the task in the average."""

    a: Series
    b: Series
    weight: float = 1.0


Comparison = Sequence[Stratum]


@dataclass(frozen=True)
class Difference:
    """Score of a minus score of b, or of their logarithms (see `Series.compared`).

    `nan` where something is undefined.
    """

    value: float
    stderr: float
    low: float
    high: float


def matched(a: Series, b: Series, weight: float = 1.0) -> Stratum:
    """The two series on the documents that both have, on the scale of `Series.compared`."""
    a, b = a.compared, b.compared
    if a.documents is not b.documents and not np.array_equal(a.documents, b.documents):
        common = np.intersect1d(a.documents, b.documents)
        a, b = a.among(common), b.among(common)
    if a.units != b.units:
        # A model that answered few documents may show no two of one cluster.
        clusters = a.clusters if a.clusters is not None else b.clusters
        a, b = replace(a, clusters=clusters), replace(b, clusters=clusters)
    return Stratum(a, b, weight)


def documents(comparison: Comparison) -> int:
    """Documents that both models answered."""
    return sum(stratum.a.n for stratum in comparison)


def score_difference(comparison: Comparison) -> float:
    """Weighted score of a minus that of b."""
    return sum(stratum.weight * (stratum.a.score - stratum.b.score) for stratum in comparison)


def is_binary(comparison: Comparison) -> bool:
    """Whether every answer of both models is right or wrong."""
    return all(stratum.a.is_binary and stratum.b.is_binary for stratum in comparison)


def discordant(comparison: Comparison) -> tuple[int, int]:
    """Documents right for a only, and for b only, of a binary comparison."""
    only_a = sum(int(np.count_nonzero(s.a.data > s.b.data)) for s in comparison)
    only_b = sum(int(np.count_nonzero(s.a.data < s.b.data)) for s in comparison)
    return only_a, only_b


def p_values(comparisons: Sequence[Comparison]) -> tuple[np.ndarray, list[str]]:
    """Two-sided p-values of no difference, and the names of the tests.

    - McNemar's test: right or wrong answers to independent documents of one task.
    - The normal test with the bootstrap's standard error: metrics of items, to which documents
      add nothing that can be separated.
    - Otherwise the sign-flip permutation test of what each document, or cluster, adds to the
      difference.

    nan where a comparison has no documents or no score.
    """
    p, tests = np.full(len(comparisons), np.nan), ["none"] * len(comparisons)
    counted: list[int] = []
    flipped: list[int] = []
    for index, comparison in enumerate(comparisons):
        if not documents(comparison) or not np.isfinite(score_difference(comparison)):
            continue
        if len(comparison) == 1 and is_binary(comparison) and comparison[0].a.clusters is None:
            counted.append(index)
        elif any(stratum.a.kind == "items" for stratum in comparison):
            found = interval(comparison)
            p[index] = 2 * stats.norm.sf(abs(found.value) / found.stderr)
            tests[index] = "bootstrap"
        else:
            flipped.append(index)
            tests[index] = "permutation"
    if counted:
        only_a, only_b = np.array([discordant(comparisons[index]) for index in counted]).T
        p[counted], names = mcnemar(only_a, only_b)
        for index, name in zip(counted, names, strict=True):
            tests[index] = str(name)
    if flipped:
        p[flipped] = _sign_flip_p_values([comparisons[index] for index in flipped])
    return p, tests


def interval(comparison: Comparison, confidence: float = CONFIDENCE) -> Difference:
    """The difference with its interval, paired by document.

    - Right or wrong: Tango's score interval, at the effective number of documents for clusters
      and groups.
    - Means: Student's t.
    - Metrics of sums: BCa bootstrap. Metrics of items: percentile bootstrap.
    - Groups of these: the delta method.
    """
    value = score_difference(comparison)
    if not documents(comparison) or not np.isfinite(value):
        return Difference(np.nan, np.nan, np.nan, np.nan)
    if is_binary(comparison):
        return _of_shares(comparison, value, confidence)
    if len(comparison) == 1 and comparison[0].a.kind != "mean":
        return _of_replicates(comparison[0], value, confidence)
    variances, df = np.array([_variance(stratum) for stratum in comparison]).T
    variances = variances * np.array([stratum.weight for stratum in comparison]) ** 2
    total = float(variances.sum())
    if not total > 0:
        return Difference(value, np.nan, np.nan, np.nan)
    half = float(critical(satterthwaite(variances, df), confidence)) * np.sqrt(total)
    return Difference(value, float(np.sqrt(total)), value - half, value + half)


def _sign_flip_p_values(comparisons: Sequence[Comparison]) -> np.ndarray:
    """p-values of the sign-flip test, block by block; nan where a contribution is undefined."""
    p = np.full(len(comparisons), np.nan)
    rows = max(sum(stratum.a.units for stratum in comparison) for comparison in comparisons)
    block = max(1, _CELLS // rows)
    for start in range(0, len(comparisons), block):
        chosen = comparisons[start : start + block]
        columns = np.zeros((rows, len(chosen)))  # zeros below the shorter columns change nothing
        for column, comparison in enumerate(chosen):
            added = np.concatenate(
                [s.weight * (s.a.contributions - s.b.contributions) for s in comparison]
            )
            columns[: len(added), column] = added
        defined = np.isfinite(columns).all(axis=0)
        p[start + np.flatnonzero(defined)] = sign_flip(columns[:, defined])
    return p


def _variance(stratum: Stratum) -> tuple[float, float]:
    """Estimated variance of a stratum's difference and its degrees of freedom."""
    if stratum.a.kind == "mean":
        return intervals.variance_of_mean(stratum.a.data - stratum.b.data, stratum.a.clusters)
    return bootstrap.spread(stratum.a.replicates - stratum.b.replicates) ** 2, stratum.a.units - 1.0


def _of_replicates(stratum: Stratum, value: float, confidence: float) -> Difference:
    a, b = stratum.a, stratum.b
    replicates = a.replicates - b.replicates
    stderr = bootstrap.spread(replicates)
    if np.isnan(stderr):
        return Difference(value, stderr, np.nan, np.nan)
    if a.kind == "items":
        ends = bootstrap.percentile(replicates, a.units, confidence)
    else:
        ends = bootstrap.bca(replicates, value, a.jackknife - b.jackknife, confidence)
    return Difference(value, stderr, *ends)


def _of_shares(comparison: Comparison, value: float, confidence: float) -> Difference:
    """Tango's interval at the effective number of documents.

    That of several strata follows from `intervals.stratum_variances`.
    """
    weights = np.array([stratum.weight for stratum in comparison])
    shares = np.array(
        [[np.mean(s.a.data > s.b.data), np.mean(s.a.data < s.b.data)] for s in comparison]
    )
    numbers, df = np.array([_effective_number(stratum) for stratum in comparison]).T
    # Where every document differs, or none does, a weighted sum of ones may miss 1 by rounding.
    # The number of documents would then have no limit.
    alike = np.all(shares == shares[0]) and _share_variance(shares[0]) == 0
    average = shares[0] if alike else weights @ shares
    one_document = float(_share_variance(average))
    if alike:
        number, stderr = 1 / float(np.sum(weights**2 / numbers)), np.nan
        joint_df = float(np.min(df))
    elif len(comparison) == 1:
        number, stderr, joint_df = numbers[0], float(np.sqrt(one_document / numbers[0])), df[0]
    else:
        variances, df = intervals.stratum_variances(weights, shares, numbers, df, _share_variance)
        number, stderr = one_document / variances.sum(), float(np.sqrt(variances.sum()))
        joint_df = satterthwaite(variances, df)
    low, high = tango(average[0], average[1], number, joint_df, confidence)
    return Difference(value, stderr if stderr > 0 else np.nan, float(low), float(high))


def _effective_number(stratum: Stratum) -> tuple[float, float]:
    """Independent documents that are as precise, at most all, and their degrees of freedom.

    Where all documents differ in the same way, or none does, it is the number of clusters.
    """
    a, b = stratum.a, stratum.b
    if a.clusters is None:
        return float(a.n), np.inf
    variance, df = intervals.variance_of_mean(a.data - b.data, a.clusters)
    share_variance = _share_variance(np.array([np.mean(a.data > b.data), np.mean(a.data < b.data)]))
    if not share_variance > 0:
        return float(a.units), df
    return min(float(share_variance) / variance, float(a.n)) if variance > 0 else float(a.n), df


def _share_variance(shares: np.ndarray) -> np.ndarray:
    """Variance of one document's difference.

    `shares` (..., 2): the shares of documents right for a only and for b only.
    """
    return shares.sum(axis=-1) - (shares[..., 0] - shares[..., 1]) ** 2

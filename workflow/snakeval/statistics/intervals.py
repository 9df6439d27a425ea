"""Confidence intervals of means and proportions, of independent or clustered documents, and of averages over subtasks.

One idea serves every proportion: an *effective* number of documents, with which the estimated variance is that of a binomial share, goes
into Wilson's interval, which has no zero width, not even at 0 % and 100 % (Franco, Little, Louis and Slud 2019, Comparative study of
confidence intervals for proportions in complex sample surveys, J. Survey Statistics and Methodology 7:334-364). Other means get
Student's t.

`nan` stands for what is undefined: the spread of one document, or of documents that are all alike.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
PSEUDO_DOCUMENTS = 4  # benchmarks/coverage.py: fewer cover too little for rare successes in small strata, more too much for unlike strata


@dataclass(frozen=True)
class Estimate:
    """A score with its uncertainty; `nan` where it is undefined."""

    value: float
    stderr: float
    low: float
    high: float
    method: str
    n_effective: float  # independent documents that would be as precise; for proportions
    df: float  # degrees of freedom of stderr; inf: known without estimating a spread


def none_if_not_finite(value: float) -> float | None:
    """A number as tables hold it: None where it is undefined or infinite."""
    return float(value) if np.isfinite(value) else None


def critical(df: float | np.ndarray = np.inf, confidence: float = CONFIDENCE) -> np.ndarray:
    """Two-sided critical value of Student's t with `df` degrees of freedom (inf: normal); nan where df <= 0."""
    df = np.asarray(df, dtype=float)
    return stats.t.ppf(0.5 + confidence / 2, np.where(df > 0, df, np.nan))


def wilson(
    share: float | np.ndarray,
    n: float | np.ndarray,
    df: float | np.ndarray = np.inf,
    confidence: float = CONFIDENCE,
) -> tuple[np.ndarray, np.ndarray]:
    """Score interval of a proportion; arrays broadcast, `n` may be an effective number (Wilson 1927, JASA 22:209-212).

    With `df`, t replaces the normal quantile, as Korn and Graubard (1998, Survey Methodology 24:193-201) do for estimated variances.
    """
    share, n = np.asarray(share, dtype=float), np.asarray(n, dtype=float)
    z2 = critical(df, confidence) ** 2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 / n * (share * (1 - share) + z2 / (4 * n))) / (1 + z2 / n)
    # Exactly 0 and 1 at the ends: rounding must not exclude the observed value.
    return np.where(share <= 0, 0.0, np.maximum(middle - half, 0.0)), np.where(
        share >= 1, 1.0, np.minimum(middle + half, 1.0)
    )


def variance_of_mean(values: np.ndarray, clusters: np.ndarray | None = None) -> tuple[float, float]:
    """Estimated variance of the mean of `values` (n,) and its degrees of freedom; (nan, 0) where there is one unit.

    Independent documents: s²/n, n - 1. With `clusters` (n,) of labels, the cluster-robust CR1 estimate with G - 1 degrees of freedom,
    G/(G-1) Σ_g (Σ_{i∈g} (x_i - x̄))² / n² (Liang and Zeger 1986; Cameron and Miller 2015, J. Human Resources 50:317-372).
    """
    deviations = values - values.mean()
    sums = deviations if clusters is None else cluster_sums(deviations, clusters)
    units = len(sums)
    if units < 2:
        return np.nan, 0.0
    # Rounding leaves ~1e-16 of spread where there is none: documents that are all alike, clusters of equal sums.
    spread = np.abs(sums).max() > 1e-12 * np.abs(values).max() * len(values) / units
    return (
        float(units / (units - 1) * np.square(sums).sum() / len(values) ** 2) if spread else 0.0
    ), units - 1.0


def cluster_sums(rows: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Sums of `rows` (n, ...) within each cluster: (G, ...), clusters in the order of their labels."""
    labels, codes = np.unique(clusters, return_inverse=True)
    sums = np.zeros((len(labels), *rows.shape[1:]))
    np.add.at(sums, codes, rows)
    return sums


def mean(
    values: np.ndarray, clusters: np.ndarray | None = None, confidence: float = CONFIDENCE
) -> Estimate:
    """The mean of `values` (n,) with a t interval; undefined for a single unit and where documents or clusters are all alike."""
    value = float(values.mean())
    variance, df = variance_of_mean(values, clusters)
    half = float(critical(df, confidence)) * np.sqrt(variance) if variance > 0 else np.nan
    stderr = float(np.sqrt(variance)) if variance > 0 else np.nan
    return Estimate(
        value,
        stderr,
        value - half,
        value + half,
        "t" if clusters is None else "cluster-t",
        np.nan,
        df,
    )


def proportion(
    values: np.ndarray, clusters: np.ndarray | None = None, confidence: float = CONFIDENCE
) -> Estimate:
    """The mean of `values` (n,) in [0, 1] with Wilson's interval at the effective number of documents.

    0/1 values of independent documents: n itself, `wilson`. Other values, as of several samples per document: the number with the
    variance seen between documents, `wilson-effective`. Clusters: the number with the cluster-robust variance, at most that of the same
    documents without clusters, `wilson-cluster`. Where all values are 0 or all are 1 it is the number of documents or clusters.
    """
    n = len(values)
    share = float(values.mean())
    binary = bool(np.isin(values, (0.0, 1.0)).all())
    variance, df = variance_of_mean(values, clusters)
    stderr = float(np.sqrt(variance)) if variance > 0 else np.nan
    independent = float(n) if binary else effective_number(share, variance_of_mean(values)[0], n)
    if clusters is None:
        method, n_effective, df = (
            ("wilson", independent, np.inf) if binary else ("wilson-effective", independent, df)
        )
    else:
        # Clusters of equal sums leave no variance, and nearly equal ones little: no proof that they tell more than as many documents.
        number = effective_number(share, variance, len(np.unique(clusters)))
        method, n_effective = "wilson-cluster", float(np.fmin(number, independent))
    low, high = wilson(share, n_effective, df, confidence)
    return Estimate(share, stderr, float(low), float(high), method, n_effective, df)


def effective_number(share: float, variance: float, at_ends: float) -> float:
    """Independent right-or-wrong documents with this variance of their share; `at_ends` of them where the share is 0 or 1.

    nan where documents are all alike between 0 and 1: their number says nothing then.
    """
    if share <= 0 or share >= 1:
        return float(at_ends)
    return share * (1 - share) / variance if variance > 0 else np.nan


def weighted_proportion(
    weights: np.ndarray,
    shares: np.ndarray,
    stderrs: np.ndarray,
    n_effective: np.ndarray,
    df: np.ndarray,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Σ w_i p_i over independent strata (weights sum to 1), with Wilson's interval at the effective number of documents.

    The interval's variance is that of `stratum_variances`; where all documents are right or all are wrong, the number is Kish's,
    1 / Σ w_i²/n_i. The standard error is √(Σ w_i² se_i²), unless a stratum has one document.
    """
    if np.all(shares == 0) or np.all(shares == 1):
        # The share itself, for the weighted sum of ones may end beside 1, where the number of documents has no limit.
        value, stderr = float(shares[0]), np.nan
        number, joint_df = 1 / float(np.sum(weights**2 / n_effective)), float(np.min(df))
    else:
        value = float(weights @ shares)
        variances, df = stratum_variances(
            weights, shares, n_effective, df, lambda share: share * (1 - share)
        )
        number, joint_df = value * (1 - value) / variances.sum(), satterthwaite(variances, df)
        plain = (
            weights * np.nan_to_num(stderrs)
        ) ** 2  # undefined at 0 % and 100 %: no spread seen
        total = float(plain.sum())
        stderr = float(np.sqrt(total if total > 0 and np.all(n_effective > 1) else variances.sum()))
    low, high = wilson(value, number, joint_df, confidence)
    return Estimate(value, stderr, float(low), float(high), "wilson-strata", number, joint_df)


def stratum_variances(
    weights: np.ndarray,
    shares: np.ndarray,
    numbers: np.ndarray,
    df: np.ndarray,
    of_document: Callable[[np.ndarray], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """w_i² Var(share_i) of strata and the degrees of freedom of these; `of_document`: a document's variance from `shares` (k, ...).

    Each stratum's shares are first drawn towards the average by four pseudo-documents: else a stratum at 0 % or 100 %, or of one
    document, would count as known without error. The divisor makes the estimate unbiased where strata are alike: for independent strata
    the drawn share's variance is (n_i + 2 m w_i + m² Σ w²/n) / (n_i + m)² of one document's.
    """
    pulled = numbers + PSEUDO_DOCUMENTS
    columns = (slice(None), *[None] * (shares.ndim - 1))
    drawn = (numbers[columns] * shares + PSEUDO_DOCUMENTS * (weights @ shares)) / pulled[columns]
    kept = (
        numbers
        + 2 * PSEUDO_DOCUMENTS * weights
        + PSEUDO_DOCUMENTS**2 * np.sum(weights**2 / numbers)
    ) / pulled**2
    return weights**2 * of_document(drawn) / numbers / (1 - kept), np.where(
        np.isinf(df), pulled - 1, df
    )


def weighted_mean(
    weights: np.ndarray,
    values: np.ndarray,
    stderrs: np.ndarray,
    df: np.ndarray,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Σ w_i θ_i over independent strata by the delta method: variance Σ w_i² se_i², t with Satterthwaite's degrees of freedom.

    Undefined where a stratum's standard error is.
    """
    value = float(weights @ values)
    variances = (weights * stderrs) ** 2
    stderr = float(np.sqrt(variances.sum()))
    joint_df = satterthwaite(variances, df)
    half = float(critical(joint_df, confidence)) * stderr
    return Estimate(value, stderr, value - half, value + half, "delta", np.nan, joint_df)


def satterthwaite(variances: np.ndarray, df: np.ndarray) -> float:
    """Degrees of freedom of a sum of independent variance estimates (Satterthwaite 1946, Biometrics Bulletin 2:110-114)."""
    spread = float(np.sum(variances**2 / df))
    return float(variances.sum()) ** 2 / spread if spread > 0 else np.inf if spread == 0 else np.nan

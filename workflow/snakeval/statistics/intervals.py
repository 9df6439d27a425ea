"""Confidence intervals of means, of proportions, and of their averages over subtasks.

Documents are independent or clustered. One idea serves every proportion. The *effective* number of
documents is the one whose binomial share has the estimated variance. Wilson's interval takes this
number. Its width is never zero, not even at 0 % and 100 % (Franco, Little, Louis and Slud 2019,
Comparative study of confidence intervals for proportions in complex sample surveys, J. Survey
Statistics and Methodology 7:334-364). Other means get Student's t.

`nan` means undefined: the spread of one document, or of documents that are all alike.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
# Measured by benchmarks/coverage.py: with fewer, intervals cover too little for rare successes in
# small strata; with more, they cover too much for unlike strata.
PSEUDO_DOCUMENTS = 4


@dataclass(frozen=True)
class Estimate:
    """A score with its uncertainty; `nan` where it is undefined."""

    value: float
    stderr: float
    low: float
    high: float
    method: str
    n_effective: float  # independent documents that would be as precise; for proportions
    df: float  # degrees of freedom of stderr; inf: no spread was estimated


def none_if_not_finite(value: float) -> float | None:
    """The number, or None where it is undefined or infinite, as tables hold it."""
    return float(value) if np.isfinite(value) else None


def critical(df: float | np.ndarray = np.inf, confidence: float = CONFIDENCE) -> np.ndarray:
    """Two-sided critical value of Student's t with `df` degrees of freedom; nan where df <= 0.

    With inf it is the normal quantile.

    >>> round(float(critical()), 2), round(float(critical(10)), 2)
    (1.96, 2.23)
    """
    df = np.asarray(df, dtype=float)
    return stats.t.ppf(0.5 + confidence / 2, np.where(df > 0, df, np.nan))


def wilson(
    share: float | np.ndarray,
    n: float | np.ndarray,
    df: float | np.ndarray = np.inf,
    confidence: float = CONFIDENCE,
) -> tuple[np.ndarray, np.ndarray]:
    """Score interval of a proportion: lower and upper ends (Wilson 1927, JASA 22:209-212).

    (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n), with p the `share`. `n` may be an effective
    number of documents. With `df`, t replaces z, as for estimated variances (Korn and Graubard
    1998, Survey Methodology 24:193-201). Arrays broadcast.

    >>> low, high = wilson(0.75, 20)
    >>> round(float(low), 3), round(float(high), 3)
    (0.531, 0.888)
    """
    share, n = np.asarray(share, dtype=float), np.asarray(n, dtype=float)
    z2 = critical(df, confidence) ** 2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 / n * (share * (1 - share) + z2 / (4 * n))) / (1 + z2 / n)
    # Exactly 0 and 1 at the ends: rounding must not exclude the observed value.
    low = np.where(share <= 0, 0.0, np.maximum(middle - half, 0.0))
    high = np.where(share >= 1, 1.0, np.minimum(middle + half, 1.0))
    return low, high


def variance_of_mean(values: np.ndarray, clusters: np.ndarray | None = None) -> tuple[float, float]:
    """Estimated variance of the mean of `values` (n,), and its degrees of freedom.

    - Independent documents: s²/n with n - 1 degrees of freedom.
    - `clusters` (n,) of labels: the cluster-robust CR1 estimate with G - 1 degrees of freedom,
      G/(G-1) Σ_g (Σ_{i∈g} (x_i - x̄))² / n² (Liang and Zeger 1986, Biometrika 73:13-22; Cameron
      and Miller 2015, J. Human Resources 50:317-372).

    (nan, 0) for one document or cluster.

    >>> variance_of_mean(np.array([0.0, 1.0, 1.0, 1.0]))
    (0.0625, 3.0)
    """
    deviations = values - values.mean()
    sums = deviations if clusters is None else cluster_sums(deviations, clusters)
    units = len(sums)
    if units < 2:
        return np.nan, 0.0
    # Documents that are all alike, and clusters of equal sums, keep ~1e-16 of spread from rounding.
    spread = np.abs(sums).max() > 1e-12 * np.abs(values).max() * len(values) / units
    variance = float(units / (units - 1) * np.square(sums).sum() / len(values) ** 2)
    return variance if spread else 0.0, units - 1.0


def cluster_sums(rows: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Sums of `rows` (n, ...) within each cluster: (G, ...), in the order of the labels.

    >>> cluster_sums(np.array([1.0, 2.0, 4.0]), np.array([0, 1, 0])).tolist()
    [5.0, 2.0]
    """
    labels, codes = np.unique(clusters, return_inverse=True)
    sums = np.zeros((len(labels), *rows.shape[1:]))
    np.add.at(sums, codes, rows)
    return sums


def mean(
    values: np.ndarray, clusters: np.ndarray | None = None, confidence: float = CONFIDENCE
) -> Estimate:
    """The mean of `values` (n,) with a t interval.

    x̄ ± t √Var, with variance and degrees of freedom of `variance_of_mean`. The interval is
    undefined for one document or cluster, and where all of them are alike.

    >>> found = mean(np.array([1.0, 2.0, 3.0]))
    >>> found.value, f"{found.low:.2f}", found.method
    (2.0, '-0.48', 't')
    """
    value = float(values.mean())
    variance, df = variance_of_mean(values, clusters)
    half = float(critical(df, confidence)) * np.sqrt(variance) if variance > 0 else np.nan
    stderr = float(np.sqrt(variance)) if variance > 0 else np.nan
    method = "t" if clusters is None else "cluster-t"
    return Estimate(value, stderr, value - half, value + half, method, np.nan, df)


def proportion(
    values: np.ndarray, clusters: np.ndarray | None = None, confidence: float = CONFIDENCE
) -> Estimate:
    """The mean of `values` (n,) in [0, 1], with Wilson's interval at an effective number.

    - `wilson`: 0/1 values of independent documents. The number is n.
    - `wilson-effective`: other values, such as means of several samples per document. The number
      has the variance that is measured between documents.
    - `wilson-cluster`: with `clusters` (n,). The number has the cluster-robust variance, and is at
      most that of the same documents without clusters.

    Where all values are 0, or all are 1, it is the number of documents or clusters.

    >>> proportion(np.array([1.0, 1.0, 0.0, 1.0])).method
    'wilson'
    """
    n = len(values)
    share = float(values.mean())
    binary = bool(np.isin(values, (0.0, 1.0)).all())
    variance, df = variance_of_mean(values, clusters)
    stderr = float(np.sqrt(variance)) if variance > 0 else np.nan
    independent = float(n) if binary else effective_number(share, variance_of_mean(values)[0], n)
    if clusters is not None:
        # Clusters of nearly equal sums leave little variance. That does not prove that they are
        # more precise than as many independent documents.
        number = effective_number(share, variance, len(np.unique(clusters)))
        method, n_effective = "wilson-cluster", float(np.fmin(number, independent))
    elif binary:
        method, n_effective, df = "wilson", independent, np.inf
    else:
        method, n_effective = "wilson-effective", independent
    low, high = wilson(share, n_effective, df, confidence)
    return Estimate(share, stderr, float(low), float(high), method, n_effective, df)


def effective_number(share: float, variance: float, at_ends: float) -> float:
    """Independent right-or-wrong documents with this variance of their share: p(1-p) / variance.

    `at_ends` where the share p is 0 or 1. nan where documents are all alike between 0 and 1, for
    no number of right-or-wrong documents has no variance there.
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
    """Σ w_i p_i over k independent strata, with Wilson's interval at an effective number.

    `weights` (k,) sum to 1. `shares`, `stderrs`, `n_effective`, `df` (k,): of each stratum.

    The interval's variance is that of `stratum_variances`. Where all documents are right, or all
    are wrong, the number is Kish's, 1 / Σ w_i²/n_i. The standard error is √(Σ w_i² se_i²), unless
    a stratum has one document: then it is the interval's.

    >>> half, two = np.array([0.5, 0.5]), np.array([20.0, 20.0])
    >>> found = weighted_proportion(half, np.array([0.4, 0.6]), half, two, two - 1)
    >>> found.value, found.method
    (0.5, 'wilson-strata')
    """
    if np.all(shares == 0) or np.all(shares == 1):
        # A weighted sum of ones may miss 1 by rounding, and the number would have no limit.
        value, stderr = float(shares[0]), np.nan
        number, joint_df = 1 / float(np.sum(weights**2 / n_effective)), float(np.min(df))
    else:
        value = float(weights @ shares)
        variances, df = stratum_variances(
            weights, shares, n_effective, df, lambda share: share * (1 - share)
        )
        number, joint_df = value * (1 - value) / variances.sum(), satterthwaite(variances, df)
        # A stratum at 0 % or 100 % has no standard error, and adds nothing.
        total = float(((weights * np.nan_to_num(stderrs)) ** 2).sum())
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
    """w_i² Var(share_i) of k strata and their degrees of freedom: (k,), (k,).

    `weights`, `numbers` of documents, `df` (k,). `shares` (k, ...): what `of_document` takes to
    the variance of one document, (k,).

    m = 4 pseudo-documents first draw each stratum's shares towards the average. Otherwise a
    stratum at 0 % or 100 %, or of one document, would count as known without error. A divisor
    makes the estimate unbiased where strata are alike. For independent strata the drawn share's
    variance is (n_i + 2 m w_i + m² Σ w²/n) / (n_i + m)² of one document's.
    """
    pulled = numbers + PSEUDO_DOCUMENTS
    columns = (slice(None), *[None] * (shares.ndim - 1))
    drawn = (numbers[columns] * shares + PSEUDO_DOCUMENTS * (weights @ shares)) / pulled[columns]
    shared = PSEUDO_DOCUMENTS**2 * np.sum(weights**2 / numbers)
    kept = (numbers + 2 * PSEUDO_DOCUMENTS * weights + shared) / pulled**2
    variances = weights**2 * of_document(drawn) / numbers / (1 - kept)
    return variances, np.where(np.isinf(df), pulled - 1, df)


def weighted_mean(
    weights: np.ndarray,
    values: np.ndarray,
    stderrs: np.ndarray,
    df: np.ndarray,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Σ w_i θ_i over k independent strata, by the delta method.

    `weights`, `values` θ, `stderrs`, `df` (k,). The variance is Σ w_i² se_i², the interval t with
    Satterthwaite's degrees of freedom. Undefined where a stratum's standard error is.

    >>> two = np.array([0.5, 0.5])
    >>> weighted_mean(two, np.array([1.0, 3.0]), two, np.array([9.0, 9.0])).value
    2.0
    """
    value = float(weights @ values)
    variances = (weights * stderrs) ** 2
    stderr = float(np.sqrt(variances.sum()))
    joint_df = satterthwaite(variances, df)
    half = float(critical(joint_df, confidence)) * stderr
    return Estimate(value, stderr, value - half, value + half, "delta", np.nan, joint_df)


def satterthwaite(variances: np.ndarray, df: np.ndarray) -> float:
    """Degrees of freedom of a sum of independent variance estimates.

    (Σ v)² / Σ (v²/df) for `variances` v and `df` (k,) (Satterthwaite 1946, Biometrics Bulletin
    2:110-114). inf where all variances are 0 or exactly known, nan where one is undefined.

    >>> satterthwaite(np.array([1.0, 1.0]), np.array([9.0, 9.0]))
    18.0
    """
    spread = float(np.sum(variances**2 / df))
    if spread > 0:
        return float(variances.sum()) ** 2 / spread
    return np.inf if spread == 0 else np.nan

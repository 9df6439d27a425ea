"""Two models on the same documents: p-values of no difference, and intervals of the difference.

All tests belong to one family. If two models were equally good, the two answers to a document
could be swapped, which changes the sign of its difference. The p-value is the share of all sign
patterns that give a difference at least as large. For right or wrong answers this is McNemar's
test.

Nothing is drawn at random. The patterns of few documents are enumerated. For more documents, a
saddlepoint approximation gives the share. It is accurate also for very small p-values, which an
adjustment for many comparisons needs and random patterns could not show.
"""

from itertools import product

import numpy as np
from scipy import stats

from snakeval.statistics.intervals import CONFIDENCE, critical

EXACT_DISCORDANT = 25  # below so many documents that only one model got right: exact McNemar test
_ENUMERATED = 12  # up to so many documents that differ: all sign patterns
_CELLS = 2_000_000  # differences in memory at a time


def mcnemar(only_a: np.ndarray, only_b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """McNemar's test: two-sided p-values and names of the tests, each (pairs,).

    `only_a`, `only_b` (pairs,): numbers of documents that only one model got right.

    - Below 25 such documents: the exact binomial test, which never exceeds its level.
    - From 25 on: its mid-p version. The exact test would be conservative (Fagerland, Lydersen and
      Laake 2013, BMC Medical Research Methodology 13:91).

    >>> p, names = mcnemar(np.array([1]), np.array([9]))
    >>> float(p[0]), str(names[0])
    (0.021484375, 'mcnemar-exact')
    """
    only_a, only_b = np.asarray(only_a), np.asarray(only_b)
    discordant, fewer = only_a + only_b, np.minimum(only_a, only_b)
    exact = 2 * stats.binom.cdf(fewer, discordant, 0.5)
    mid = exact - stats.binom.pmf(fewer, discordant, 0.5)
    small = discordant < EXACT_DISCORDANT
    names = np.where(small, "mcnemar-exact", "mcnemar-mid-p")
    return np.minimum(np.where(small, exact, mid), 1.0), names


def tango(
    share_a: float | np.ndarray,
    share_b: float | np.ndarray,
    n: float | np.ndarray,
    df: float | np.ndarray = np.inf,
    confidence: float = CONFIDENCE,
) -> tuple[np.ndarray, np.ndarray]:
    """Score interval of the difference of paired proportions: lower and upper ends.

    `share_a`, `share_b`: shares of documents that only one model got right. `n`: documents, or an
    effective number of them, with `df` as in `intervals.wilson`. Arrays broadcast.

    The ends are the differences at which the score statistic equals the critical value (Tango
    1998, Statistics in Medicine 17:891-908). The width is never zero.

    >>> low, high = tango(0.2, 0.1, 100)
    >>> round(float(low), 3), round(float(high), 3)
    (-0.008, 0.208)
    """
    share_a, share_b, n, bound = np.broadcast_arrays(
        np.asarray(share_a, float),
        np.asarray(share_b, float),
        np.asarray(n, float),
        critical(df, confidence),
    )
    difference = share_a - share_b

    def end(limit: float) -> np.ndarray:
        inside, outside = difference.copy(), np.full(difference.shape, limit)
        for _ in range(40):  # each step halves the distance, to 1e-12 in the end
            middle = (inside + outside) / 2
            accepted = _tango_statistic(share_a, share_b, n, middle) <= bound
            inside = np.where(accepted, middle, inside)
            outside = np.where(accepted, outside, middle)
        return np.where(np.isnan(bound * n), np.nan, inside)

    return end(-1.0), end(1.0)


def _tango_statistic(
    share_a: np.ndarray, share_b: np.ndarray, n: np.ndarray, difference: np.ndarray
) -> np.ndarray:
    """|Score statistic| of a supposed difference.

    Its variance uses the likeliest discordant shares that have this difference.
    """
    linear = -share_a - share_b + (2 - share_a + share_b) * difference
    constant = -share_b * difference * (1 - difference)
    nuisance = (np.sqrt(np.maximum(linear**2 - 8 * constant, 0)) - linear) / 4
    variance = np.maximum(2 * nuisance + difference * (1 - difference), 0) / n
    gap = np.abs(share_a - share_b - difference)
    return np.divide(gap, np.sqrt(variance), out=np.where(gap > 0, np.inf, 0.0), where=variance > 0)


def sign_flip(differences: np.ndarray) -> np.ndarray:
    """Sign-flip permutation test of Σ d = 0: two-sided p-values, (pairs,).

    `differences` (documents, pairs): d of each document, one column per pair of models.

    - Up to 12 non-zero differences: all sign patterns (Fisher 1935).
    - More: the tail of Σ ±d by Barndorff-Nielsen's saddlepoint formula, with the cumulant function
      Σ log cosh(t d) (Robinson 1982, JRSS B 44:91-101). On a lattice it is near the mid-p value.

    1 where all differences are 0.

    >>> sign_flip(np.array([[1.0], [2.0], [3.0]])).tolist()
    [0.25]
    """
    pairs = differences.shape[1]
    p = np.ones(pairs)
    nonzero = np.count_nonzero(differences, axis=0)
    for pair in np.flatnonzero((nonzero > 0) & (nonzero <= _ENUMERATED)):
        p[pair] = _enumerated(differences[differences[:, pair] != 0, pair])
    many = np.flatnonzero(nonzero > _ENUMERATED)
    block = max(1, _CELLS // max(1, len(differences)))
    for start in range(0, len(many), block):
        columns = many[start : start + block]
        p[columns] = _saddlepoint(differences[:, columns], nonzero[columns])
    return p


def _enumerated(differences: np.ndarray) -> float:
    # The first sign stays, for changing all signs gives the same size.
    patterns = np.array(list(product((1.0, -1.0), repeat=len(differences) - 1)))
    sums = np.abs(differences[0] + patterns @ differences[1:])
    observed = abs(differences.sum())
    return float(np.mean(sums >= observed - 1e-9 * np.abs(differences).sum()))


def _saddlepoint(differences: np.ndarray, nonzero: np.ndarray) -> np.ndarray:
    size = np.sqrt(np.square(differences).sum(axis=0))
    scaled = np.abs(differences) / size  # only the observed sum depends on the signs
    observed = np.abs(differences.sum(axis=0)) / size
    smallest = 2.0 ** (1.0 - nonzero)  # all differences of one sign
    extreme = observed >= scaled.sum(axis=0) * (1 - 1e-9)
    target = np.where(extreme, 0.0, observed)
    point = np.zeros_like(target)
    # Newton's steps from the left on an increasing concave function never overshoot.
    for _ in range(100):
        missing = target - (scaled * np.tanh(point * scaled)).sum(axis=0)
        step = missing / _curvature(scaled, point)
        point = point + step
        if np.all(np.abs(step) <= 1e-10 * (1 + point)):
            break
    x = point * scaled
    cumulant = (x + np.log1p(np.exp(-2 * x)) - np.log(2)).sum(axis=0)
    root = np.sqrt(np.maximum(2 * (point * target - cumulant), 0))
    slope = point * np.sqrt(_curvature(scaled, point))
    near = root < 1e-4  # at no difference the formula is 0/0, and the normal tail is right
    ratio = np.divide(slope, root, out=np.ones_like(root), where=~near)
    adjusted = root + np.log(ratio) / np.where(near, 1.0, root)
    p = np.minimum(2 * stats.norm.sf(adjusted), 1.0)
    return np.where(extreme, smallest, np.maximum(p, smallest))


def _curvature(scaled: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Second derivative of the cumulant function Σ log cosh(t d) at t = `point`."""
    return np.square(scaled / np.cosh(np.minimum(point * scaled, 300))).sum(axis=0)

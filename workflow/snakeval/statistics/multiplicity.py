"""Many comparisons at once: adjusted p-values, and the ranks that they leave open."""

from collections.abc import Callable

import numpy as np

ALPHA = 0.05


def holm(p: np.ndarray) -> np.ndarray:
    """Adjusted p-values (m,) that bound the probability of any false finding.

    For the i-th smallest of m: max over j <= i of (m - j + 1) p_(j), at most 1 (Holm 1979,
    Scand. J. Statistics 6:65-70). nan stays nan and is not counted in m.

    >>> holm(np.array([0.01, 0.04, np.nan])).tolist()
    [0.02, 0.04, nan]
    """
    return _adjusted(
        p, lambda ordered: np.maximum.accumulate(np.arange(len(ordered), 0, -1) * ordered)
    )


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Adjusted p-values (m,) that bound the expected share of false findings.

    For the i-th smallest of m: min over j >= i of m p_(j) / j, at most 1 (Benjamini and Hochberg
    1995, JRSS B 57:289-300). nan stays nan and is not counted in m.

    >>> benjamini_hochberg(np.array([0.01, 0.04, np.nan])).tolist()
    [0.02, 0.04, nan]
    """

    def step(ordered: np.ndarray) -> np.ndarray:
        scaled = len(ordered) / np.arange(1, len(ordered) + 1) * ordered
        return np.minimum.accumulate(scaled[::-1])[::-1]

    return _adjusted(p, step)


def rank_sets(better: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best and worst rank that each of m models may have: (m,), (m,).

    `better[i, j]` (m, m): whether model i is significantly better than model j. The best rank is
    1 + the number of better models; the worst rank is m minus the number of worse models.

    >>> low, high = rank_sets(np.array([[0, 0, 1], [0, 0, 0], [0, 0, 0]], dtype=bool))
    >>> low.tolist(), high.tolist()
    ([1, 1, 2], [2, 3, 3])
    """
    return 1 + better.sum(axis=0), len(better) - better.sum(axis=1)


def _adjusted(p: np.ndarray, step: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Apply `step` to the defined p-values in increasing order."""
    p = np.asarray(p, dtype=float)
    defined = np.flatnonzero(~np.isnan(p))
    order = defined[np.argsort(p[defined], kind="stable")]
    adjusted = np.full(p.shape, np.nan)
    if len(order):
        adjusted[order] = np.minimum(step(p[order]), 1.0)
    return adjusted

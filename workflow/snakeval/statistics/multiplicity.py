"""Many comparisons at once: adjusted p-values, and the ranks that they leave open."""

import numpy as np

ALPHA = 0.05


def holm(p: np.ndarray) -> np.ndarray:
    """Adjusted p-values that bound the chance of any false finding (Holm 1979, Scand. J. Statistics 6:65-70). nan stays, uncounted."""
    return _adjusted(
        p, lambda ordered: np.maximum.accumulate(np.arange(len(ordered), 0, -1) * ordered)
    )


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Adjusted p-values that bound the expected share of false findings (Benjamini and Hochberg 1995, JRSS B 57:289-300)."""
    return _adjusted(
        p, lambda o: np.minimum.accumulate((len(o) / np.arange(1, len(o) + 1) * o)[::-1])[::-1]
    )


def rank_sets(better: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best and worst rank that each model may have: `better[i, j]` says that model i is significantly better than model j.

    A model's best rank is 1 + the number of models that are better than it, its worst rank the number of models minus those worse than it.
    """
    return 1 + better.sum(axis=0), len(better) - better.sum(axis=1)


def _adjusted(p: np.ndarray, step) -> np.ndarray:
    p = np.asarray(p, dtype=float)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted = np.full(p.shape, np.nan)
    if len(order):
        adjusted[order] = np.minimum(step(p[order]), 1.0)
    return adjusted

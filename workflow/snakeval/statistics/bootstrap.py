"""The bootstrap of corpus metrics: resampled documents (or clusters of them), percentile and BCa intervals.

A corpus metric is a function of statistics summed over documents, so a replicate is one row of `counts @ statistics`, where counts say how
often each document was drawn. 10,000 replicates of 10,000 documents take about a second. The counts depend on the number of units and the
seed alone: models that answered the same documents share them, which makes their differences a paired bootstrap.
"""

import hashlib
import json
from collections.abc import Callable, Iterator

import numpy as np
from scipy import stats

from snakeval.statistics.intervals import CONFIDENCE, critical

REPLICATES = 10_000
ITEM_REPLICATES = 1_000  # where each one is a call of a Python function over all documents
_CELLS = 200_000  # counts held at a time: small enough to stay in the processor's cache
_DEFINED = 0.95  # least share of replicates in which the metric must be defined


def seed_of(*parts: object) -> int:
    """A seed from plain values (JSON), the same on every machine and in any order of work."""
    return int.from_bytes(hashlib.sha256(json.dumps(parts).encode()).digest()[:8], "little")


def resample_counts(units: int, replicates: int, seed: int) -> Iterator[np.ndarray]:
    """How often each of `units` is drawn in each replicate, in blocks (rows, units); every row sums to `units`."""
    generator = np.random.default_rng(seed)
    block = max(1, _CELLS // units)
    for start in range(0, replicates, block):
        rows = min(block, replicates - start)
        drawn = (
            generator.integers(0, units, size=(rows, units)) + (np.arange(rows) * units)[:, None]
        )
        yield np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units).astype(float)


def resample_sums(statistics: np.ndarray, seed: int, replicates: int = REPLICATES) -> np.ndarray:
    """Sums of `statistics` (units, k) over resampled units: (replicates, k). Statistics of several models may stand side by side."""
    return np.concatenate(
        [counts @ statistics for counts in resample_counts(len(statistics), replicates, seed)]
    )


def resample_items(
    items: list,
    of_items: Callable[[list], float],
    units: list[np.ndarray],
    seed: int,
    replicates: int = ITEM_REPLICATES,
) -> np.ndarray:
    """`of_items` over resampled units, each an array of indices into `items`: (replicates,)."""
    scores = []
    for counts in resample_counts(len(units), replicates, seed):
        for row in counts.astype(int):
            drawn = np.concatenate(
                [np.tile(units[unit], row[unit]) for unit in np.flatnonzero(row)]
            )
            scores.append(float(of_items([items[index] for index in np.sort(drawn)])))
    return np.array(scores)


def leave_one_out(
    statistics: np.ndarray, of_sums: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """The metric without each unit, from the sums minus its own: (units,)."""
    return of_sums(statistics.sum(axis=0) - statistics)


def percentile(
    replicates: np.ndarray, units: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Percentile interval, widened for few units as Hesterberg (2015, The American Statistician 69:371-386) has it."""
    return _quantiles(replicates, stats.norm.cdf(_bound(units, confidence) * np.array([-1, 1])))


def bca(
    replicates: np.ndarray, estimate: float, jackknife: np.ndarray, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Bias-corrected and accelerated interval (Efron 1987, JASA 82:171-185), widened for few units as `percentile` is.

    `replicates` (B,) and `jackknife` (units,): the metric over resampled units and without each unit. nan where there is no spread,
    where the metric is undefined without some unit, or is so in more than 5 % of the replicates.
    """
    defined = replicates[np.isfinite(replicates)]
    deviations = jackknife.mean() - jackknife
    spread = float(np.square(deviations).sum())
    if not (np.isfinite(estimate) and spread > 0 and len(defined) and np.ptp(defined) > 0):
        return np.nan, np.nan
    below = (np.sum(defined < estimate) + np.sum(defined == estimate) / 2) / len(defined)
    # An estimate beyond all replicates has a bias that cannot be told: taken as half a replicate beyond.
    bias = stats.norm.ppf(np.clip(below, 0.5 / len(defined), 1 - 0.5 / len(defined)))
    acceleration = float(np.power(deviations, 3).sum()) / (6 * spread**1.5)
    shifted = bias + _bound(len(jackknife), confidence) * np.array([-1, 1])
    # Where so few units skew so much that the correction has no end, the interval ends at the last replicate.
    stretch = np.maximum(1 - acceleration * shifted, 1e-9)
    return _quantiles(replicates, stats.norm.cdf(bias + shifted / stretch))


def spread(replicates: np.ndarray) -> float:
    """Standard error from the replicates; nan where it is 0 or the metric is undefined in more than 5 % of them."""
    defined = replicates[np.isfinite(replicates)]
    if len(defined) < max(2, _DEFINED * len(replicates)) or np.ptp(defined) == 0:
        return np.nan
    return float(defined.std(ddof=1))


def _bound(units: int, confidence: float) -> float:
    """√(n/(n-1)) t with n - 1 degrees of freedom, which for many units is the normal quantile; nan for one unit."""
    return (
        float(np.sqrt(units / (units - 1)) * critical(units - 1, confidence))
        if units > 1
        else np.nan
    )


def _quantiles(replicates: np.ndarray, levels: np.ndarray) -> tuple[float, float]:
    defined = replicates[np.isfinite(replicates)]
    if len(defined) < _DEFINED * len(replicates) or not np.isfinite(levels).all():
        return np.nan, np.nan
    low, high = np.quantile(defined, levels)
    return float(low), float(high)

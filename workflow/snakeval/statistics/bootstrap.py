"""The bootstrap of corpus metrics: resampled documents or clusters, percentile and BCa intervals.

A corpus metric is a function of statistics summed over documents. A replicate is one row of
`counts @ statistics`, where `counts` holds how often each document was drawn. 10,000 replicates of
10,000 documents take about a second.

The counts depend on the number of units and the seed only. Models that answered the same documents
share them, so the difference of their replicates is a paired bootstrap:

    a = f1(resample_sums(statistics_a, seed))
    b = f1(resample_sums(statistics_b, seed))
    percentile(a - b, units=len(statistics_a))
"""

import hashlib
import json
from collections.abc import Callable, Iterator

import numpy as np
from scipy import stats

from snakeval.statistics.intervals import CONFIDENCE, critical

REPLICATES = 10_000
ITEM_REPLICATES = 1_000  # each is a call of a Python function over all documents
_CELLS = 200_000  # counts held at a time: few enough for the processor's cache
_DEFINED = 0.95  # least share of replicates in which the metric must be defined


def seed_of(*parts: object) -> int:
    """A seed below 2⁶⁴ from plain values (JSON), the same on every machine.

    >>> seed_of(1, "gsm8k") == seed_of(1, "gsm8k")
    True
    """
    return int.from_bytes(hashlib.sha256(json.dumps(parts).encode()).digest()[:8], "little")


def resample_counts(units: int, replicates: int, seed: int) -> Iterator[np.ndarray]:
    """How often each of `units` is drawn in each replicate.

    Comes in blocks (rows, units) with `replicates` rows in all; every row sums to `units`.
    """
    generator = np.random.default_rng(seed)
    block = max(1, _CELLS // units)
    for start in range(0, replicates, block):
        rows = min(block, replicates - start)
        drawn = generator.integers(0, units, size=(rows, units))
        cells = drawn + (np.arange(rows) * units)[:, None]
        yield np.bincount(cells.ravel(), minlength=rows * units).reshape(rows, units).astype(float)


def resample_sums(statistics: np.ndarray, seed: int, replicates: int = REPLICATES) -> np.ndarray:
    """Sums of `statistics` (units, k) over resampled units: (replicates, k).

    The k columns may hold the statistics of several models.
    """
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
    """`of_items` over resampled units: (replicates,).

    Each of `units` is an array of indices into `items`: one document, or those of a cluster.
    """
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
    """The jackknife: the metric without each unit, (units,).

    `statistics` (units, k). `of_sums` takes summed statistics (units, k) to the metric (units,).
    """
    return of_sums(statistics.sum(axis=0) - statistics)


def percentile(
    replicates: np.ndarray, units: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Percentile interval, widened for few units.

    Its levels are Φ(±√(n/(n-1)) t_{n-1}) in place of Φ(±z), with n the number of `units`
    (Hesterberg 2015, The American Statistician 69:371-386). (nan, nan) for one unit, and where the
    metric is undefined in more than 5 % of the replicates.
    """
    return _quantiles(replicates, stats.norm.cdf(_bound(units, confidence) * np.array([-1, 1])))


def bca(
    replicates: np.ndarray, estimate: float, jackknife: np.ndarray, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Bias-corrected and accelerated interval (Efron 1987, JASA 82:171-185).

    `replicates` (B,): the metric over resampled units. `jackknife` (units,): without each unit.
    Its levels are Φ(z₀ + (z₀ ± z) / (1 - a (z₀ ± z))), with the bias z₀ from the share of
    replicates below `estimate` and the acceleration a from the jackknife's skewness. z is widened
    for few units as in `percentile`.

    (nan, nan) where there is no spread, where the metric is undefined without some unit, or where
    it is undefined in more than 5 % of the replicates.
    """
    defined = replicates[np.isfinite(replicates)]
    deviations = jackknife.mean() - jackknife
    spread = float(np.square(deviations).sum())
    if not (np.isfinite(estimate) and spread > 0 and len(defined) and np.ptp(defined) > 0):
        return np.nan, np.nan
    below = (np.sum(defined < estimate) + np.sum(defined == estimate) / 2) / len(defined)
    # Beyond all replicates the bias is unknown: the estimate counts as half a replicate beyond.
    bias = stats.norm.ppf(np.clip(below, 0.5 / len(defined), 1 - 0.5 / len(defined)))
    acceleration = float(np.power(deviations, 3).sum()) / (6 * spread**1.5)
    shifted = bias + _bound(len(jackknife), confidence) * np.array([-1, 1])
    # Few skewed units can make the correction infinite: the interval then ends at a replicate.
    stretch = np.maximum(1 - acceleration * shifted, 1e-9)
    return _quantiles(replicates, stats.norm.cdf(bias + shifted / stretch))


def spread(replicates: np.ndarray) -> float:
    """Standard error from the replicates (B,): their standard deviation.

    nan where it is 0, and where the metric is undefined in more than 5 % of the replicates.
    """
    defined = replicates[np.isfinite(replicates)]
    if len(defined) < max(2, _DEFINED * len(replicates)) or np.ptp(defined) == 0:
        return np.nan
    return float(defined.std(ddof=1))


def _bound(units: int, confidence: float) -> float:
    """√(n/(n-1)) t with n - 1 degrees of freedom; nan for one unit.

    For many units it is the normal quantile.
    """
    if units < 2:
        return np.nan
    return float(np.sqrt(units / (units - 1)) * critical(units - 1, confidence))


def _quantiles(replicates: np.ndarray, levels: np.ndarray) -> tuple[float, float]:
    defined = replicates[np.isfinite(replicates)]
    if len(defined) < _DEFINED * len(replicates) or not np.isfinite(levels).all():
        return np.nan, np.nan
    low, high = np.quantile(defined, levels)
    return float(low), float(high)

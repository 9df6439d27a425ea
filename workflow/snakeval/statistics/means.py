"""The mean of independent estimates, and its interval from the intervals of these."""

import math
from collections.abc import Sequence

Limits = tuple[float | None, float | None, float | None]  # value, low, high; None: unknown


def independent_mean(estimates: Sequence[Limits]) -> Limits:
    """Mean of independent estimates, with an interval from the distances of their limits.

    Zou and Donner, "Construction of confidence limits about effect measures: a general approach",
    Statistics in Medicine 27 (2008): mean - sqrt(sum (value - low)^2) / k and
    mean + sqrt(sum (high - value)^2) / k. For normal intervals this is the usual formula. It also
    holds for intervals that are not symmetric, and for scores that do not vary.

    (None, None, None) without estimates, or where a value is unknown. No limits where one of the
    limits is unknown.

    >>> mean, low, high = independent_mean([(0.5, 0.4, 0.6), (0.7, 0.6, 0.9)])
    >>> round(mean, 3), round(low, 3), round(high, 3)
    (0.6, 0.529, 0.712)
    """
    values = [value for value, _, _ in estimates if value is not None]
    if not values or len(values) < len(estimates):
        return None, None, None
    k = len(values)
    mean = sum(values) / k
    whole = [
        (value - low, high - value)
        for value, low, high in estimates
        if value is not None and low is not None and high is not None
    ]
    if len(whole) < k:
        return mean, None, None
    below = math.sqrt(sum(distance**2 for distance, _ in whole)) / k
    above = math.sqrt(sum(distance**2 for _, distance in whole)) / k
    return mean, mean - below, mean + above

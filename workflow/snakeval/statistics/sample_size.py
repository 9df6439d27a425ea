"""What a number of documents can show, and how many a wanted difference needs, for paired comparisons at level `alpha`."""

import math

from scipy import stats


def detectable_difference(stderr: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest true difference found with probability `power`, given the standard error of the paired difference.

    (z_{1-α/2} + z_power) · stderr; for a leaderboard's difference, what this many documents could have shown.
    """
    return float(stats.norm.isf(alpha / 2) + stats.norm.ppf(power)) * stderr


def documents_needed(
    difference: float, variance: float, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Documents with which a true mean `difference` is found with probability `power`; `variance` is that of one document's difference."""
    _check(difference)
    z = float(stats.norm.isf(alpha / 2) + stats.norm.ppf(power))
    return math.ceil(variance * (z / difference) ** 2)


def documents_needed_right_or_wrong(
    difference: float, discordant: float, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Documents that McNemar's test needs (Connor 1987, Biometrics 43:207-211); `discordant`: share that only one model gets right.

    Raises ValueError where `discordant` is below |difference|, which no two models can have, or above 1.
    """
    _check(difference)
    if not abs(difference) <= discordant <= 1:
        raise ValueError(
            f"the discordant share must lie between |difference| = {abs(difference):g} and 1, got {discordant:g}"
        )
    null, alternative = math.sqrt(discordant), math.sqrt(discordant - difference**2)
    z = float(stats.norm.isf(alpha / 2)) * null + float(stats.norm.ppf(power)) * alternative
    return math.ceil((z / difference) ** 2)


def discordant_share(share_a: float, share_b: float) -> float:
    """Share of documents only one of two models gets right, from their scores, where one's errors tell nothing of the other's."""
    return share_a + share_b - 2 * share_a * share_b


def _check(difference: float) -> None:
    if difference == 0:
        raise ValueError(
            "no number of documents shows a difference of 0; ask for the smallest difference that matters"
        )

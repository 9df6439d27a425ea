"""What a number of documents can show, and how many a wanted difference needs.

For paired comparisons of two models, two-sided at level `alpha`.
"""

import math

from scipy import stats


def detectable_difference(stderr: float, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest true difference that is found with probability `power`.

    (z_{1-α/2} + z_power) · `stderr`, the standard error of the paired difference, in its unit.
    With the standard error of a measured difference this is what its documents could have shown.

    >>> round(detectable_difference(0.01), 3)
    0.028
    """
    return _quantiles(power, alpha) * stderr


def documents_needed(
    difference: float, variance: float, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Documents with which a true mean `difference` is found with probability `power`.

    `variance` · ((z_{1-α/2} + z_power) / `difference`)², rounded up; `variance` is that of one
    document's difference. Raises ValueError for a difference of 0.

    >>> documents_needed(0.02, variance=0.2)
    3925
    """
    _check(difference)
    return math.ceil(variance * (_quantiles(power, alpha) / difference) ** 2)


def documents_needed_right_or_wrong(
    difference: float, discordant: float, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Documents that McNemar's test needs (Connor 1987, Biometrics 43:207-211).

    ((z_{1-α/2} √ψ + z_power √(ψ - δ²)) / δ)², rounded up, with δ the `difference` of the two
    shares and ψ the share of `discordant` documents, which only one model gets right.

    Raises ValueError where `discordant` is below |difference|, which is impossible, or above 1.

    >>> documents_needed_right_or_wrong(0.02, discordant=0.2)
    3923
    """
    _check(difference)
    if not abs(difference) <= discordant <= 1:
        raise ValueError(
            f"the discordant share must be between |difference| = {abs(difference):g} and 1, "
            f"got {discordant:g}"
        )
    null, alternative = math.sqrt(discordant), math.sqrt(discordant - difference**2)
    z = float(stats.norm.isf(alpha / 2)) * null + float(stats.norm.ppf(power)) * alternative
    return math.ceil((z / difference) ** 2)


def discordant_share(share_a: float, share_b: float) -> float:
    """Share of documents that only one of two models gets right, from their scores.

    a + b - 2 a b: the models are right independently of each other.

    >>> discordant_share(0.75, 0.5)
    0.5
    """
    return share_a + share_b - 2 * share_a * share_b


def _quantiles(power: float, alpha: float) -> float:
    return float(stats.norm.isf(alpha / 2) + stats.norm.ppf(power))


def _check(difference: float) -> None:
    if difference == 0:
        raise ValueError(
            "no number of documents shows a difference of 0; "
            "ask for the smallest difference that matters"
        )

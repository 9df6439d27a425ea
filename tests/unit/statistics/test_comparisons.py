"""Paired tests and intervals against scipy, enumeration and published figures."""

from itertools import product

import numpy as np
import pytest
from builders.score_series import rng
from scipy import stats

from snakeval.statistics import comparisons


def test_mcnemar_equals_the_binomial_test():
    only_a, only_b = np.array([0, 3, 9, 0]), np.array([0, 8, 9, 7])
    p, names = comparisons.mcnemar(only_a, only_b)
    assert p == pytest.approx([1, stats.binomtest(3, 11).pvalue, 1, stats.binomtest(0, 7).pvalue])
    assert set(names) == {"mcnemar-exact"}


def test_mcnemar_of_many_is_the_mid_p_value():
    p, names = comparisons.mcnemar(np.array([20]), np.array([40]))
    assert p[0] == pytest.approx(stats.binomtest(20, 60).pvalue - stats.binom.pmf(20, 60, 0.5))
    assert names[0] == "mcnemar-mid-p"


def test_tango_gives_the_published_interval():
    """Airway reactivity before and after transplantation, 1 and 7 of 21.

    Fagerland, Lydersen and Laake 2014, Stat. Med. 33:2850-2875.
    """
    low, high = comparisons.tango(1 / 21, 7 / 21, 21)
    assert (float(low), float(high)) == pytest.approx((-0.517, -0.026), abs=5e-4)


def test_tango_excludes_no_difference_where_mcnemar_rejects_it():
    only_a, only_b = (counts.ravel() for counts in np.meshgrid(np.arange(30), np.arange(30)))
    low, high = comparisons.tango(only_a / 100, only_b / 100, 100)
    rejected = (only_a - only_b) ** 2 > stats.chi2.isf(0.05, 1) * (only_a + only_b)
    assert (((low > 0) | (high < 0)) == rejected).all()
    assert (low < high).all()
    assert low == pytest.approx(-comparisons.tango(only_b / 100, only_a / 100, 100)[1], abs=1e-12)


def test_sign_flip_equals_the_signed_rank_test():
    for seed in range(5):
        values = np.random.default_rng(seed).normal(0.4, 1, 11)
        ranked = np.sign(values) * stats.rankdata(np.abs(values))
        assert comparisons.sign_flip(ranked[:, None])[0] == pytest.approx(
            stats.wilcoxon(values, method="exact").pvalue
        )


@pytest.mark.parametrize("n", [13, 16])
def test_sign_flip_approximates_all_patterns(n):
    patterns = np.array(list(product((1, -1), repeat=n)))
    data = rng().gamma(2, 1, (n, 12)) * np.where(rng().random((n, 12)) < 0.75, 1, -1)
    exact = np.mean(np.abs(patterns @ data) >= np.abs(data.sum(axis=0)) - 1e-12, axis=0)
    assert comparisons.sign_flip(data) == pytest.approx(exact, rel=0.15)


def test_sign_flip_is_right_far_in_the_tail():
    """Differences of ±1 have a binomial distribution. On a lattice p is near the mid-p value."""
    for wins, losses in ((60, 20), (150, 50), (500, 300), (70, 70)):
        n = wins + losses
        exact = 2 * stats.binom.cdf(losses, n, 0.5) - stats.binom.pmf(losses, n, 0.5)
        found = comparisons.sign_flip(np.repeat([1.0, -1.0, 0.0], [wins, losses, 5])[:, None])[0]
        assert found == pytest.approx(min(exact, 1), rel=0.12)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_sign_flip_knows_its_limits(scale):
    one_sided = np.arange(1.0, 41)[:, None] * scale
    assert comparisons.sign_flip(one_sided)[0] == pytest.approx(2.0**-39)
    assert comparisons.sign_flip(np.zeros((5, 1)))[0] == 1
    assert comparisons.sign_flip(np.array([[scale], [0.0]]))[0] == 1
    balanced = np.concatenate([one_sided, -one_sided])
    assert comparisons.sign_flip(balanced)[0] == 1

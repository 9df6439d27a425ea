"""Intervals of means and proportions against scipy and written-out formulas."""

import numpy as np
import pytest
from builders.score_series import rng
from scipy import stats

from snakeval.statistics import intervals


@pytest.mark.parametrize("n", [1, 5, 37, 1000])
def test_wilson_equals_scipy(n):
    for right in {0, 1, n // 3, n - 1, n}:
        low, high = intervals.wilson(right / n, n)
        expected = stats.binomtest(right, n).proportion_ci(method="wilson")
        assert (float(low), float(high)) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("clusters", [None, np.repeat(np.arange(10), 4)])
def test_a_proportion_at_an_end_has_an_interval_of_some_width(value, clusters):
    found = intervals.proportion(np.full(40, value), clusters)
    assert found.low <= value <= found.high
    assert found.high - found.low > 0.05
    assert np.isnan(found.stderr)


def test_proportion_has_the_standard_error_of_its_mean():
    values = np.repeat([0.0, 1.0], [30, 10])
    assert intervals.proportion(values).stderr == pytest.approx(stats.sem(values))


def test_mean_equals_scipy():
    values = rng().exponential(1, 23)
    found = intervals.mean(values)
    assert (found.low, found.high) == pytest.approx(
        stats.t.interval(0.95, 22, values.mean(), stats.sem(values))
    )


@pytest.mark.parametrize("values", [[2.5], [0.1, 0.1, 0.1]])
def test_a_mean_without_spread_has_no_interval(values):
    found = intervals.mean(np.array(values))
    assert found.value == pytest.approx(values[0])
    assert np.isnan([found.stderr, found.low, found.high]).all()


def test_cluster_variance_equals_the_sandwich_written_out():
    values, clusters = rng().normal(size=50), rng().integers(0, 8, 50)
    residuals = values - values.mean()
    meat = sum(
        np.outer(residuals[clusters == c], residuals[clusters == c]).sum() for c in set(clusters)
    )
    variance, df = intervals.variance_of_mean(values, clusters)
    assert variance == pytest.approx(8 / 7 * meat / 50**2)
    assert df == 7


def test_clusters_of_one_document_change_nothing():
    values = rng().normal(size=50)
    alone = intervals.mean(values, np.arange(50))
    assert (alone.stderr, alone.low, alone.high) == pytest.approx(
        tuple(getattr(intervals.mean(values), k) for k in ("stderr", "low", "high"))
    )


def test_shared_clusters_widen_an_interval():
    values = np.repeat(rng().integers(0, 2, 20).astype(float), 5)
    together, apart = (
        intervals.proportion(values, np.repeat(np.arange(20), 5)),
        intervals.proportion(values),
    )
    assert together.high - together.low > 2 * (apart.high - apart.low)
    assert together.n_effective == pytest.approx(19)


@pytest.mark.parametrize("values", [[0.0, 1.0], [0.0, 1.0, 1.0], [0.1, 0.2, 0.7], [0.1, 0.3]])
def test_clusters_of_equal_sums_tell_as_much_as_documents_without_clusters(values):
    documents, clusters = np.tile(values, 10), np.repeat(np.arange(10), len(values))
    found, apart = intervals.proportion(documents, clusters), intervals.proportion(documents)
    assert found.n_effective == apart.n_effective
    assert (
        found.low < apart.low < apart.high < found.high
    )  # few clusters: the wider bounds of 9 degrees of freedom
    assert np.isnan(found.stderr)
    assert np.isnan(intervals.mean(documents, clusters).stderr)


@pytest.mark.parametrize("values", [[0.0, 1.0], [0.2, 0.4, 0.9]])
def test_no_variance_between_clusters_is_the_limit_of_little(values):
    documents, clusters = np.tile(values, 10), np.repeat(np.arange(10), len(values))
    odd = np.concatenate([documents, [1.0]])
    limit, near = (
        intervals.proportion(documents, clusters),
        intervals.proportion(odd, np.append(clusters, 0)),
    )
    assert near.high - near.low == pytest.approx(limit.high - limit.low, rel=0.1)


def test_welch_is_a_weighted_mean_with_weights_one_and_minus_one():
    a, b = rng().normal(0, 1, 9), rng().normal(0, 3, 14)
    expected = stats.ttest_ind(a, b, equal_var=False)
    found = intervals.weighted_mean(
        np.array([1.0, -1.0]),
        np.array([a.mean(), b.mean()]),
        np.array([stats.sem(a), stats.sem(b)]),
        np.array([8.0, 13.0]),
    )
    assert found.df == pytest.approx(expected.df)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))


def test_variance_of_alike_strata_is_unbiased():
    sizes, share = np.array([1.0, 2.0, 5.0, 30.0]), 0.3
    weights = np.array([0.4, 0.3, 0.2, 0.1])
    right = rng().binomial(sizes.astype(int), share, size=(20_000, 4)) / sizes
    variances = [
        intervals.stratum_variances(weights, row, sizes, np.full(4, np.inf), lambda p: p * (1 - p))[
            0
        ].sum()
        for row in right
    ]
    assert np.mean(variances) == pytest.approx((right @ weights).var(), rel=0.03)

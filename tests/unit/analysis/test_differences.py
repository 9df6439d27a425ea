"""Differences of two models: tests, intervals, and which documents count."""

import numpy as np
import pytest
from builders.score_series import MEAN, MEDIAN, PERPLEXITY, RIGHT, rng, series
from scipy import stats

from snakeval.analysis import differences
from snakeval.analysis.series import estimate
from snakeval.statistics import comparisons


def test_clusters_in_which_both_models_win_as_often_tell_as_much_as_documents():
    clusters = np.repeat(np.arange(10), 2)
    a, b = np.tile([0.0, 1.0], 10), np.tile([1.0, 0.0], 10)
    found = differences.interval(
        [differences.matched(series(RIGHT, a, clusters), series(RIGHT, b, clusters))]
    )
    assert [found.low, found.high] == pytest.approx(
        [float(end) for end in comparisons.tango(0.5, 0.5, 20, 9)]
    )


def test_differences_of_a_corpus_metric_are_tested_as_by_swapping_answers():
    """As the randomization test, which swaps the two models' statistics of a document at random."""
    generator = rng()
    words = generator.integers(20, 200, 60).astype(float)
    text = generator.gamma(20, 0.2, 60)
    a, b = (
        np.column_stack([-words * (text + shift + generator.normal(0, 0.3, 60)), words])
        for shift in (0.0, 0.08)
    )
    swapped = generator.random((20_000, 60)) < 0.5
    sums_a = np.where(swapped[:, :, None], b, a).sum(axis=1)
    randomised = PERPLEXITY.of_sums(sums_a) - PERPLEXITY.of_sums(
        a.sum(axis=0) + b.sum(axis=0) - sums_a
    )
    observed = PERPLEXITY.of_sums(a.sum(axis=0)) - PERPLEXITY.of_sums(b.sum(axis=0))
    (p,), (test,) = differences.p_values(
        [[differences.matched(series(PERPLEXITY, a), series(PERPLEXITY, b))]]
    )
    assert test == "permutation"
    assert p == pytest.approx(np.mean(np.abs(randomised) >= abs(observed)), rel=0.2)


def test_models_are_compared_on_the_documents_both_answered():
    a = series(RIGHT, np.array([1.0, 0.0, 1.0, 1.0]), documents=np.array([0, 1, 2, 5]))
    b = series(RIGHT, np.array([0.0, 0.0, 1.0]), documents=np.array([1, 2, 9]))
    comparison = [differences.matched(a, b)]
    assert differences.documents(comparison) == 2
    assert differences.score_difference(comparison) == 0.5
    assert differences.discordant(comparison) == (1, 0)


def test_models_without_a_common_document_are_not_compared():
    comparison = [
        differences.matched(
            series(RIGHT, np.ones(2)), series(RIGHT, np.ones(2), documents=np.array([5, 6]))
        )
    ]
    found = differences.interval(comparison)
    assert np.isnan([found.value, found.low, found.high]).all()
    assert np.isnan(differences.p_values([comparison])[0]).all()


def test_equal_models_differ_by_zero_with_an_interval():
    values = np.repeat([0.0, 1.0], 25)
    comparison = [differences.matched(series(RIGHT, values), series(RIGHT, values))]
    found = differences.interval(comparison)
    assert found.value == 0
    assert found.low == pytest.approx(-found.high) and 0.02 < found.high < 0.2
    assert differences.p_values([comparison])[0][0] == 1


@pytest.mark.parametrize("subtasks", [1, 3, 7, 57])
@pytest.mark.parametrize("right", [0.0, 1.0])
def test_models_that_always_differ_do_so_with_the_interval_of_as_many_documents(subtasks, right):
    stratum = differences.matched(
        series(RIGHT, np.full(50, right)), series(RIGHT, np.full(50, 1 - right)), 1 / subtasks
    )
    found = differences.interval([stratum] * subtasks)
    assert [found.low, found.high] == pytest.approx(
        [float(end) for end in comparisons.tango(right, 1 - right, 50 * subtasks)], abs=1e-9
    )
    assert found.high - found.low > 0.001


def test_paired_t_equals_scipy():
    a, b = rng().normal(10, 3, 30), np.random.default_rng(2).normal(11, 3, 30)
    found = differences.interval([differences.matched(series(MEAN, a), series(MEAN, b))])
    assert (found.low, found.high) == pytest.approx(
        tuple(stats.ttest_rel(a, b).confidence_interval())
    )


def test_shared_resamples_make_a_difference_narrower_than_its_parts():
    words = rng().integers(20, 200, 50).astype(float)
    text = rng().gamma(20, 0.2, 50)
    a, b = (
        series(PERPLEXITY, np.column_stack([-words * (text + shift), words]))
        for shift in (0.0, 0.1)
    )
    found = differences.interval([differences.matched(a, b)])
    assert found.stderr < estimate(a).stderr / 5
    assert found.low < found.value < found.high < 0


def test_items_are_compared_by_the_bootstrap():
    a, noise = rng().normal(0, 1, (2, 80))
    for shift, low, high in ((1.0, 0.0, 1e-4), (0.0, 0.05, 1.0)):
        (p,), (test,) = differences.p_values(
            [
                [
                    differences.matched(
                        series(MEDIAN, list(a + shift + 0.2 * noise)), series(MEDIAN, list(a))
                    )
                ]
            ]
        )
        assert test == "bootstrap"
        assert low < p < high

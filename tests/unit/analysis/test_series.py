"""Estimates of one series and of groups, against scipy, lm-eval and resampling."""

import time

import numpy as np
import pytest
from builders.score_series import MEAN, PERPLEXITY, RIGHT, rng, series, texts
from scipy import stats

from snakeval.analysis.series import estimate, group_estimate
from snakeval.metrics.aggregation import Aggregation
from snakeval.statistics import bootstrap, intervals


@pytest.mark.parametrize("by_size", [True, False])
def test_group_standard_error_is_that_of_resampling_each_subtask(by_size):
    generator = rng()
    parts = [generator.random(n) * scale for n, scale in ((5, 2.0), (40, 9.0), (150, 1.0))]
    sizes = np.array([len(part) for part in parts], float)
    weights = sizes / sizes.sum() if by_size else np.full(3, 1 / 3)
    found = group_estimate(
        weights, [estimate(series(MEAN, part)) for part in parts], proportion=False
    )
    resampled = sum(
        weight
        * part[generator.integers(0, len(part), (40_000, len(part)))].mean(axis=1)
        * np.sqrt(len(part) / (len(part) - 1))
        for weight, part in zip(weights, parts, strict=True)
    )
    assert found.value == pytest.approx(
        sum(w * p.mean() for w, p in zip(weights, parts, strict=True))
    )
    assert found.stderr == pytest.approx(resampled.std(), rel=0.03)


@pytest.mark.parametrize("sizes", [[10, 30, 60], [114, 152, 100, 1000]])
def test_group_standard_errors_equal_those_of_lm_eval(sizes):
    """The plain mean is the delta method in both.

    For the mean by size lm-eval pools variances, which differs by the order of 1 / n.
    """
    reference = pytest.importorskip(
        "lm_eval.api.metrics", reason="lm_eval is installed with the extra of that name"
    )
    parts = [
        estimate(series(RIGHT, (rng().random(n) < 0.2 * i + 0.3).astype(float)))
        for i, n in enumerate(sizes)
    ]
    errors, counts = [part.stderr for part in parts], np.array(sizes, float)
    plain = group_estimate(np.full(len(sizes), 1 / len(sizes)), parts, proportion=True)
    assert plain.stderr == pytest.approx(reference.unweighted_mean_stderr(errors))
    by_size = group_estimate(counts / counts.sum(), parts, proportion=True)
    assert by_size.stderr == pytest.approx(reference.pooled_sample_stderr(errors, sizes), rel=0.01)
    assert by_size.stderr == pytest.approx(np.sqrt(np.sum((counts * errors) ** 2)) / counts.sum())


@pytest.mark.parametrize("shares", [[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
def test_a_group_whose_subtasks_are_at_the_ends_has_an_interval_of_some_width(shares):
    parts = [estimate(series(RIGHT, np.full(20, share))) for share in shares]
    found = group_estimate(np.array([0.5, 0.5]), parts, proportion=True)
    assert found.low <= np.mean(shares) <= found.high
    assert 0.05 < found.high - found.low < 0.5


@pytest.mark.parametrize("subtasks", [1, 3, 7, 57])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_perfect_group_has_the_interval_of_as_many_documents(subtasks, share):
    """Weights of 1/7 sum to 0.9999999999999998."""
    parts = [estimate(series(RIGHT, np.full(100, share))) for _ in range(subtasks)]
    found = group_estimate(np.full(subtasks, 1 / subtasks), parts, proportion=True)
    assert found.value == share
    assert [found.low, found.high] == pytest.approx(
        [float(end) for end in intervals.wilson(share, 100 * subtasks)], abs=1e-9
    )
    assert np.isnan(found.stderr)


def test_jackknife_equals_leaving_out_each_document():
    rows = texts(30)
    left = [float(PERPLEXITY.of_sums(np.delete(rows, i, axis=0).sum(axis=0))) for i in range(30)]
    assert series(PERPLEXITY, rows).jackknife == pytest.approx(left)


def test_bca_equals_scipy_on_the_same_replicates():
    rows = texts(2000)  # so many that widening for few documents is nothing

    def perplexity(ll, words, axis=-1):
        return np.exp(-ll.sum(axis) / words.sum(axis))

    expected = stats.bootstrap(
        (rows[:, 0], rows[:, 1]),
        perplexity,
        paired=True,
        n_resamples=4000,
        rng=1,
        vectorized=True,
        batch=200,
    )
    of = series(PERPLEXITY, rows)
    found = bootstrap.bca(expected.bootstrap_distribution, of.score, of.jackknife)
    width = expected.confidence_interval.high - expected.confidence_interval.low
    assert found == pytest.approx(tuple(expected.confidence_interval), abs=0.01 * width)


def test_bootstrap_of_a_mean_equals_its_t_interval():
    values = rng().normal(5, 1, 400)
    found = estimate(
        series(
            Aggregation("mean", "sums", of_sums=lambda s: s[..., 0] / s[..., 1]),
            np.column_stack([values, np.ones(400)]),
        )
    )
    expected = intervals.mean(values)
    assert found.stderr == pytest.approx(expected.stderr, rel=0.03)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.01)
    assert found.method == "bootstrap-bca"


def test_items_are_resampled_like_sums():
    values = rng().normal(5, 1, 60)
    as_items = Aggregation("mean", "items", of_items=lambda items: float(np.mean(items)))
    found = estimate(series(as_items, list(values)))
    assert found.method == "bootstrap-percentile"
    assert found.stderr == pytest.approx(values.std() / np.sqrt(60), rel=0.08)


def test_items_of_a_cluster_are_drawn_together():
    clusters = np.repeat(np.arange(12), 3)
    values = np.repeat(rng().normal(size=12), 3)
    as_items = Aggregation("mean", "items", of_items=lambda items: float(np.mean(items)))
    found = estimate(series(as_items, list(values), clusters))
    assert found.stderr == pytest.approx(values.std() / np.sqrt(12), rel=0.1)


def test_a_corpus_metric_without_spread_has_no_interval():
    rows = np.tile([[-4.0, 2.0]], (10, 1))
    found = estimate(series(PERPLEXITY, rows))
    assert found.value == pytest.approx(np.exp(2))
    assert np.isnan([found.stderr, found.low, found.high]).all()


def test_one_document_of_a_corpus_metric_has_a_score_alone():
    found = estimate(series(PERPLEXITY, np.array([[-4.0, 2.0]])))
    assert found.value == pytest.approx(np.exp(2))
    assert np.isnan([found.stderr, found.low, found.high]).all()


def test_bootstrap_of_ten_thousand_documents_is_a_matter_of_seconds():

    start = time.process_time()
    estimate(series(PERPLEXITY, texts(10_000)))
    assert time.process_time() - start < 10

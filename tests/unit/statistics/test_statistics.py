"""Intervals, tests, ranks and power against scipy, brute force, published figures and simulation."""

from itertools import product

import numpy as np
import pytest
from coverage_cases import cases
from scipy import stats

from snakeval.analysis import differences
from snakeval.analysis.series import Series, estimate, group_estimate
from snakeval.metrics.aggregation import Aggregation
from snakeval.metrics.registry import AGGREGATIONS
from snakeval.statistics import bootstrap, comparisons, intervals, multiplicity, sample_size

RIGHT = Aggregation("mean", "mean", proportion=True)
MEAN = Aggregation("mean", "mean")
PERPLEXITY = AGGREGATIONS["weighted_perplexity"]()
MEDIAN = AGGREGATIONS["median"]()


def rng() -> np.random.Generator:
    return np.random.default_rng(20)


def series(aggregation, data, clusters=None, documents=None) -> Series:
    return Series(
        aggregation, np.arange(len(data)) if documents is None else documents, clusters, 7, data
    )


def texts(n: int) -> np.ndarray:
    words = rng().integers(10, 100, n).astype(float)
    return np.column_stack([-words * rng().gamma(9, 0.4, n), words])


# Intervals


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


def test_clusters_in_which_both_models_win_as_often_tell_as_much_as_documents():
    clusters = np.repeat(np.arange(10), 2)
    a, b = np.tile([0.0, 1.0], 10), np.tile([1.0, 0.0], 10)
    found = differences.interval(
        [differences.matched(series(RIGHT, a, clusters), series(RIGHT, b, clusters))]
    )
    assert [found.low, found.high] == pytest.approx(
        [float(end) for end in comparisons.tango(0.5, 0.5, 20, 9)]
    )


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
    """lm-eval pools variances for the mean by size, which differs by the order of 1 / n; its plain mean is the delta method as here."""
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


# Bootstrap


def test_resample_counts_are_draws_with_replacement():
    counts = np.concatenate(list(bootstrap.resample_counts(50, 4000, seed=3)))
    assert counts.shape == (4000, 50)
    assert (counts.sum(axis=1) == 50).all()
    assert counts.var() == pytest.approx(1 - 1 / 50, rel=0.02)
    assert (counts == np.concatenate(list(bootstrap.resample_counts(50, 4000, seed=3)))).all()


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
    import time

    start = time.process_time()
    estimate(series(PERPLEXITY, texts(10_000)))
    assert time.process_time() - start < 10


# Comparisons


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
    """Airway reactivity before and after transplantation, 1 and 7 of 21: Fagerland, Lydersen and Laake 2014, Stat. Med. 33:2850-2875."""
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
    """Against the binomial distribution that ±1 differences have; near the mid-p value, as on every lattice."""
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


def test_differences_of_a_corpus_metric_are_tested_as_by_swapping_answers():
    """Against the approximate randomization test: the two models' statistics of a document are swapped at random."""
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


# Many comparisons, ranks, power


def test_holm_and_benjamini_hochberg():
    p = np.array([0.01, np.nan, 0.04, 0.03, 0.005, 1.0])
    known = ~np.isnan(p)
    assert multiplicity.holm(p)[known] == pytest.approx([0.04, 0.09, 0.09, 0.025, 1.0])
    assert multiplicity.benjamini_hochberg(p)[known] == pytest.approx(
        stats.false_discovery_control(p[known])
    )
    assert np.isnan(multiplicity.holm(p)[1])
    assert multiplicity.holm(np.array([])).size == 0


def test_ranks_are_ranges():
    better = np.zeros((4, 4), dtype=bool)
    better[0, 2] = better[0, 3] = better[1, 3] = True
    lows, highs = multiplicity.rank_sets(better)
    assert list(zip(lows, highs, strict=True)) == [(1, 2), (1, 3), (2, 4), (3, 4)]


def test_power_is_what_was_asked_for():
    discordant, gap = 0.25, 0.05
    n = sample_size.documents_needed_right_or_wrong(gap, discordant)
    only_a, only_b, _ = (
        rng()
        .multinomial(n, [(discordant + gap) / 2, (discordant - gap) / 2, 1 - discordant], size=4000)
        .T
    )
    assert np.mean(comparisons.mcnemar(only_a, only_b)[0] < 0.05) == pytest.approx(0.8, abs=0.02)
    n = sample_size.documents_needed(0.2, variance=1.0)
    z = rng().normal(0.2, 1 / np.sqrt(n), 4000) * np.sqrt(n)
    assert np.mean(np.abs(z) > 1.96) == pytest.approx(0.8, abs=0.02)
    assert sample_size.detectable_difference(1 / np.sqrt(n)) == pytest.approx(0.2, abs=0.001)


def test_impossible_questions_of_power_are_errors():
    with pytest.raises(ValueError, match="smallest difference that matters"):
        sample_size.documents_needed(0, 1)
    with pytest.raises(ValueError, match="discordant share"):
        sample_size.documents_needed_right_or_wrong(0.2, 0.1)


def test_discordant_share_of_independent_models():
    assert sample_size.discordant_share(0.5, 0.5) == pytest.approx(0.5)
    assert sample_size.discordant_share(0.9, 0.6) == pytest.approx(0.9 * 0.4 + 0.1 * 0.6)
    assert sample_size.discordant_share(1.0, 0.0) == 1


# Simulation: benchmarks/coverage.py with few draws; its own output has the figures


CASES = {f"{method}: {case}": simulate for method, case, simulate in cases()}
EXACT = {name: case for name, case in CASES.items() if name.endswith("exact")}


@pytest.mark.parametrize("name", [name for name in EXACT if "level" not in name])
def test_exact_coverage(name):
    assert 0.93 < EXACT[name]() < 0.97


@pytest.mark.parametrize("name", [name for name in EXACT if "level" in name])
def test_mcnemar_stays_at_its_level(name):
    assert EXACT[name]() < 0.0505


@pytest.mark.parametrize(
    "name",
    [
        "wilson-effective: n=20, 4 samples, p=0.3",
        "wilson-effective: n=10, F1-like",
        "wilson-cluster: 10 clusters, p=0.8, correlation 0.3",
        "wilson-cluster: 30 clusters, p=0.5, correlation 0.05",
        "wilson-strata: 4 subtasks, p 0.2-0.9, by size",
        "wilson-strata: 4 subtasks, p 0.02, plain",
        "wilson-strata: 20 subtasks of 1-3, p 0.7, plain",
        "t: n=10, F1-like",
        "cluster-t: 30 clusters, correlation 0.5",
        "delta: F1-like, 4 subtasks, plain",
        "bootstrap-bca: perplexity, n=20",
        "bootstrap-bca: matthews_corrcoef, n=50",
        "tango, clusters: 30 clusters, difference 0.1",
        "tango, strata: 4 subtasks, difference 0.05, plain",
        "paired t: F1-like, n=10",
        "paired bca: perplexity, n=20",
    ],
)
def test_simulated_coverage(name):
    generator = rng()
    draws = 250 if "bca" in name or "tango" in name else 600
    tolerance = 3 * np.sqrt(0.05 * 0.95 / draws)
    assert (
        0.93 - tolerance
        < np.mean([CASES[name](generator) for _ in range(draws)])
        < 0.97 + tolerance
    )


@pytest.mark.parametrize(
    "name",
    [
        "level: permutation: F1-like, n=10",
        "level: permutation: 30 clusters",
        "level: permutation: 4 subtasks, plain",
        "level: permutation: perplexity, n=20",
        "level: permutation: f1, n=50",
    ],
)
def test_simulated_false_positive_rate(name):
    generator = rng()
    assert np.mean([CASES[name](generator) for _ in range(600)]) < 0.05 + 3 * np.sqrt(
        0.05 * 0.95 / 600
    )

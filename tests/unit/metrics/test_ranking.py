"""Calibration and ranking, by brute force and compared with scikit-learn."""

import itertools
import math

import numpy as np
import pytest
from builders.metric_calls import corpus
from hypothesis import example, given
from hypothesis import strategies as st

from snakeval.metrics import ranking

confidences = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=30)


@example([(0.5, 1), (0.6, 0), (0.0, 1), (1.0, 1)], 2)
@given(confidences, st.integers(1, 7))
def test_calibration_error_by_brute_force(items, bins):
    error = 0.0
    for b in range(bins):
        inside = [(c, r) for c, r in items if (math.ceil(c * bins) - 1 == b) or (b == 0 and c == 0)]
        error += abs(sum(c for c, _ in inside) - sum(r for _, r in inside)) / len(items)
    assert corpus("ece", items, bins=bins) == pytest.approx(error, abs=1e-9)


def test_adaptive_bins_hold_equally_many():
    items = [(0.1, 0), (0.2, 0), (0.3, 1), (0.9, 1)]
    assert corpus("adaptive_ece", items, bins=2) == pytest.approx((0.3 + 0.8) / 4)


@given(
    st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.9]), st.integers(0, 1)), min_size=1, max_size=5)
)
def test_risk_coverage_by_brute_force(items):
    areas = []
    for order in itertools.permutations(items):
        if [c for c, _ in order] == sorted(
            (c for c, _ in items), reverse=True
        ):  # equal confidences in every order
            areas.append(
                np.mean(
                    [
                        np.mean([1 - right for _, right in order[:i]])
                        for i in range(1, len(items) + 1)
                    ]
                )
            )
    assert corpus("aurc", items) == pytest.approx(np.mean(areas))


def test_areas_are_scikit_learns_and_undefined_for_one_class():
    from sklearn.metrics import average_precision_score, roc_auc_score

    rng = np.random.default_rng(0)
    items = [(float(rng.random()), int(rng.integers(0, 2))) for _ in range(50)]
    scores, right = zip(*items, strict=True)
    assert corpus("roc_auc", items) == roc_auc_score(right, scores)
    assert corpus("average_precision", items) == average_precision_score(right, scores)
    assert math.isnan(corpus("roc_auc", [(0.5, 1)])) and math.isnan(
        corpus("average_precision", [(0.5, 0)])
    )


def test_nll_of_choices_far_behind_and_of_none():
    assert ranking.negative_logarithm((0, [-2000.0, -1.0])) == pytest.approx(1999)
    assert ranking.negative_logarithm(([0, 1], [-2000.0, -1.0])) == pytest.approx(0)
    assert ranking.negative_logarithm((1, [math.log(0.25), math.log(0.75)])) == pytest.approx(
        -math.log(0.75)
    )
    assert ranking.negative_logarithm((-100, [-2000.0, -1.0])) == math.inf


def test_ranks_are_scikit_learns():
    from sklearn.metrics import ndcg_score

    rng = np.random.default_rng(0)
    for _ in range(50):
        k = int(rng.integers(2, 7))
        scores, right = rng.normal(size=k), rng.integers(0, 2, k)
        if not right.any():
            continue
        ranks = np.flatnonzero(right[np.argsort(-scores)]) + 1
        assert ranking.discounted_gain(ranks, k) == pytest.approx(ndcg_score([right], [scores]))
        assert ranking.reciprocal_rank(ranks, k) == 1 / min(ranks)

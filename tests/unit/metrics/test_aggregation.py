"""Aggregations of numbers, compared with lm-eval."""

import math

import numpy as np
import pytest
from builders.metric_calls import corpus
from hypothesis import given
from hypothesis import strategies as st

from snakeval.metrics.registry import AGGREGATIONS


@given(st.lists(st.floats(-50, 0), min_size=1, max_size=9))
def test_simple_aggregations_are_lm_evals(values):
    from lm_eval.api import metrics as lm_eval

    assert corpus("perplexity", values) == pytest.approx(lm_eval.perplexity(values), rel=1e-12)
    assert corpus("median", values) == lm_eval.median(values)
    pairs = [(value, i + 1) for i, value in enumerate(values)]
    assert corpus("weighted_perplexity", pairs) == pytest.approx(
        lm_eval.weighted_perplexity(pairs), rel=1e-12
    )
    assert corpus("bits_per_byte", pairs) == pytest.approx(
        lm_eval.bits_per_byte(pairs), rel=1e-12, abs=1e-12
    )


def test_nanmean_leaves_documents_without_a_number_out():
    value = AGGREGATIONS["nanmean"]().value
    assert [value(x) for x in (1.0, math.nan, 0.5)] == [1.0, None, 0.5]


def test_brier_of_pairs_is_lm_evals():
    from lm_eval.api.metrics import brier_score

    rng = np.random.default_rng(0)
    items = [(int(rng.integers(0, 3)), rng.dirichlet([1, 1, 1]).tolist()) for _ in range(30)]
    assert np.mean([AGGREGATIONS["brier_score"]().value(item) for item in items]) == pytest.approx(
        brier_score(items), abs=1e-12
    )
    assert AGGREGATIONS["brier_score"]().value(0.25) == 0.25

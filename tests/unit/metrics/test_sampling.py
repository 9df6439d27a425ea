"""Metrics of several sampled outputs."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakeval.errors import UserError
from snakeval.metrics import registry, sampling


@given(
    st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n)))
)
def test_pass_at_k_is_the_share_of_draws_with_a_right_answer(case):
    n, right, k = case
    draws = list(itertools.combinations([True] * right + [False] * (n - right), k))
    assert 1 - sampling.none_right(n, right, k) == pytest.approx(
        np.mean([any(draw) for draw in draws])
    )


def test_pass_at_k_of_large_n_does_not_overflow():
    assert 1 - sampling.none_right(10_000, 1, 5_000) == pytest.approx(0.5)


def test_majority_and_pass_take_another_metric():
    known = registry.known()
    metric = known.metric("generate_until", "maj@3", of="token_f1")
    assert metric.function(["x", "b c", "b c", "x", "x"], ["b"]) == pytest.approx(2 / 3)
    metric = known.metric("generate_until", "pass@1", of="contains")
    assert metric.function(["b c", "d"], ["b"]) == 0.5 and metric.proportion
    with pytest.raises(UserError, match="pass@1: of: 'nope' is not a metric"):
        known.metric("generate_until", "pass@1", of="nope")

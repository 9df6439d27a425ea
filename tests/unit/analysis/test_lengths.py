"""Scores by length."""

import numpy as np

from snakeval.analysis import lengths


def test_fifths_by_length_are_taken_within_each_task():
    """The tasks go opposite ways, and neither is at one end because it is longer."""
    values = {("short", i): float(i >= 5) for i in range(10)}
    values |= {("long", i): float(i < 5) for i in range(10)}
    tokens = {("short", i): i for i in range(10)} | {("long", i): 1000 + i for i in range(10)}
    found = lengths.pooled("m", np.concatenate(lengths.by_length(values, tokens)))
    assert found.n == 20
    assert [mean for _, mean, _, _ in found.fifths] == [0.5] * 5

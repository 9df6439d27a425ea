"""Adjusted p-values and ranks."""

import numpy as np
import pytest
from scipy import stats

from snakeval.statistics import multiplicity


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

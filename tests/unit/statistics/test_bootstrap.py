"""Draws of the bootstrap."""

import numpy as np
import pytest

from snakeval.statistics import bootstrap


def test_resample_counts_are_draws_with_replacement():
    counts = np.concatenate(list(bootstrap.resample_counts(50, 4000, seed=3)))
    assert counts.shape == (4000, 50)
    assert (counts.sum(axis=1) == 50).all()
    assert counts.var() == pytest.approx(1 - 1 / 50, rel=0.02)
    assert (counts == np.concatenate(list(bootstrap.resample_counts(50, 4000, seed=3)))).all()

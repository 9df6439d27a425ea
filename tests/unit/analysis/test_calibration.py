"""Calibration, against a plain computation."""

import itertools

import numpy as np
import pytest

from snakeval.analysis import calibration


def test_calibration_error_against_a_plain_computation():
    rng = np.random.default_rng(1)
    sure = rng.uniform(0.25, 1.0, 500)
    right = (rng.random(500) < sure**2).astype(float)
    edges = np.linspace(0, 1, 11)
    expected = 0.0
    for low, high in itertools.pairwise(edges):
        inside = (sure >= low) & (sure < high)
        if inside.any():
            expected += inside.mean() * abs(sure[inside].mean() - right[inside].mean())
    found = calibration.calibrate("m", np.stack([sure, right], axis=1))
    assert found.error == pytest.approx(expected)
    assert found.coverage[-1] == (1.0, pytest.approx(right.mean()))
    half = np.argsort(-sure)[:250]
    assert found.accuracy_of_half == dict(found.coverage)[0.5]
    assert found.accuracy_of_half == pytest.approx(right[half].mean())

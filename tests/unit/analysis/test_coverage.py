"""Coverage of the intervals and levels of the tests, in cases of benchmarks/coverage.py.

Few draws are enough to find a mistake. docs/explanation/statistics.md has figures of many draws.
"""

import numpy as np
import pytest
from builders.score_series import rng
from coverage_cases import cases

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

"""The table of comparisons: pairs of models on the same documents, and the ranks that follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa

from snakeval.analysis import differences
from snakeval.analysis.differences import Comparison
from snakeval.analysis.lines import Line
from snakeval.schemas.run import COMPARISONS
from snakeval.statistics import multiplicity, sample_size
from snakeval.statistics.intervals import none_if_not_finite

# Up to so many models all pairs are listed; of more, each model against the best one of the task.
ALL_PAIRS = 20


@dataclass(frozen=True)
class PairTests:
    """The tests of all pairs of models on one line."""

    ranks: dict[str, tuple[int, int]]  # model -> best and worst rank
    p: np.ndarray  # of all pairs, in the order of `itertools.combinations`
    rows: dict[int, dict[str, Any]]  # place of a listed pair in `p` -> its row, not adjusted


def paired(line: Line, model_a: str, model_b: str) -> Comparison:
    """The two models on the documents of a line that both answered.

    Strata without weight are left out: they have no score.
    """
    strata = [differences.matched(stratum[model_a], stratum[model_b]) for stratum in line.strata]
    weights = line.weights([stratum.a.n for stratum in strata])
    return [
        replace(stratum, weight=float(weight))
        for stratum, weight in zip(strata, weights, strict=True)
        if weight > 0
    ]


def compare_all(line: Line, values: Mapping[str, float]) -> PairTests:
    """Test all pairs of the models in `values`, which holds each model's score.

    Ranks rest on all pairs, adjusted within the line (Holm, 5 %).
    """
    models = list(values)
    pairs = list(combinations(range(len(models)), 2))
    found = [paired(line, models[a], models[b]) for a, b in pairs]
    p, tests = differences.p_values(found)
    better = np.zeros((len(models), len(models)), dtype=bool)
    direction = 1 if line.higher_is_better else -1
    for (a, b), adjusted, comparison in zip(pairs, multiplicity.holm(p), found, strict=True):
        if adjusted < multiplicity.ALPHA:
            a_leads = direction * differences.score_difference(comparison) > 0
            better[(a, b) if a_leads else (b, a)] = True
    lows, highs = multiplicity.rank_sets(better)
    ranks = zip(map(int, lows), map(int, highs), strict=True)
    best = int(np.argmax([direction * value for value in values.values()])) if models else 0
    rows = {
        place: {"model_a": models[a], "model_b": models[b]}
        | _row(line, found[place], p[place], tests[place])
        for place, (a, b) in enumerate(pairs)
        if len(models) <= ALL_PAIRS or best in (a, b)
    }
    return PairTests(dict(zip(models, ranks, strict=True)), p, rows)


def table(found: Sequence[tuple[str, PairTests]]) -> pa.Table:
    """COMPARISONS of a run, from (benchmark, tests) of each primary line.

    p-values are adjusted for all pairs of the run, also for those that are not listed. Scores
    decide which pairs are listed, so adjusting for the listed ones alone would bound nothing.
    """
    p = np.concatenate([np.empty(0), *(tests.p for _, tests in found)])
    holm, bh = multiplicity.holm(p), multiplicity.benjamini_hochberg(p)
    rows, start = [], 0
    for benchmark, tests in found:
        for place, row in tests.rows.items():
            adjusted = {
                "p_holm": none_if_not_finite(holm[start + place]),
                "p_bh": none_if_not_finite(bh[start + place]),
            }
            rows.append({"benchmark": benchmark} | row | adjusted)
        start += len(tests.p)
    return pa.Table.from_pylist(rows, COMPARISONS)


def _row(line: Line, comparison: Comparison, p: float, test: str) -> dict[str, Any]:
    found = differences.interval(comparison)
    n = differences.documents(comparison)
    binary = differences.is_binary(comparison)
    only_a, only_b = differences.discordant(comparison) if binary else (None, None)
    return {
        "task": line.task,
        "filter": line.key[0],
        "metric": line.key[1],
        "n": n,
        "scale": line.scale,
        "difference": none_if_not_finite(found.value),
        "ci_low": none_if_not_finite(found.low),
        "ci_high": none_if_not_finite(found.high),
        "only_a": only_a,
        "only_b": only_b,
        "p": none_if_not_finite(p),
        "effect": none_if_not_finite(found.value / (found.stderr * np.sqrt(n))) if n else None,
        "detectable": none_if_not_finite(sample_size.detectable_difference(found.stderr)),
        "test": test,
    }

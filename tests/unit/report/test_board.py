"""The leaderboard of the page, against plain computations."""

import math

import numpy as np
import pytest

from snakeval.report import board
from snakeval.schemas.run import SCORE_TABLE


def _line(
    model, task, value, *, higher=True, parent=None, metric="acc", primary=True, group=False
) -> dict:
    known = {
        "model": model,
        "benchmark": "e",
        "task": task,
        "parent": parent,
        "is_group": group,
        "filter": "none",
        "metric": metric,
        "n": 10,
        "value": value,
        "ci_method": "t",
        "higher_is_better": higher,
        "primary": primary,
    }
    return dict.fromkeys(SCORE_TABLE.names) | known


def _comparison(task, difference, half) -> dict:
    known = {
        "benchmark": "e",
        "task": task,
        "filter": "none",
        "metric": "acc",
        "model_a": "a",
        "model_b": "b",
        "n": 100,
    }
    return known | {
        "difference": difference,
        "ci_low": difference - half,
        "ci_high": difference + half,
        "p_holm": 0.001,
    }


def test_mean_difference_combines_paired_intervals():
    """Against the standard error of the mean of independent differences, computed directly."""
    rng = np.random.default_rng(0)
    gaps = [rng.normal(0.1, 0.3, 400), rng.normal(-0.05, 0.2, 300)]
    means, errors = [g.mean() for g in gaps], [g.std(ddof=1) / math.sqrt(len(g)) for g in gaps]
    table = [
        _line(model, f"t{i}", 0.5 + (means[i] if model == "a" else 0))
        for i in range(2)
        for model in "ab"
    ]
    found = board.pairs([_comparison(f"t{i}", means[i], 1.96 * errors[i]) for i in range(2)])
    pair = board.mean_difference(board.top(board.rows(table, ["a", "b"], ["e"])), found, "a", "b")
    half = 1.96 * math.sqrt(errors[0] ** 2 + errors[1] ** 2) / 2
    assert (pair.difference, pair.low, pair.high) == pytest.approx(
        (np.mean(means), np.mean(means) - half, np.mean(means) + half)
    )
    turned = board.mean_difference(board.top(board.rows(table, ["a", "b"], ["e"])), found, "b", "a")
    assert (turned.difference, turned.low, turned.high) == pytest.approx(
        (-pair.difference, -pair.high, -pair.low)
    )


def test_mean_of_a_score_that_does_not_vary_has_an_interval():
    table = [
        _line("a", "t0", 0.0) | {"ci_low": 0.0, "ci_high": 0.02},
        _line("a", "t1", 0.5) | {"ci_low": 0.4, "ci_high": 0.6},
    ]
    (standing,) = board.standings(board.top(board.rows(table, ["a"], ["e"])), {}, ["a"])
    assert (standing.mean, standing.low, standing.high) == pytest.approx(
        (0.25, 0.2, 0.25 + math.hypot(0.02, 0.1) / 2)
    )


def test_a_model_without_any_score_has_no_mean_and_leaves_the_others_theirs():
    table = [_line("a", "t", 0.25), _line("b", "t", 0.5)]
    models = ["a", "b", "none"]
    standings = board.standings(board.top(board.rows(table, models, ["e"])), {}, models)
    assert [(standing.model, standing.mean, standing.rows) for standing in standings] == [
        ("b", 0.5, 1),
        ("a", 0.25, 1),
        ("none", None, 0),
    ]


def test_record_turns_where_lower_is_better():
    table = [_line(model, "ppl", 3.0 if model == "a" else 4.0, higher=False) for model in "ab"]
    found = board.pairs([_comparison("ppl", -1.0, 0.2)])
    assert board.record(found, board.top(board.rows(table, ["a", "b"], ["e"])), "a", "b") == (
        ["ppl"],
        [],
        [],
        [],
    )
    assert board.averaged(board.top(board.rows(table, ["a", "b"], ["e"]))) == []


def test_what_was_not_compared_is_not_undecided():
    table = [_line(model, task, 0.5) for model in "ab" for task in ("won", "open", "apart")]
    found = board.pairs(
        [_comparison("won", 0.1, 0.05), _comparison("open", 0.1, 0.2) | {"p_holm": 0.9}]
    )
    leading = board.top(board.rows(table, ["a", "b"], ["e"]))
    assert board.record(found, leading, "a", "b") == (["won"], [], ["open"], ["apart"])
    assert board.record(found, leading, "b", "a") == ([], ["won"], ["open"], ["apart"])


def test_rows_come_below_their_group_and_other_metrics_below_the_leading_one():
    table = [
        _line("a", "leaf_1", 0.1, parent="area"),
        _line("a", "leaf_1", 0.2, parent="area", metric="acc_norm", primary=False),
        _line("a", "area", 0.3, parent="group", group=True),
        _line("a", "group", 0.4, group=True),
    ]
    rows = board.rows(table, ["a"], ["e"])
    assert [(row.task, row.metric, row.depth, row.children) for row in rows] == [
        ("group", "acc", 0, True),
        ("area", "acc", 1, True),
        ("leaf_1", "acc", 2, False),
        ("leaf_1", "acc_norm", 2, False),
    ]

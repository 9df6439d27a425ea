"""Models against a baseline: what passes, what does not, and which documents flipped."""

from dataclasses import replace

import numpy as np
import pytest
from builders.score_files import answers, folder_of, gate_settings, group, settings_of
from scipy import stats

from snakeval.analysis import gate
from snakeval.errors import UserError
from snakeval.schemas.run import FLIPS, GATE


def compared(tmp_path, before, now, **more):
    earlier = folder_of(tmp_path / "before", {"m": {"t": before}})
    results = folder_of(tmp_path / "now", {"m": {"t": now}})
    table, flips = gate.build(results, gate_settings(earlier, **more))
    assert table.schema.equals(GATE) and flips.schema.equals(FLIPS)
    (row,) = table.to_pylist()
    return row, flips.to_pylist()


def test_the_same_answers_pass_however_few(tmp_path):
    row, flips = compared(tmp_path, [1.0, 0.0], [1.0, 0.0])
    assert (row["verdict"], row["loss"], flips) == ("same", 0.0, [])


def test_a_model_that_lost_much_is_worse(tmp_path):
    row, flips = compared(tmp_path, answers(150, 200), answers(110, 200))
    assert (row["verdict"], row["n"], row["before"], row["now"]) == ("worse", 200, 0.75, 0.55)
    assert row["loss"] == pytest.approx(0.2)
    assert row["loss_low"] > 0.02
    assert len(flips) == 40 and all(flip["worse"] for flip in flips)
    assert flips[0] == {
        "model": "m", "benchmark": "e", "task": "t", "filter": "none", "metric": "acc",
        "doc_id": 110, "before": 1.0, "now": 0.0,
        "worse": True, "prediction_before": "m 1.0", "prediction_now": "m 0.0",
    }  # fmt: skip


def test_scores_of_another_kind_than_now_are_not_compared(tmp_path):
    """The baseline scored a mean over documents by the name that now is a perplexity."""
    tasks = {"t": settings_of(["word_perplexity"], "loglikelihood_rolling")}
    earlier = folder_of(tmp_path / "before", {"m": {"t": [3.0, 4.0]}}, metric="word_perplexity")
    results = folder_of(
        tmp_path / "now", {"m": {"t": [[-3.0, 2.0], [-4.0, 2.0]]}}, metric="word_perplexity"
    )
    (row,) = gate.build(results, gate_settings(earlier, tasks=tasks))[0].to_pylist()
    assert row["verdict"] == "new"


def test_a_model_that_is_better_passes(tmp_path):
    row, flips = compared(tmp_path, answers(110, 200), answers(150, 200))
    assert (row["verdict"], row["reason"]) == ("passed", None)
    assert not any(flip["worse"] for flip in flips)


def test_a_loss_within_the_margin_passes_and_is_reported(tmp_path):
    row, _ = compared(tmp_path, answers(1000, 2000), answers(985, 2000))
    assert (row["verdict"], row["reason"]) == ("passed", "worse, but within the margin")
    row, _ = compared(
        tmp_path / "strict", answers(1000, 2000), answers(985, 2000), margin={"default": 0.001}
    )
    assert row["verdict"] == "worse"


def test_too_few_documents_leave_it_open_and_say_how_many_would_do(tmp_path):
    flipped = [0.0, 1.0, *answers(10, 28)]
    row, _ = compared(tmp_path, [1.0, 0.0, *answers(10, 28)], flipped)
    assert row["verdict"] == "undecided"
    assert row["reason"].startswith("30 documents do not exclude a loss of 0.02; about ")
    wide, _ = compared(tmp_path / "wide", [1.0, 0.0, *answers(10, 28)], flipped, margin={"t": 0.2})
    assert wide["verdict"] == "passed"


def test_the_bounds_are_one_sided_at_alpha(tmp_path):
    generator = np.random.default_rng(4)
    tasks = {"t": settings_of(["f1_like"], "generate_until")}
    before, now = generator.normal(5, 1, 50), generator.normal(4.8, 1, 50)
    earlier = folder_of(tmp_path / "before", {"m": {"t": before.tolist()}}, metric="f1_like")
    results = folder_of(tmp_path / "now", {"m": {"t": now.tolist()}}, metric="f1_like")
    (row,) = gate.build(results, gate_settings(earlier, tasks=tasks, alpha=0.1))[0].to_pylist()
    test = stats.ttest_rel(before, now)
    assert row["loss_high"] == pytest.approx(test.confidence_interval(0.8).high)
    assert row["loss_low"] == pytest.approx(test.confidence_interval(0.8).low)


def test_lower_may_be_better_and_perplexities_lose_on_the_scale_of_logarithms(tmp_path):
    tasks = {"t": settings_of(["word_perplexity"], "loglikelihood_rolling")}
    generator = np.random.default_rng(5)
    words = generator.integers(10, 20, 40).astype(float)
    before = [[-3.0 * n, n] for n in words]
    now = [[-(3.1 + e) * n, n] for n, e in zip(words, generator.normal(0, 0.01, 40), strict=True)]
    earlier = folder_of(tmp_path / "before", {"m": {"t": before}}, metric="word_perplexity")
    results = folder_of(tmp_path / "now", {"m": {"t": now}}, metric="word_perplexity")
    (row,) = gate.build(results, gate_settings(earlier, tasks=tasks))[0].to_pylist()
    assert (row["verdict"], row["scale"]) == ("worse", "log")
    assert row["loss"] == pytest.approx(0.1, abs=0.01)
    assert row["before"] == pytest.approx(3.0)


def test_documents_that_changed_are_left_out(tmp_path):
    earlier = folder_of(
        tmp_path / "before", {"m": {"t": answers(50, 100)}}, documents={0: "other", 1: "other"}
    )
    results = folder_of(tmp_path / "now", {"m": {"t": [0.0, 0.0, *answers(48, 98)]}})
    table, flips = gate.build(results, gate_settings(earlier))
    (row,) = table.to_pylist()
    assert (row["n"], row["changed"], row["verdict"], flips.num_rows) == (98, 2, "same", 0)


def test_a_model_of_the_run_may_be_the_baseline(tmp_path):
    results = folder_of(tmp_path, {"a": {"t": answers(90, 100)}, "b": {"t": answers(50, 100)}})
    table, flips = gate.build(results, gate_settings("a", models=("a", "b")))
    (row,) = table.to_pylist()
    assert (row["model"], row["baseline"], row["verdict"]) == ("b", "a", "worse")
    assert flips.num_rows == 40


def test_a_model_that_the_earlier_run_did_not_have_is_new(tmp_path):
    earlier = folder_of(tmp_path / "before", {"other": {"t": [1.0]}})
    results = folder_of(tmp_path / "now", {"m": {"t": [1.0]}})
    table, _ = gate.build(results, gate_settings(earlier))
    assert table["verdict"].to_pylist() == ["new"]
    gate.check(table, gate_settings(earlier))


def test_groups_are_gated_and_subtasks_where_they_have_a_margin(tmp_path):
    tasks = {name: settings_of(["acc"]) for name in ("x", "y")}
    earlier = folder_of(tmp_path / "before", {"m": {"x": answers(90, 100), "y": answers(50, 100)}})
    results = folder_of(tmp_path / "now", {"m": {"x": answers(80, 100), "y": answers(60, 100)}})
    how = gate_settings(earlier, tasks=tasks, groups=[group("g", ["x", "y"])])
    table, flips = gate.build(results, how)
    assert table["task"].to_pylist() == ["g"]
    assert flips.num_rows == 20
    table, _ = gate.build(results, replace(how, margin={"x": 0.01}))
    assert (
        dict(zip(table["task"].to_pylist(), table["verdict"].to_pylist(), strict=True))["x"]
        == "worse"
    )


def test_changed_documents_are_counted_where_they_belong(tmp_path):
    tasks = {name: settings_of(["acc"]) for name in ("x", "y")}
    values = {"m": {"x": answers(3, 4), "y": answers(2, 3)}}
    earlier = folder_of(tmp_path / "before", values, documents={3: "other"})  # y has no document 3
    table, _ = gate.build(
        folder_of(tmp_path / "now", values),
        gate_settings(
            earlier, tasks=tasks, groups=[group("g", ["x", "y"])], margin={"x": 0.1, "y": 0.1}
        ),
    )
    assert dict(zip(table["task"].to_pylist(), table["changed"].to_pylist(), strict=True)) == {
        "g": 1,
        "x": 1,
        "y": 0,
    }


def test_changed_documents_of_a_subgroup_are_its_own(tmp_path):
    tasks = {name: settings_of(["acc"]) for name in ("x", "y")}
    values = {"m": {"x": answers(3, 4), "y": answers(2, 3)}}
    earlier = folder_of(tmp_path / "before", values, documents={3: "other"})  # y has no document 3
    groups = [group("g", ["inner", "x"]), group("inner", ["y"])]
    how = gate_settings(earlier, tasks=tasks, groups=groups, margin={"inner": 0.1})
    table, _ = gate.build(folder_of(tmp_path / "now", values), how)
    assert dict(zip(table["task"].to_pylist(), table["changed"].to_pylist(), strict=True)) == {
        "g": 1,
        "inner": 0,
    }


def test_a_loss_at_the_margin_asks_for_no_absurd_number_of_documents(tmp_path):
    earlier = folder_of(tmp_path / "before", {"m": {"t": [1.0] * 42 + [0.0] * 18}})
    now = folder_of(tmp_path / "now", {"m": {"t": [0.0] * 10 + [1.0] * 39 + [0.0] * 11}})
    table, _ = gate.build(now, gate_settings(earlier, margin={"t": 0.05}))
    assert table["verdict"].to_pylist() == ["undecided"]
    assert table["reason"].to_pylist() == ["60 documents do not exclude a loss of 0.05"]


def test_the_gate_fails_with_every_finding(tmp_path):
    earlier = folder_of(
        tmp_path / "before", {"m": {"t": answers(150, 200)}, "n": {"t": [1.0, 0.0]}}
    )
    results = folder_of(tmp_path / "now", {"m": {"t": answers(110, 200)}, "n": {"t": [0.0, 1.0]}})
    how = gate_settings(earlier, models=("m", "n"))
    table, flips = gate.build(results, how)
    with pytest.raises(UserError) as caught:
        gate.check(table, how)
    head, worse, undecided = str(caught.value).splitlines()
    assert head == f"2 of 2 comparisons with {earlier} fail the gate"
    assert worse.startswith("m, t: worse: a loss of 0.2")
    assert undecided.startswith("n, t: undecided: 2 documents")
    with pytest.raises(UserError, match="1 of 2"):
        gate.check(table, replace(how, undecided="pass"))
    text = gate.summary(table, flips)
    assert "m, t: 40 documents worse, 0 better. Worse: 110 (1 → 0), 111 (1 → 0)" in text
    assert "and 30 more, in tables/flips.parquet" in text


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        (None, "baseline: not set. Name a model"),
        ("nowhere", "nowhere is neither a model"),
        (".", "is the folder of this run"),
    ],
)
def test_a_baseline_that_is_not_there(tmp_path, monkeypatch, baseline, message):
    results = folder_of(tmp_path, {"m": {"t": [1.0]}})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        gate.build(results, replace(gate_settings("x"), baseline=baseline))

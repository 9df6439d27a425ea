"""Published figures, read and compared."""

import re

import pyarrow as pa
import pytest

from snakeval.analysis import leaderboard, markdown, targets
from snakeval.errors import UserError
from snakeval.schemas.run import SCORE_TABLE, TARGETS

FILE = """
source: a paper
percent: true
n: 100
models:
  a:
    t: 50.0
    u:
      - {value: "12.30", metric: f1, tolerance: 1, note: hm}
      - {value: 12, n: 7, percent: false, source: elsewhere}
  "*": {t: 40}
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        (tmp_path / "targets.yaml").write_text(text)
        return targets.read(tmp_path / "targets.yaml")

    return write


def line(**more):
    row = {
        "model": "a",
        "benchmark": "e",
        "task": "t",
        "parent": None,
        "is_group": False,
        "filter": "none",
        "metric": "acc",
    }
    row |= {
        "num_fewshot": 0,
        "version": None,
        "n": 100,
        "value": 0.5,
        "stderr": 0.05,
        "ci_low": 0.4,
        "ci_high": 0.6,
        "ci_method": "wilson",
    }
    row |= {
        "higher_is_better": True,
        "chance": None,
        "rank_low": None,
        "rank_high": None,
        "primary": True,
        "target": None,
        "delta": None,
    }
    return row | more


def verdicts(rows, lines, models=("a",), reasons=()):
    return targets.compare(rows, lines, models, dict(reasons))


def test_a_file_becomes_rows_with_what_it_shares(written):
    rows = written(FILE)
    assert [
        (row["model"], row["task"], row["target"], row["n"], row["percent"], row["source"])
        for row in rows
    ] == [
        ("a", "t", 50.0, 100, True, "a paper"),
        ("a", "u", 12.3, 100, True, "a paper"),
        ("a", "u", 12.0, 7, False, "elsewhere"),
        ("*", "t", 40.0, 100, True, "a paper"),
    ]
    assert [row["tolerance"] for row in rows] == [0.05, 1.0, 0.5, 0.5]
    assert rows[1]["note"] == "hm"


@pytest.mark.parametrize(
    ("written_as", "tolerance"),
    [('"5.6000"', 5e-5), ("0.212", 5e-4), ("88.4", 0.05), ("7", 0.5), ("1200", 0.5)],
)
def test_without_a_tolerance_half_a_unit_of_the_last_digit_counts(written, written_as, tolerance):
    (row,) = written(f"models: {{a: {{t: {written_as}}}}}")
    assert row["tolerance"] == pytest.approx(tolerance)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models: {a: {t: x}}", "models.a.t: 'x' is not a number"),
        ("models: {a: {t: .inf}}", "models.a.t: inf is not a number"),
        ("models: {a: {t: .nan}}", "models.a.t: nan is not a number"),
        ("models: {a: {t: sNaN}}", "models.a.t: 'sNaN' is not a number"),
        ("models: {a: {t: 1e999}}", "models.a.t: '1e999' is not a number"),
        ("models: {a: {t: true}}", "models.a.t: True is not a number"),
        ("models: {a: {t: {value: 1, n: true}}}", "t.0.n: .*true is not a number"),
        (
            "models: {a: {t: {value: 1, tolerance: .inf}}}",
            "tolerance: input should be a finite number",
        ),
        ("models: {a: {t: {valeu: 1}}}", "models.a.t.0.valeu: extra inputs"),
        ("modles: {}", "modles: extra inputs"),
        ("models: {a: {t: {value: 1, tolerance: -1}}}", "tolerance: input should be greater"),
        ("models: {a: {t: 1, t: 2}}", "key 't' is given twice"),
    ],
)
def test_a_mistake_is_reported(written, text, message):
    with pytest.raises(UserError, match=message):
        written(text)


@pytest.mark.parametrize(
    ("value", "n", "status", "reason"),
    [
        (0.5, 100, "regenerated", "within 0.05"),
        (0.5005, 100, "regenerated", "within 0.05"),
        (
            0.51,
            100,
            "differs",
            r"off by \+1, more than 0.05; the figure lies inside our 95 % interval",
        ),
        (
            0.5,
            90,
            "other documents",
            "published over 100 documents, here 90; the figure lies inside",
        ),
        (None, 100, "no score", "the run has no score of t"),
    ],
)
def test_verdicts(written, value, n, status, reason):
    (row,) = verdicts(
        written("percent: true\nn: 100\nmodels: {a: {t: 50.0}}"), [line(value=value, n=n)]
    )
    assert row["status"] == status and re.match(reason, row["reason"])
    assert row["value"] == (None if value is None else 100 * value)
    assert set(row) == set(TARGETS.names)


def test_a_figure_without_a_score_says_why(written):
    rows = written("models: {a: {t: 1, u: {value: 1, metric: f1, filter: strict}}, b: {t: 1}}")
    missing, unknown, absent = verdicts(rows, [], reasons={("a", "t"): "no such file"})
    assert [row["status"] for row in (missing, unknown, absent)] == ["no score"] * 3
    assert missing["reason"] == "no such file"
    assert unknown["reason"] == "the run has no score of u by f1 after strict"
    assert absent["reason"] == "the run has no such model"


def test_a_figure_is_of_a_task_or_an_benchmark_by_its_leading_or_the_named_metric(written):
    lines = [
        line(),
        line(metric="f1", value=0.2, primary=False),
        line(task="sub", parent="t", value=0.3),
    ]
    rows = verdicts(written("models: {a: {t: 0.5, e: 0.5, sub: 0.3, f: 1}}"), lines)
    assert [row["status"] for row in rows] == ["regenerated"] * 3 + ["no score"]
    (row,) = verdicts(written("models: {a: {t: {value: 0.2, metric: f1}}}"), lines)
    assert (row["status"], row["metric"]) == ("regenerated", "f1")


def test_a_score_to_reach_is_for_every_model(written):
    rows = written('models: {"*": {t: 0.5}}')
    found = verdicts(rows, [line(), line(model="b", value=0.4)], models=("a", "b"))
    assert [(row["model"], row["status"]) for row in found] == [
        ("a", "reached"),
        ("b", "not reached"),
    ]
    (low,) = verdicts(rows, [line(value=0.7, higher_is_better=False)])
    assert low["status"] == "not reached"
    assert targets.to_reach(written(FILE)) == {"t": 0.4}


def test_targets_are_in_the_table_of_scores_on_its_scale(written):
    scores = pa.Table.from_pylist([line(), line(metric="f1", primary=False)], SCORE_TABLE)
    rows = verdicts(written("percent: true\nmodels: {a: {e: 49.0}}"), scores.to_pylist())
    found = leaderboard.with_targets(scores, targets.in_score_units(rows)).to_pylist()
    assert [row["target"] for row in found] == [0.49, None]
    assert found[0]["delta"] == pytest.approx(0.01)


def test_every_figure_is_printed(written):
    rows = verdicts(written(FILE), [line(), line(model="b", value=0.3)], models=("a", "b"))
    text = markdown.published(pa.Table.from_pylist(rows, TARGETS))
    assert text.startswith(
        "\nPublished figures: 2 no score, 1 regenerated, 1 reached, 1 not reached.\n"
    )
    assert len([row for row in text.splitlines() if row.startswith("| ")]) == 2 + 5
    assert "50.000 %" in text and "hm" in text
    assert markdown.published(TARGETS.empty_table()) == ""

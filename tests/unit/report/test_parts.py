"""The parts of the report: text, charts, leaderboard, quality, history; against plain computations."""

import itertools
import math
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from builders import report_run
from builders.score_files import folder_of, gate_settings, group, settings_of

from snakeval.analysis import gate, leaderboard
from snakeval.files import benchmark_files, parquet
from snakeval.report import board, charts, history, quality, rule_graph, text, variety
from snakeval.report.page import write_page
from snakeval.schemas.model import SCORES
from snakeval.schemas.run import SCORE_TABLE
from snakeval.statistics.comparisons import tango


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("\x00", "⟨U+0000⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("né 漢字 👍", "né 漢字 👍"),
    ],
)
def test_visible(given, shown):
    assert text.visible(given) == shown


def test_the_page_and_its_scripts_hide_the_same_characters():
    source = (Path(board.__file__).parent / "static/text.js").read_text(encoding="utf-8")
    pattern = re.search(r"const HIDDEN =\s*/(.*)/u;", source)[1]
    script = re.compile(re.sub(r"\\u\{(\w+)\}", lambda m: f"\\U{int(m[1], 16):08x}", pattern))
    for code in [*range(0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE2000)]:
        assert bool(script.match(chr(code))) == (text.visible(chr(code)) != chr(code)), hex(code)


def test_fifths_by_length_are_taken_within_each_task():
    values = {("short", i): float(i >= 5) for i in range(10)} | {
        ("long", i): float(i < 5) for i in range(10)
    }
    lengths = {("short", i): i for i in range(10)} | {("long", i): 1000 + i for i in range(10)}
    found = quality._fifths("m", np.concatenate(quality._by_length(values, lengths)))
    assert found.n == 20
    assert [mean for _, mean, _, _ in found.fifths] == [
        0.5
    ] * 5  # the tasks go opposite ways, and neither is the longer one's end


def test_shortened_keeps_both_ends_within_the_width():
    assert text.shortened("short", 10) == "short"
    assert text.shortened("abcdefghijklmnop", 9) == "abcd…mnop"
    assert text._columns(text.shortened("漢字" * 20, 11)) <= 11


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.12345, "0.123"),
        (-1.5, "−1.500"),
        (12.3456, "12.35"),
        (1234.5, "1 234"),
        (None, "–"),
        (2.5e7, "2.5e07"),
        (math.inf, "∞"),
    ],
)
def test_number(value, shown):
    assert text.number(value) == shown


def test_nice_ticks_are_round_and_inside():
    assert charts.nice_ticks(0.0, 1.0, 4) == [0.0, 0.5, 1.0]
    assert charts.nice_ticks(2.1, 9.7, 4) == [4.0, 6.0, 8.0]
    for low, high in ((-3.7, 12.0), (0.001, 0.0042), (5.0, 5.5)):
        ticks = charts.nice_ticks(low, high, 4)
        assert 2 <= len(ticks) <= 10
        assert all(low <= tick <= high for tick in ticks)


def test_csv_keeps_formulas_as_text():
    assert (
        charts.csv(("name", "value"), [("=1+1", 0.1234567), ('say "a, b"', None)])
        == 'name,value\n\'=1+1,0.123457\n"say ""a, b""",\n'
    )


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


def test_rows_stand_below_their_group_and_further_metrics_below_the_leading_one():
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


def _line(
    model, task, value, *, higher=True, parent=None, metric="acc", primary=True, group=False
) -> dict:
    empty = dict.fromkeys(SCORE_TABLE.names)
    known = {
        "model": model,
        "benchmark": "e",
        "task": task,
        "parent": parent,
        "is_group": group,
        "filter": "none",
        "metric": metric,
    }
    return (
        empty
        | known
        | {
            "n": 10,
            "value": value,
            "ci_method": "t",
            "higher_is_better": higher,
            "primary": primary,
        }
    )


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
    found = quality._calibrate("m", np.stack([sure, right], axis=1))
    assert found.error == pytest.approx(expected)
    assert found.coverage[-1] == (1.0, pytest.approx(right.mean()))
    half = np.argsort(-sure)[:250]
    assert dict(found.coverage)[0.5] == pytest.approx(right[half].mean())


def test_rules_stand_right_of_what_they_need():
    graph = rule_graph.layout([["a", "b"], ["b", "d"], ["a", "c"], ["c", "d"], ["a", "d"]])
    place = {node.name: node.x for node in graph.nodes}
    assert place["a"] < place["b"] == place["c"] < place["d"]
    assert len(graph.edges) == 4  # from a to d lead longer ways
    assert rule_graph.reduced([["a", "b"], ["b", "d"], ["a", "c"], ["c", "d"], ["a", "d"]]) == [
        ("a", "b"),
        ("b", "d"),
        ("a", "c"),
        ("c", "d"),
    ]
    assert rule_graph.layout([]).nodes == []
    with pytest.raises(ValueError, match="circle"):
        rule_graph.layout([["a", "b"], ["b", "a"]])


def test_history_pairs_documents_of_the_same_requests_and_marks_regressions(tmp_path):
    earlier, now = tmp_path / "earlier", tmp_path / "now"
    report_run.make(earlier, tasks=2, documents=60)
    settings = report_run.make(now, tasks=2, documents=60)
    path = now / "scores/large/boolean.parquet"
    lines = parquet.read(path, SCORES).to_pylist()
    worse = [
        line | {"value": 0.0} if line["metric"] == "acc" and line["doc_id"] % 3 == 0 else line
        for line in lines
    ]
    parquet.write(pa.Table.from_pylist(worse, schema=SCORES), path, SCORES)
    before = np.array([line["value"] for line in lines if line["metric"] == "acc"])
    after = np.array([line["value"] for line in worse if line["metric"] == "acc"])
    path = now / "tables/scores.parquet"
    table = parquet.read(path, SCORE_TABLE).to_pylist()
    changed = [
        line | {"value": float(after.mean())}
        if (line["model"], line["task"], line["metric"]) == ("large", "boolean", "acc")
        else line
        for line in table
    ]
    parquet.write(pa.Table.from_pylist(changed, schema=SCORE_TABLE), path, SCORE_TABLE)
    leading = board.top(board.rows(changed, ["small", "large"], settings["tasks"]))
    found = history.courses([{"label": "earlier", "results": str(earlier)}], now, leading, settings)
    first = found[0]
    assert (first.model, first.task, first.verdict, first.change.paired) == (
        "large",
        "boolean",
        "regression",
        60,
    )
    gaps = after - before
    expected = [gaps.mean(), *(float(end) for end in tango(0, np.mean(gaps < 0), 60))]
    assert [first.change.value, first.change.low, first.change.high] == pytest.approx(expected)
    assert {course.verdict for course in found[1:]} == {""}
    settings["history"] = [{"label": "earlier", "results": str(earlier)}]
    write_page(now, settings, now / "report/index.html")
    assert "1 regression and 0 improvements" in (now / "report/index.html").read_text(
        encoding="utf-8"
    )


def test_history_of_other_requests_is_not_paired(tmp_path):
    report_run.make(tmp_path / "earlier", models=1, tasks=1, documents=30, seed=1)
    settings = report_run.make(tmp_path / "now", models=1, tasks=1, documents=30, seed=2)
    table = parquet.read(tmp_path / "now/tables/scores.parquet", SCORE_TABLE).to_pylist()
    old = parquet.read(tmp_path / "earlier/tables/scores.parquet", SCORE_TABLE).to_pylist()
    (course,) = history.courses(
        [{"label": "x", "results": str(tmp_path / "earlier")}],
        tmp_path / "now",
        board.top(board.rows(table, ["model-00"], ["boolean"])),
        settings,
    )
    assert not course.change.paired
    assert course.change.high - course.change.value == pytest.approx(
        1.959964 * math.hypot(table[0]["stderr"], old[0]["stderr"])
    )


def _scored(folder, metric, tasks, groups, values, clusters=None):
    """A results folder of the model m: requests, scores and their table; gives the rows of it that lead."""
    folder_of(folder, {"m": values}, metric=metric)
    index = folder / "index/scores/m.parquet"
    if clusters is not None:
        lines = parquet.read(folder / "scores/m/e.parquet", SCORES).to_pylist()
        lines = [line | {"cluster": str(clusters[line["doc_id"]])} for line in lines]
        benchmark_files.refresh(
            index,
            folder / "scores/m",
            {"e": "in clusters"},
            lambda _: pa.Table.from_pylist(lines, SCORES),
            SCORES,
        )
    how = gate_settings("", tasks=tasks, groups=groups)
    table, _ = leaderboard.build(
        {("m", "e"): benchmark_files.path(index, "e")}, {"e": folder / "requests/e.parquet"}, how
    )
    parquet.write(table, folder / "tables/scores.parquet", SCORE_TABLE)
    return board.top(board.rows(table.to_pylist(), ["m"], ["e"]))


@pytest.mark.parametrize("case", ["clusters", "perplexity", "group"])
def test_history_and_gate_tell_the_same_change_and_interval(tmp_path, case):
    generator = np.random.default_rng(5)
    metric, tasks, groups, clusters = "acc", {"t": settings_of(["acc"])}, [], None
    if case == "clusters":  # 20 passages of 20 questions, right or wrong together
        clusters = np.repeat(np.arange(20), 20)
        values = [{"t": (generator.random(20)[clusters] < 0.5).astype(float)} for _ in range(2)]
    elif (
        case == "perplexity"
    ):  # exp(-LL) of the longest document is 10^6 times the corpus' perplexity
        metric, tasks = (
            "word_perplexity",
            {"t": settings_of(["word_perplexity"], "loglikelihood_rolling")},
        )
        values = [
            {
                "t": [
                    [-float(n) * u, float(n)]
                    for n, u in zip(range(20, 60), generator.gamma(9, 0.4, 40), strict=True)
                ]
            }
            for _ in "ab"
        ]
    else:
        tasks, groups = (
            {"x": settings_of(["acc"]), "y": settings_of(["acc"])},
            [group("g", ["x", "y"], weight_by_size=False)],
        )
        values = [
            {task: generator.integers(0, 2, n).astype(float) for task, n in (("x", 20), ("y", 60))}
            for _ in range(2)
        ]
    _scored(tmp_path / "before", metric, tasks, groups, values[0], clusters)
    leading = _scored(tmp_path / "now", metric, tasks, groups, values[1], clusters)
    how = gate_settings(tmp_path / "before", tasks=tasks, groups=groups, alpha=0.025)
    (course,) = history.courses(
        [{"label": "x", "results": str(tmp_path / "before")}], tmp_path / "now", leading, how
    )
    (told,) = gate.build(tmp_path / "now", how)[0].to_pylist()
    change = course.change
    assert (change.scale, change.paired) == (told["scale"], told["n"])
    turned = (-told["loss"], -told["loss_high"], -told["loss_low"])
    of_loss = (told["loss"], told["loss_low"], told["loss_high"])
    assert (change.value, change.low, change.high) == pytest.approx(
        of_loss if case == "perplexity" else turned
    )


def test_history_of_questions_that_share_passages_marks_few_changes_where_there_are_none(tmp_path):
    """With standard errors of independent documents 69 % of such changes are marked."""
    clusters, tasks = np.repeat(np.arange(20), 20), {"t": settings_of(["acc"])}
    marked = 0
    for seed in range(40):
        generator, folder = np.random.default_rng(seed), tmp_path / str(seed)
        for name in ("before", "now"):
            levels = generator.beta(0.5, 0.5, 20)[clusters]
            leading = _scored(
                folder / name,
                "acc",
                tasks,
                [],
                {"t": (generator.random(400) < levels).astype(float)},
                clusters,
            )
        earlier = [{"label": "x", "results": str(folder / "before")}]
        (course,) = history.courses(
            earlier, folder / "now", leading, gate_settings("", tasks=tasks)
        )
        marked += bool(course.verdict)
    assert marked <= 6  # of 40, at 5 %: more by a chance of 0.3 %


def test_history_of_a_run_with_other_subtasks_takes_those_that_both_have(tmp_path):
    tasks, groups = {"x": settings_of(["acc"]), "y": settings_of(["acc"])}, [group("g", ["x", "y"])]
    old = {"x": [1.0, 0.0] * 20, "y": [1.0] * 10, "gone": [1.0] * 10}
    _scored(
        tmp_path / "before",
        "acc",
        tasks | {"gone": settings_of(["acc"])},
        [group("g", ["x", "y", "gone"])],
        old,
    )
    leading = _scored(tmp_path / "now", "acc", tasks, groups, {"x": [0.0] * 40, "y": [1.0] * 10})
    how = gate_settings("", tasks=tasks, groups=groups)
    (course,) = history.courses(
        [{"label": "x", "results": str(tmp_path / "before")}], tmp_path / "now", leading, how
    )
    assert (course.verdict, course.change.paired, course.change.value) == (
        "regression",
        50,
        pytest.approx(-0.4),
    )


def test_a_change_of_perplexity_is_told_as_a_ratio():
    assert (
        history.Change(math.log(1.05), None, None, "log", 9).told(math.log(1.05)) == "×\u202f1.0500"
    )
    assert history.Change(0.05, None, None, "score", 9).told(0.05) == "+0.050"


def test_an_answer_given_to_most_documents_is_found():
    right = {("t", i): (f"choice {i % 4 + 1}", 4) for i in range(40)}
    found = variety._frequent("m", "e", "t", Counter({"choice 1": 30, "choice 2": 10}), right)
    assert (found.answer, found.share, found.reference_share) == ("choice 1", 0.75, 0.25)
    assert (
        variety._frequent("m", "e", "t", Counter({f"choice {i}": 10 for i in range(4)}), right)
        is None
    )
    same = {("t", i): ("yes", 2) for i in range(40)}
    assert variety._frequent("m", "e", "t", Counter({"yes": 40}), same) is None


def test_labels_are_moved_apart():
    assert charts.apart([10, 12, 40, 11], 10) == [10, 30.0, 40.0, 20.0]

"""Changes since earlier runs: paired by document, with the interval of comparisons and the gate."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from builders import report_run
from builders.score_files import folder_of, gate_settings, group, settings_of

from snakeval.analysis import gate, history, leaderboard
from snakeval.analysis.stage import RunSettings
from snakeval.files import benchmark_files, parquet
from snakeval.schemas.model import SCORES
from snakeval.schemas.run import SCORE_TABLE
from snakeval.statistics.comparisons import tango


def _courses(now: Path, before: Path, settings: RunSettings) -> list[history.Course]:
    """The courses of the leading metrics from the results folder `before` to `now`."""
    models, benchmarks = settings.models, settings.benchmarks
    earlier = history.EarlierFiles(
        "before",
        before / "tables/scores.parquet",
        report_run.files_of(before, models, benchmarks),
    )
    scores = [
        history.Score(
            *(line[key] for key in history.KEYS),
            *(line[key] for key in ("value", "ci_low", "ci_high", "stderr", "higher_is_better")),
        )
        for line in parquet.read(now / "tables/scores.parquet", SCORE_TABLE).to_pylist()
        if line["primary"] and line["parent"] is None
    ]
    files = report_run.files_of(now, models, benchmarks)
    return history.courses(files, [earlier], scores, settings)


def _scored(folder, metric, tasks, groups, values, clusters=None) -> None:
    """Write a results folder of the model m: requests, scores and their table."""
    folder_of(folder, {"m": values}, metric=metric)
    index = folder / "index/scores/m.parquet"
    if clusters is not None:
        lines = parquet.read(folder / "scores/m/e.parquet", SCORES).to_pylist()
        lines = [line | {"cluster": str(clusters[line["doc_id"]])} for line in lines]
        table = pa.Table.from_pylist(lines, SCORES)
        made_from = {"e": "in clusters"}
        benchmark_files.refresh(index, folder / "scores/m", made_from, lambda _: table, SCORES)
    how = gate_settings("", tasks=tasks, groups=groups)
    scores = {("m", "e"): benchmark_files.path(index, "e")}
    table, _ = leaderboard.build(scores, {"e": folder / "requests/e.parquet"}, how)
    parquet.write(table, folder / "tables/scores.parquet", SCORE_TABLE)


def test_documents_of_the_same_requests_are_paired_and_regressions_come_first(tmp_path):
    earlier, now = tmp_path / "earlier", tmp_path / "now"
    report_run.make(earlier, tasks=2, documents=60)
    settings = report_run.report_settings(report_run.make(now, tasks=2, documents=60))
    before, after = report_run.worsen(now, "large", "boolean")
    first, *others = _courses(now, earlier, settings)
    assert (first.model, first.task, first.verdict) == ("large", "boolean", "regression")
    assert first.change.paired == 60
    gaps = after - before
    expected = [gaps.mean(), *(float(end) for end in tango(0, np.mean(gaps < 0), 60))]
    assert [first.change.value, first.change.low, first.change.high] == pytest.approx(expected)
    assert {course.verdict for course in others} == {""}


def test_documents_of_other_requests_are_not_paired(tmp_path):
    report_run.make(tmp_path / "earlier", models=1, tasks=1, documents=30, seed=1)
    made = report_run.make(tmp_path / "now", models=1, tasks=1, documents=30, seed=2)
    settings = report_run.report_settings(made)
    (course,) = _courses(tmp_path / "now", tmp_path / "earlier", settings)
    assert not course.change.paired
    now, old = (
        parquet.read(tmp_path / f"{run}/tables/scores.parquet", SCORE_TABLE)["stderr"][0].as_py()
        for run in ("now", "earlier")
    )
    half = 1.959964 * math.hypot(now, old)
    assert course.change.high - course.change.value == pytest.approx(half)


def test_a_run_without_its_documents_is_compared_by_its_table(tmp_path):
    made = report_run.make(tmp_path / "now", models=1, tasks=1, documents=30)
    settings = report_run.report_settings(made)
    report_run.make(tmp_path / "earlier", models=1, tasks=1, documents=30)
    (paired,) = _courses(tmp_path / "now", tmp_path / "earlier", settings)
    (tmp_path / "earlier/scores/model-00/boolean.parquet").unlink()
    (course,) = _courses(tmp_path / "now", tmp_path / "earlier", settings)
    assert (paired.change.paired, course.change.paired) == (30, 0)
    assert paired.points == course.points and course.change.low < 0 < course.change.high


@pytest.mark.parametrize("case", ["clusters", "perplexity", "group"])
def test_history_and_gate_give_the_same_change_and_interval(tmp_path, case):
    generator = np.random.default_rng(5)
    metric, tasks, groups, clusters = "acc", {"t": settings_of(["acc"])}, [], None
    if case == "clusters":  # 20 passages of 20 questions, right or wrong together
        clusters = np.repeat(np.arange(20), 20)
        values = [{"t": (generator.random(20)[clusters] < 0.5).astype(float)} for _ in range(2)]
    elif case == "perplexity":  # exp(-LL) of the longest document is 10^6 times the corpus'
        metric = "word_perplexity"
        tasks = {"t": settings_of([metric], "loglikelihood_rolling")}
        values = []
        for _ in range(2):
            per_word = zip(range(20, 60), generator.gamma(9, 0.4, 40), strict=True)
            values.append({"t": [[-float(n) * u, float(n)] for n, u in per_word]})
    else:
        tasks = {"x": settings_of(["acc"]), "y": settings_of(["acc"])}
        groups = [group("g", ["x", "y"], weight_by_size=False)]
        values = [
            {task: generator.integers(0, 2, n).astype(float) for task, n in (("x", 20), ("y", 60))}
            for _ in range(2)
        ]
    _scored(tmp_path / "before", metric, tasks, groups, values[0], clusters)
    _scored(tmp_path / "now", metric, tasks, groups, values[1], clusters)
    how = gate_settings(tmp_path / "before", tasks=tasks, groups=groups, alpha=0.025)
    (course,) = _courses(tmp_path / "now", tmp_path / "before", how)
    (row,) = gate.build(tmp_path / "now", how)[0].to_pylist()
    change = course.change
    assert (change.scale, change.paired) == (row["scale"], row["n"])
    turned = (-row["loss"], -row["loss_high"], -row["loss_low"])
    of_loss = (row["loss"], row["loss_low"], row["loss_high"])
    assert (change.value, change.low, change.high) == pytest.approx(
        of_loss if case == "perplexity" else turned
    )


def test_questions_that_share_passages_mark_few_changes_where_there_are_none(tmp_path):
    """With standard errors of independent documents 69 % of such changes are marked."""
    clusters, tasks = np.repeat(np.arange(20), 20), {"t": settings_of(["acc"])}
    marked = 0
    for seed in range(40):
        generator, folder = np.random.default_rng(seed), tmp_path / str(seed)
        for name in ("before", "now"):
            levels = generator.beta(0.5, 0.5, 20)[clusters]
            values = {"t": (generator.random(400) < levels).astype(float)}
            _scored(folder / name, "acc", tasks, [], values, clusters)
        how = gate_settings("", tasks=tasks)
        (course,) = _courses(folder / "now", folder / "before", how)
        marked += bool(course.verdict)
    assert marked <= 6  # of 40, at 5 %: more by a chance of 0.3 %


def test_a_run_with_other_subtasks_is_compared_on_those_that_both_have(tmp_path):
    tasks, groups = {"x": settings_of(["acc"]), "y": settings_of(["acc"])}, [group("g", ["x", "y"])]
    old = {"x": [1.0, 0.0] * 20, "y": [1.0] * 10, "gone": [1.0] * 10}
    more = tasks | {"gone": settings_of(["acc"])}
    _scored(tmp_path / "before", "acc", more, [group("g", ["x", "y", "gone"])], old)
    _scored(tmp_path / "now", "acc", tasks, groups, {"x": [0.0] * 40, "y": [1.0] * 10})
    how = gate_settings("", tasks=tasks, groups=groups)
    (course,) = _courses(tmp_path / "now", tmp_path / "before", how)
    assert (course.verdict, course.change.paired) == ("regression", 50)
    assert course.change.value == pytest.approx(-0.4)

"""The tables of a run, from score files made here."""

import hashlib
import json

import numpy as np
import pytest
from builders.score_files import Run, answers, group, request, row, settings_of
from scipy import stats

from snakeval.analysis import leaderboard
from snakeval.errors import UserError


def test_a_task_of_choices(tmp_path):
    run = Run(tmp_path, {"t": settings_of(["acc", "acc_norm"], num_fewshot=3)})
    run.choices = [request("t", i, choices=4 if i < 10 else 2, gold=[1]) for i in range(20)]
    for metric in ("acc", "acc_norm"):
        run.add("a", "t", metric, answers(15, 20))
        run.add("b", "t", metric, answers(3, 20))
    scores, comparisons = run.build()
    found = row(scores, model="a", metric="acc")
    expected = stats.binomtest(15, 20).proportion_ci(method="wilson")
    assert (found["value"], found["ci_low"], found["ci_high"]) == pytest.approx(
        (0.75, expected.low, expected.high)
    )
    assert found["stderr"] == pytest.approx(stats.sem(answers(15, 20)))
    assert found["chance"] == pytest.approx(0.375)
    assert (
        found["n"],
        found["num_fewshot"],
        found["version"],
        found["parent"],
        found["is_group"],
    ) == (20, 3, "1.0", None, False)
    assert (found["ci_method"], found["rank_low"], found["rank_high"]) == ("wilson", 1, 1)
    assert [r["primary"] for r in scores] == [True, True, False, False]
    (compared,) = comparisons
    assert (compared["metric"], compared["only_a"], compared["only_b"], compared["n"]) == (
        "acc",
        12,
        0,
        20,
    )
    assert compared["difference"] == pytest.approx(0.6)
    assert (
        compared["p"]
        == compared["p_holm"]
        == compared["p_bh"]
        == pytest.approx(stats.binomtest(0, 12).pvalue)
    )
    differences = np.array(answers(15, 20)) - np.array(answers(3, 20))
    assert compared["effect"] == pytest.approx(0.6 / differences.std())
    assert compared["detectable"] == pytest.approx(
        2.8016 * differences.std() / np.sqrt(20), rel=1e-4
    )


@pytest.mark.parametrize("by_size", [True, False])
def test_a_group_is_the_average_of_its_leaf_tasks(tmp_path, by_size):
    sizes = {"x": 10, "y": 30, "z": 60}
    tasks = {name: settings_of(["acc"]) for name in sizes}
    inner = group("inner", ["y", "z"], weight_by_size=by_size)
    run = Run(
        tmp_path,
        tasks,
        [group("outer", ["x", "inner"], weight_by_size=by_size), inner],
        models=["a"],
    )
    run.choices = [
        request(name, i, choices=4, gold=[0]) for name, n in sizes.items() for i in range(n)
    ]
    shares = {"x": 0.9, "y": 0.5, "z": 0.2}
    for name, n in sizes.items():
        run.add("a", name, "acc", answers(round(n * shares[name]), n))
    scores, comparisons = run.build()
    assert comparisons == []
    assert [(r["task"], r["parent"], r["is_group"]) for r in scores] == [
        ("outer", None, True),
        ("x", "outer", False),
        ("inner", "outer", True),
        ("y", "inner", False),
        ("z", "inner", False),
    ]
    outer, weights = (
        row(scores, task="outer"),
        np.array(list(sizes.values())) / 100 if by_size else np.full(3, 1 / 3),
    )
    assert outer["value"] == pytest.approx(weights @ np.array(list(shares.values())))
    errors = np.array([row(scores, task=name)["stderr"] for name in sizes])
    assert outer["stderr"] == pytest.approx(np.sqrt(np.sum((weights * errors) ** 2)))
    assert outer["ci_low"] < outer["value"] < outer["ci_high"]
    assert (outer["n"], outer["chance"], outer["version"], outer["num_fewshot"]) == (
        100,
        pytest.approx(0.25),
        "2",
        0,
    )
    assert (outer["rank_low"], outer["rank_high"]) == (None, None)


def test_a_group_averages_the_members_that_have_its_metric(tmp_path):
    tasks = {"x": settings_of(["acc"]), "y": settings_of(["f1"])}
    run = Run(tmp_path, tasks, [group("g", ["x", "y"])], models=["a"])
    run.add("a", "x", "acc", answers(3, 4))
    run.add("a", "y", "f1", [[1.0, 1.0, 1.0], [0.0, 1.0, 0.0]])
    scores, _ = run.build()
    assert row(scores, task="g")["value"] == 0.75
    assert row(scores, task="y")["value"] == pytest.approx(2 / 3)


def test_a_group_without_metrics_is_no_row_and_no_parent(tmp_path):
    silent = group("g", ["x"]) | {"metrics": []}
    run = Run(tmp_path, {"x": settings_of(["acc"])}, [silent], models=["a"])
    run.add("a", "x", "acc", answers(3, 4))
    scores, _ = run.build()
    assert [(r["task"], r["parent"]) for r in scores] == [("x", None)]


def test_the_primary_metric_can_be_named(tmp_path):
    filters = [{"name": "strict", "filter": []}, {"name": "flexible", "filter": []}]
    tasks = {
        "t": settings_of(
            ["exact_match", "token_f1"],
            "generate_until",
            filter_list=filters,
            primary_metric="token_f1",
            chance=0.1,
        )
    }
    run = Run(tmp_path, tasks, models=["a"])
    for name in ("flexible", "strict"):
        for metric in ("token_f1", "exact_match"):
            run.add("a", "t", metric, [0.0, 1.0, 1.0], name)
    scores, _ = run.build()
    assert [(r["filter"], r["metric"], r["primary"], r["chance"]) for r in scores] == [
        ("strict", "exact_match", False, None),
        ("strict", "token_f1", True, 0.1),
        ("flexible", "exact_match", False, None),
        ("flexible", "token_f1", False, None),
    ]


def test_each_kind_of_metric_has_its_method(tmp_path):
    generator = np.random.default_rng(0)
    tasks = {
        "texts": settings_of(["word_perplexity"], "loglikelihood_rolling"),
        "passages": settings_of(["token_f1", "exact_match"], "generate_until"),
        "own": settings_of(
            [],
            "generate_until",
            metric_list=[{"metric": "length", "aggregation": "median"}, {"metric": "cost"}],
        ),
    }
    run = Run(tmp_path, tasks, models=["a"])
    run.add("a", "texts", "word_perplexity", [[-30.0 * u, 10.0] for u in generator.random(20)])
    passage = [f"p{i // 3}" for i in range(30)]
    run.add("a", "passages", "token_f1", generator.random(30).tolist(), cluster=passage)
    run.add("a", "passages", "exact_match", answers(10, 30), cluster=passage)
    run.add(
        "a", "own", "length", [float(i) for i in range(20)], item=[json.dumps(i) for i in range(20)]
    )
    run.add("a", "own", "cost", [float(i) for i in range(20)])
    scores, _ = run.build()
    methods = {r["metric"]: r["ci_method"] for r in scores}
    assert methods == {
        "word_perplexity": "bootstrap-bca",
        "token_f1": "wilson-cluster",
        "exact_match": "wilson-cluster",
        "length": "bootstrap-percentile",
        "cost": "t",
    }
    assert all(r["ci_low"] < r["value"] < r["ci_high"] for r in scores)
    assert row(scores, metric="length")["value"] == 10.0


def test_documents_all_of_one_cluster_vary_within_it(tmp_path):
    run = Run(tmp_path, {"t": settings_of(["acc"])}, models=["a"])
    run.add("a", "t", "acc", answers(5, 10), cluster=["anatomy"] * 10)
    assert run.build()[0][0]["ci_method"] == "wilson"


def test_a_null_value_is_no_document(tmp_path):
    run = Run(
        tmp_path,
        {"t": settings_of([], metric_list=[{"metric": "acc", "aggregation": "nanmean"}])},
        models=["a"],
    )
    run.add("a", "t", "acc", [1.0, None, 0.0, None])
    assert (run.build()[0][0]["n"], run.build()[0][0]["value"]) == (2, 0.5)


@pytest.mark.parametrize("by_size", [True, False])
def test_a_subtask_in_which_a_model_got_no_number_has_no_weight_by_size(tmp_path, by_size):
    """As where no answer of a judge could be read. The plain mean over subtasks is undefined."""
    rating = settings_of([], metric_list=[{"metric": "rating", "aggregation": "nanmean"}])
    of_both = group("g", ["x", "y"], metric="rating", weight_by_size=by_size)
    run = Run(tmp_path, {"x": rating, "y": rating}, [of_both])
    numbers = {"a": [2.0, 5.0, 4.0, 3.0], "b": [1.0, 5.0, 2.0, 2.0]}
    for model, given in numbers.items():
        run.add(model, "x", "rating", given)
        run.add(model, "y", "rating", [None, None] if model == "a" else [4.0, 1.0])
    scores, comparisons = run.build()
    found, alone = row(scores, task="g", model="a"), row(scores, task="x", model="a")
    columns = ("value", "stderr", "ci_low", "ci_high", "n")
    if by_size:
        assert [found[column] for column in columns] == [alone[column] for column in columns]
        assert found["value"] == 3.5
        assert (
            row(comparisons, task="g")["difference"]
            == row(comparisons, task="x")["difference"]
            == 1.0
        )
        assert row(comparisons, task="g")["p"] == row(comparisons, task="x")["p"] < 1
    else:
        assert [found[column] for column in columns] == [None] * 4 + [4]
        assert [line["task"] for line in comparisons] == ["x"]


def test_a_group_in_which_a_model_got_no_number_has_no_score(tmp_path):
    rating = settings_of([], metric_list=[{"metric": "rating", "aggregation": "nanmean"}])
    run = Run(
        tmp_path,
        {"x": rating, "y": rating},
        [group("g", ["x", "y"], metric="rating")],
        models=["a"],
    )
    run.add("a", "x", "rating", [None, None])
    run.add("a", "y", "rating", [None])
    assert row(run.build()[0], task="g")["value"] is None


def test_an_undefined_score_is_null(tmp_path):
    run = Run(tmp_path, {"t": settings_of(["word_perplexity"], "loglikelihood_rolling")})
    run.add("a", "t", "word_perplexity", [[-3.0, 0.0]])
    run.add("b", "t", "word_perplexity", [[-3.0, 2.0]])
    scores, comparisons = run.build()
    assert row(scores, model="a")["value"] is None
    assert row(scores, model="b")["value"] == pytest.approx(np.exp(1.5))
    assert all(
        (r["ci_method"], r["ci_low"], r["stderr"]) == ("none", None, None) for r in scores
    )  # one document has no spread
    assert comparisons == []


def test_an_infinite_perplexity_stays_infinite(tmp_path):
    run = Run(tmp_path, {"t": settings_of(["perplexity"], "loglikelihood")})
    run.add("a", "t", "perplexity", [[-2000.0, 1.0], [-1.0, 1.0]])
    run.add("b", "t", "perplexity", [[-2.0, 1.0], [-1.0, 1.0]])
    scores, _ = run.build()
    assert row(scores, model="a")["value"] == np.inf
    assert row(scores, model="a")["ci_low"] is None


def test_a_model_s_interval_does_not_depend_on_the_other_models(tmp_path):
    def build(folder, models):
        run = Run(
            folder, {"t": settings_of(["word_perplexity"], "loglikelihood_rolling")}, models=models
        )
        for seed, model in enumerate("abc"):
            if model in models:
                run.add(
                    model,
                    "t",
                    "word_perplexity",
                    [[-9.0 * u, 5.0] for u in np.random.default_rng(seed).random(15)],
                )
        return row(run.build()[0], model="a")

    alone, together = build(tmp_path / "1", ["a"]), build(tmp_path / "2", ["a", "b", "c"])
    assert {**alone, "rank_low": 0, "rank_high": 0} == {**together, "rank_low": 0, "rank_high": 0}


def test_the_same_scores_give_the_same_bytes_in_any_order_of_rows(tmp_path):
    digests = set()
    for order in (1, -1):
        folder = tmp_path / str(order)
        run = Run(
            folder,
            {
                "t": settings_of(["word_perplexity"], "loglikelihood_rolling"),
                "u": settings_of(["acc"]),
            },
        )
        for seed, model in enumerate("ab"):
            generator = np.random.default_rng(seed)
            run.add(model, "t", "word_perplexity", [[-9.0 * u, 5.0] for u in generator.random(15)])
            run.add(model, "u", "acc", generator.integers(0, 2, 30).astype(float).tolist())
            run.rows[model] = run.rows[model][::order]
        run.build()
        files = [folder / "scores.parquet", folder / "comparisons.parquet"]
        digests.add(hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest())
    assert len(digests) == 1


def test_scores_of_an_unknown_task_are_an_error(tmp_path):
    run = Run(tmp_path, {"t": settings_of(["acc"])}, models=["a"])
    run.add("a", "old", "acc", [1.0])
    with pytest.raises(
        UserError, match=r"a\.parquet: scores of old, which is not in the configuration"
    ):
        run.build()


def test_a_missing_score_file_is_an_error(tmp_path):
    run = Run(tmp_path, {"t": settings_of(["exact_match"], "generate_until")}, models=["a"])
    with pytest.raises(UserError, match="no such file"):
        leaderboard.build({("a", "e"): tmp_path / "none.parquet"}, run.requests, run.settings)

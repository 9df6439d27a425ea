"""The tables of a run, from score files made here."""

import hashlib
import json
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from builders.score_files import Run, answers, group, request, row, settings_of
from scipy import stats

from snakeval.analysis import answer_health, leaderboard, markdown
from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.schemas.model import RESPONSES, SCORES, TOKENS
from snakeval.schemas.run import HEALTH, SCORE_TABLE
from snakeval.statistics.comparisons import mcnemar
from snakeval.statistics.multiplicity import holm


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


def test_group_comparison_is_paired_within_subtasks(tmp_path):
    generator = np.random.default_rng(4)
    run = Run(
        tmp_path,
        {"x": settings_of(["acc"]), "y": settings_of(["acc"])},
        [group("g", ["x", "y"], weight_by_size=False)],
    )
    given = {}
    for name, n in (("x", 40), ("y", 160)):
        hard = generator.random(n)
        for model, skill in (("a", 0.75), ("b", 0.55)):
            given[model, name] = (hard + 0.1 * generator.random(n) < skill).astype(float)
            run.add(model, name, "acc", given[model, name].tolist())
    scores, comparisons = run.build()
    compared = row(comparisons, task="g")
    gaps = [given["a", name] - given["b", name] for name in ("x", "y")]
    assert compared["difference"] == pytest.approx(np.mean([gap.mean() for gap in gaps]))
    assert compared["difference"] == pytest.approx(
        row(scores, task="g", model="a")["value"] - row(scores, task="g", model="b")["value"]
    )
    flips = generator.choice([-1, 1], (20_000, 200))
    weighted = np.concatenate([gap / len(gap) / 2 for gap in gaps])
    assert compared["p"] == pytest.approx(
        np.mean(np.abs(flips @ weighted) >= abs(weighted.sum()) - 1e-12), abs=0.005
    )
    assert compared["test"] == "permutation"
    width = compared["ci_high"] - compared["ci_low"]
    assert width == pytest.approx(
        2 * 1.96 * np.sqrt(sum(gap.var(ddof=1) / len(gap) for gap in gaps)) / 2, rel=0.2
    )


def test_the_family_of_adjusted_p_values_is_the_run(tmp_path):
    run = Run(
        tmp_path, {"t": settings_of(["acc"]), "u": settings_of(["acc"])}, models=["a", "b", "c"]
    )
    generator = np.random.default_rng(1)
    for task in ("t", "u"):
        for model, skill in (("a", 0.9), ("b", 0.6), ("c", 0.5)):
            run.add(model, task, "acc", (generator.random(50) < skill).astype(float).tolist())
    _, comparisons = run.build()
    assert len(comparisons) == 6
    ordered = sorted(comparisons, key=lambda r: r["p"])
    assert ordered[0]["p_holm"] == pytest.approx(6 * ordered[0]["p"])
    expected = stats.false_discovery_control([r["p"] for r in comparisons])
    assert [r["p_bh"] for r in comparisons] == pytest.approx(expected.tolist())


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_models_that_cannot_be_told_apart_share_ranks(tmp_path, higher_is_better):
    metric = {"metric": "acc", "aggregation": "mean", "higher_is_better": higher_is_better}
    run = Run(tmp_path, {"t": settings_of([], metric_list=[metric])}, models=["a", "b", "c"])
    run.add("a", "t", "acc", answers(90, 100))
    run.add("b", "t", "acc", answers(88, 100))
    run.add("c", "t", "acc", answers(40, 100))
    scores, _ = run.build()
    ranks = {r["model"]: (r["rank_low"], r["rank_high"]) for r in scores}
    assert ranks == (
        {"a": (1, 2), "b": (1, 2), "c": (3, 3)}
        if higher_is_better
        else {"a": (2, 3), "b": (2, 3), "c": (1, 1)}
    )


def test_of_many_models_each_is_listed_against_the_best(tmp_path):
    models = [f"m{i:02}" for i in range(leaderboard.ALL_PAIRS + 1)]
    run = Run(tmp_path, {"t": settings_of(["acc"])}, models=models)
    for index, model in enumerate(models):
        run.add(model, "t", "acc", answers(95 if index == 7 else 30 + index, 100))
    scores, comparisons = run.build()
    assert len(comparisons) == len(models) - 1
    assert all("m07" in (r["model_a"], r["model_b"]) for r in comparisons)
    assert row(scores, model="m07")["rank_high"] == 1
    assert row(scores, model="m00")["rank_low"] > 2  # by pairs that are not listed


def test_the_family_of_many_models_is_all_their_pairs_listed_or_not(tmp_path):
    """The listed ones are those of the best, whose score is the largest by selection."""
    models = [f"m{i:02}" for i in range(leaderboard.ALL_PAIRS + 1)]
    run = Run(tmp_path, {"t": settings_of(["acc"]), "u": settings_of(["acc"])}, models=models)
    generator, given = np.random.default_rng(0), {}
    for task in ("t", "u"):
        for model in models:
            given[task, model] = generator.integers(0, 2, 60).astype(float)
            run.add(model, task, "acc", given[task, model].tolist())
    _, comparisons = run.build()
    pairs = [
        (
            task,
            a,
            b,
            mcnemar(*([np.sum(given[task, x] > given[task, y])] for x, y in ((a, b), (b, a))))[0][
                0
            ],
        )
        for task in ("t", "u")
        for a, b in combinations(models, 2)
    ]
    p = np.array([p for *_, p in pairs])
    expected = dict(
        zip(
            [pair[:3] for pair in pairs],
            zip(holm(p), stats.false_discovery_control(p), strict=True),
            strict=True,
        )
    )
    assert len(comparisons) == 40 and len(pairs) == 420
    for line in comparisons:
        assert (line["p_holm"], line["p_bh"]) == pytest.approx(
            expected[line["task"], line["model_a"], line["model_b"]]
        )
    assert (
        min(line["p"] for line in comparisons) * 40
        < 0.05
        < min(line["p_holm"] for line in comparisons)
    )


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
    """As where a judge's answers could not be read; the plain mean over subtasks lacks a part then."""
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


def test_perplexities_are_compared_as_logarithms(tmp_path):
    """One is plainly better in every document, and p says so however far the exponentials are apart."""
    run = Run(tmp_path, {"t": settings_of(["word_perplexity"], "loglikelihood_rolling")})
    generator = np.random.default_rng(3)
    bad, good, words = (
        -12.0 - generator.random(60),
        -1.4 - 0.1 * generator.random(60),
        generator.integers(20, 40, 60).astype(float),
    )
    run.add("a", "t", "word_perplexity", [[ll * n, n] for ll, n in zip(bad, words, strict=True)])
    run.add("b", "t", "word_perplexity", [[ll * n, n] for ll, n in zip(good, words, strict=True)])
    _, (compared,) = run.build()
    assert compared["scale"] == "log"
    assert compared["difference"] == pytest.approx(
        -np.sum(bad * words) / words.sum() + np.sum(good * words) / words.sum()
    )
    assert (
        compared["ci_low"]
        < compared["difference"]
        < compared["ci_high"]
        < compared["difference"] + 0.2
    )
    assert compared["p"] < 1e-15
    paired = bad * words - good * words
    residuals = (
        paired - paired.sum() / words.sum() * words
    )  # the linearised standard error of a ratio of sums
    width = compared["ci_high"] - compared["ci_low"]
    assert width == pytest.approx(4 * residuals.std(ddof=1) * np.sqrt(60) / words.sum(), rel=0.1)


def test_a_mean_is_compared_as_it_is(tmp_path):
    run = Run(tmp_path, {"t": settings_of(["acc"])})
    run.add("a", "t", "acc", answers(4, 8))
    run.add("b", "t", "acc", answers(2, 8))
    assert run.build()[1][0]["scale"] == "score"


def test_models_that_answered_different_documents_are_paired_on_the_common_ones(tmp_path):
    run = Run(tmp_path, {"t": settings_of(["acc"])})
    run.add("a", "t", "acc", answers(4, 8))
    run.add("b", "t", "acc", answers(2, 5))
    _, (compared,) = run.build()
    assert (compared["n"], compared["only_a"], compared["only_b"]) == (5, 2, 0)
    assert compared["difference"] == pytest.approx(0.4)


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


# Health and summary


def test_health_counts_documents(tmp_path):
    def table(schema, rows):
        empty = {
            field.name: None if field.nullable else [] if pa.types.is_list(field.type) else 0
            for field in schema
        }
        strings = {field.name: "" for field in schema if field.type == pa.string()}
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.parquet"
        parquet.write(
            pa.Table.from_pylist([empty | strings | {"model": "m"} | row for row in rows], schema),
            path,
            schema,
        )
        return {("m", "e"): path}

    tokens = table(
        TOKENS,
        [
            {"task": "t", "doc_id": 0, "truncated_tokens": 5, "dropped_shots": 0},
            {"task": "t", "doc_id": 1, "truncated_tokens": 0, "dropped_shots": 2},
            {"task": "u", "doc_id": 0, "truncated_tokens": 0, "dropped_shots": 1},
        ],
    )
    responses = table(
        RESPONSES,
        [
            {
                "task": "t",
                "doc_id": 0,
                "texts": ["x", " \n"],
                "finish_reasons": ["length", "length"],
            },
            {
                "task": "t",
                "doc_id": 1,
                "texts": ["I'm sorry, I can't.", "y" * 99],
                "finish_reasons": ["eos", "length"],
            },
            {"task": "u", "doc_id": 0, "loglikelihoods": [-1.0]},
        ],
    )
    scores = table(
        SCORES,
        [
            {"task": "t", "doc_id": 0, "filter": name, "metric": metric, "extracted": name == "b"}
            for name in ("a", "b")
            for metric in ("exact_match", "token_f1")
        ],
    )
    found = answer_health.build(tokens, responses, scores, {})
    assert found.schema.equals(HEALTH)
    counts = (
        "n",
        "truncated",
        "dropped_shots",
        "cut_answers",
        "empty_answers",
        "extraction_failed",
        "refusals",
        "repeating",
    )
    rows = [("t", 2, 1, 1, 2, 1, 1, 1, 1), ("u", 1, 0, 1, 0, 0, 0, 0, 0)]
    assert [(r["task"], *(r[key] for key in counts)) for r in found.to_pylist()] == rows


def test_summary_lines_up_and_shows_the_top(tmp_path):
    tasks = {"x": settings_of(["acc", "acc_norm"]), "y|z": settings_of(["acc"])}
    run = Run(tmp_path, tasks, [group("g", ["x"])], models=["a", "longer_name"])
    run.choices = [request("x", i, choices=4, gold=[0]) for i in range(40)]
    for metric in ("acc", "acc_norm"):
        run.add("a", "x", metric, answers(11, 40))
        run.add("longer_name", "x", metric, answers(39, 40))
    run.add("a", "y|z", "acc", [1.0])
    run.add("longer_name", "y|z", "acc", [1.0])
    run.build()
    text = markdown.leaderboard(parquet.read(tmp_path / "scores.parquet", SCORE_TABLE))
    table, note = text.split("\n\n")
    lines = table.splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines) == 2 + 4
    cells = [[cell.strip() for cell in line[2:-2].split(" | ")] for line in lines]
    assert cells[2] == ["e: g", "acc ↑", "40", "longer_name", "0.9750", "0.8712 – 0.9956", "1"]
    assert cells[3][2:] == ["40", "a", "0.2750 †", "0.1611 – 0.4283", "2"]
    assert "y\\|z" in lines[4]
    assert lines[4].endswith("1–2 |")
    assert "†" in note


def test_summary_of_nothing():
    assert markdown.leaderboard(SCORE_TABLE.empty_table()) == "No scores.\n"

"""Pairs of models in the table of comparisons, and the ranks that follow."""

from itertools import combinations

import numpy as np
import pytest
from builders.score_files import Run, answers, group, row, settings_of
from scipy import stats

from snakeval.analysis.comparisons import ALL_PAIRS
from snakeval.statistics.comparisons import mcnemar
from snakeval.statistics.multiplicity import holm


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
    models = [f"m{i:02}" for i in range(ALL_PAIRS + 1)]
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
    models = [f"m{i:02}" for i in range(ALL_PAIRS + 1)]
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


def test_perplexities_are_compared_as_logarithms(tmp_path):
    """One model is better in every document: p is small, however far the exponentials differ."""
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

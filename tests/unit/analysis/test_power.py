"""How many documents a difference needs, from the tables of a run."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from builders.score_files import Run, row, settings_of

from snakeval.analysis import power
from snakeval.analysis.stage import PowerSettings
from snakeval.schemas.run import COMPARISONS, POWER, SCORE_TABLE
from snakeval.statistics import sample_size

SETTINGS = PowerSettings(differences=[0.01, 0.1], power=0.8, alpha=0.05)


def tables(run):
    scores, comparisons = run.build()
    return pa.Table.from_pylist(scores, SCORE_TABLE), pa.Table.from_pylist(comparisons, COMPARISONS)


def test_from_the_differences_between_models(tmp_path):
    generator = np.random.default_rng(2)
    run = Run(tmp_path, {"t": settings_of(["token_f1"], "generate_until")})
    a, b = generator.random(100), generator.random(100)
    run.add("a", "t", "token_f1", a.tolist())
    run.add("b", "t", "token_f1", b.tolist())
    table = power.build(*tables(run), SETTINGS)
    assert table.schema.equals(POWER)
    small, large = table.to_pylist()
    variance = (a - b).var(ddof=1)
    assert small["documents"] == sample_size.documents_needed(0.01, variance)
    assert large["documents"] == sample_size.documents_needed(0.1, variance)
    assert (small["n"], small["basis"], small["enough"]) == (100, "1 pairs of models", False)
    assert small["detectable"] == pytest.approx(
        sample_size.detectable_difference(np.sqrt(variance / 100))
    )
    assert (
        power.build(*tables(run), replace(SETTINGS, power=0.9))["documents"][0].as_py()
        > small["documents"]
    )


def test_so_many_documents_do_find_the_difference():
    """By simulation: the share of paired t-tests that find it is the wanted power."""
    from scipy import stats

    generator = np.random.default_rng(3)
    n = sample_size.documents_needed(0.1, 0.25)
    draws = generator.normal(0.1, 0.5, (4000, n))
    assert np.mean(stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05) == pytest.approx(
        0.8, abs=0.03
    )


def test_of_a_single_model_as_between_two_like_it(tmp_path):
    run = Run(tmp_path, {"t": settings_of(["acc"])}, models=["a"])
    run.add("a", "t", "acc", [1.0] * 30 + [0.0] * 70)
    small, _ = power.build(*tables(run), SETTINGS).to_pylist()
    assert small["basis"] == "two independent models of this score"
    assert small["documents"] == sample_size.documents_needed_right_or_wrong(0.01, 2 * 0.3 * 0.7)


def test_right_or_wrong_needs_what_mcnemars_test_needs(tmp_path):
    """The models are discordant on 3 of 100 documents. A difference of 0.1 needs at least 10."""
    run = Run(tmp_path, {"t": settings_of(["acc"])})
    run.add("a", "t", "acc", [1.0] * 51 + [0.0] * 49)
    run.add("b", "t", "acc", [0.0] * 2 + [1.0] * 49 + [0.0] * 48 + [1.0])
    small, large, beyond = power.build(
        *tables(run), replace(SETTINGS, differences=[0.01, 0.1, 2.0])
    ).to_pylist()
    assert beyond["documents"] == 1  # meant for perplexities
    assert small["documents"] == sample_size.documents_needed_right_or_wrong(0.01, 0.03)
    assert large["documents"] == sample_size.documents_needed_right_or_wrong(0.1, 0.1)
    assert large["documents"] > 2 * sample_size.documents_needed(0.1, 0.03)


def test_right_or_wrong_in_clusters_needs_what_their_variance_asks_for(tmp_path):
    """McNemar's test is for independent documents."""
    generator = np.random.default_rng(4)
    run = Run(tmp_path, {"t": settings_of(["acc"])})
    for model in ("a", "b"):
        right = np.repeat(generator.integers(0, 2, 30), 4).astype(float)
        run.add(
            model, "t", "acc", right.tolist(), cluster=[f"passage {i // 4}" for i in range(120)]
        )
    scores, comparisons = tables(run)
    (row_,) = comparisons.to_pylist()
    variance = (row_["detectable"] / sample_size.detectable_difference(1.0)) ** 2 * 120
    assert power.build(scores, comparisons, SETTINGS)["documents"][
        0
    ].as_py() == sample_size.documents_needed(0.01, variance)


def test_what_has_no_spread_is_left_out_and_the_rest_printed(tmp_path):
    run = Run(tmp_path, {"t": settings_of(["acc"]), "u": settings_of(["acc"])}, models=["a"])
    run.add("a", "t", "acc", [1.0] * 5)
    run.add("a", "u", "acc", [1.0, 0.0])
    table = power.build(*tables(run), SETTINGS)
    assert set(table["task"].to_pylist()) == {"u"}
    text = power.summary(table, SETTINGS)
    assert "| u    | acc    |         2 |" in text and "80% power" in text
    assert "No task" in power.summary(POWER.empty_table(), SETTINGS)
    assert row(run.build()[0], task="t")["value"] == 1.0

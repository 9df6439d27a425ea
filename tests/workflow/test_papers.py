"""Published figures regenerated from recorded answers, by the configurations of config/examples."""

import pyarrow.parquet as pq
import pytest

EXPECTED = {  # configuration -> status of each figure, in their order
    "gsm8k": ["regenerated", "other documents"] * 4,
    "bbh": ["regenerated"] * 7 + ["differs"],
    "mt_bench": ["regenerated"] * 2,
    "instruction_tuning": ["regenerated"] * 3 + ["differs"] + ["no score"] * 4,
    "alpaca_eval": ["regenerated", "other documents", "regenerated", "other documents", "no score"],
    "wmt22": ["other documents"] * 8,
    "summeval": ["other documents"] * 6,
    "bbq": ["reached"] * 3 + ["reached", "not reached", "reached"],
    "humaneval": ["other documents"],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_every_figure_has_its_verdict(unstarted, real_data, monkeypatch, name):
    monkeypatch.setenv("SNAKEVAL_DATA", str(real_data))
    done = unstarted.snakemake("--configfile", f"config/examples/{name}.yaml", check=False)
    if name == "humaneval" and "sandbox" in done.stderr and done.returncode:
        pytest.skip("this machine has no sandbox for programs")
    assert done.returncode == 0, done.stderr
    results = unstarted.results / "papers" / name
    figures = pq.read_table(results / "tables/targets.parquet").to_pylist()
    assert [figure["status"] for figure in figures] == EXPECTED[name]
    assert all(figure["reason"] for figure in figures)
    for figure in figures:
        if figure["status"] == "regenerated":
            assert figure["value"] == pytest.approx(
                figure["target"], abs=figure["tolerance"] * (1 + 1e-9)
            )
    assert "Published figures: " in done.stderr
    assert (results / "tables/export/targets.tex").exists()
    assert (results / "report/index.html").exists()
    if name == "bbq":
        check_bbq(real_data, pq.read_table(results / "tables/scores.parquet").to_pylist())


def check_bbq(data, scores):
    """Accuracy and bias score, counted again from the published predictions."""
    import json

    found = {(row["model"], row["task"], row["metric"]): row["value"] for row in scores}
    records = [
        json.loads(line) for line in (data / "bbq/results/UnifiedQA/preds_Religion.jsonl").open()
    ]
    for condition, task in (
        ("ambig", "bbq_ambiguous_religion"),
        ("disambig", "bbq_disambiguated_religion"),
    ):
        own = [record for record in records if record["context_condition"] == condition]
        chosen = [
            [record[f"ans{i}"].lower() for i in range(3)].index(
                record["unifiedqa-t5-11b_pred_race"].lower().rstrip(".")
            )
            for record in own
        ]
        accuracy = sum(
            choice == record["label"] for choice, record in zip(chosen, own, strict=True)
        ) / len(own)
        groups = [
            record["answer_info"][f"ans{choice}"][1]
            for choice, record in zip(chosen, own, strict=True)
        ]
        named = [
            (group, record) for group, record in zip(groups, own, strict=True) if group != "unknown"
        ]
        biased = sum(
            (group in record["additional_metadata"]["stereotyped_groups"])
            == (record["question_polarity"] == "neg")
            for group, record in named
        )
        bias = 2 * biased / len(named) - 1
        assert found["unifiedqa-race", task, "acc"] == pytest.approx(accuracy)
        expected = bias * (1 - accuracy) if condition == "ambig" else bias
        assert found["unifiedqa-race", task, "bias_score"] == pytest.approx(expected)

"""Recorded models next to called ones, the gate, and sample sizes, as a user runs them."""

import json
import shutil
from collections import Counter

import pyarrow.parquet as pq

MODELS = {"tiny": {"source": "demo:tiny", "dtype": "float32"}}
RECORDED = {"source": "recorded:answers/{task}.jsonl", "answers": {"answer": "text", "id": "n"}}


def record(project, right):
    """Answers to the eight documents of arithmetic, of which `right` are right.

    Document 7 has no answer, and one answer belongs to no document.
    """
    requests = pq.read_table(project.results / "requests/arithmetic.parquet").to_pylist()
    answers = [
        request["references"][0] if request["doc_id"] < right else "#### no" for request in requests
    ]
    records = [
        {"n": request["doc_id"], "text": text}
        for request, text in zip(requests, answers, strict=True)
    ]
    folder = project.folder / "answers"
    folder.mkdir(exist_ok=True)
    lines = [json.dumps(line) for line in [*records[:7], {"n": 99, "text": "?"}]]
    (folder / "arithmetic.jsonl").write_text("\n".join(lines))


def table(project, name):
    return pq.read_table(project.results / "tables" / f"{name}.parquet").to_pylist()


def test_a_recorded_model_is_scored_like_any_and_never_called(project):
    before = project.answers()
    record(project, right=5)
    project.configure(models=MODELS | {"published": RECORDED})
    jobs = project.run()
    assert {job for job in jobs if "published" in job} == {
        "models published",
        "recorded published",
        "scores published",
    }
    assert project.answers() == before
    scores = {
        (row["model"], row["task"]): row for row in table(project, "scores") if row["primary"]
    }
    assert (scores["published", "arithmetic"]["n"], scores["published", "arithmetic"]["value"]) == (
        7,
        5 / 7,
    )
    assert ("published", "stories") not in scores
    health = {(row["model"], row["task"]): row for row in table(project, "health")}
    assert (
        health["published", "arithmetic"]["missing"],
        health["published", "arithmetic"]["surplus"],
    ) == (1, 1)
    assert health["published", "stories"]["missing"] == 8
    compared = next(row for row in table(project, "comparisons") if row["task"] == "arithmetic")
    assert (compared["model_a"], compared["model_b"], compared["n"]) == ("published", "tiny", 7)
    assert project.planned() == Counter()

    record(project, right=6)
    assert project.run() == Counter(
        [
            "models published",
            "recorded published",
            "scores published",
            "tables",
            "report",
        ]
    )
    assert {
        row["model"]: row["value"]
        for row in table(project, "scores")
        if row["task"] == "arithmetic"
    }["published"] == 6 / 7


def test_a_task_removed_next_to_a_recorded_model(project):
    record(project, right=5)
    project.configure(models={"published": RECORDED}, tasks=["arithmetic"])
    assert project.run()["recorded published"] == 1
    assert {row["task"]: row["n"] for row in table(project, "scores")} == {"arithmetic": 7}


def test_a_missing_file_is_reported_before_anything_runs(project):
    project.configure(models={"published": RECORDED})
    done = project.snakemake(check=False)
    assert done.returncode != 0
    assert "models.published.source: no file answers/" in done.stderr


def test_the_gate_tells_a_worse_model_from_the_same_one(project):
    record(project, right=7)
    project.configure(models={"published": RECORDED})
    project.snakemake()
    shutil.copytree(project.results, project.folder / "earlier")
    same = project.snakemake("gate", "--config", "baseline=earlier")
    assert "| same    |" in same.stderr and "| published " in same.stderr
    record(project, right=0)
    worse = project.snakemake("gate", "--config", "baseline=earlier", check=False)
    assert worse.returncode != 0
    assert "published, arithmetic: worse: a loss of 1" in worse.stderr
    assert "7 documents worse, 0 better. Worse: 0 (1 → 0), 1 (1 → 0)" in worse.stderr
    assert len(table(project, "flips")) == 7
    unset = project.snakemake("gate", check=False)
    assert unset.returncode != 0
    assert "baseline: not set" in unset.stderr


def test_sample_sizes_are_shown(project):
    done = project.snakemake("power", "--config", "power={differences: [0.1]}")
    assert "| for 0.1 |" in done.stderr
    assert {row["difference"] for row in table(project, "power")} == {0.1}

"""`snakemake bundle`: the folder runs without anything else of this machine, with equal scores."""

import json
import shutil

import pyarrow.parquet as pq
import pytest
import yaml
from builders.project import Project

QUIZ = """task: quiz_{name}
dataset_path: org/quiz
dataset_name: {name}
test_split: "test[:6]"
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_choice: ["yes", "no"]
doc_to_target: label
"""
SUMS = """task: sums
custom_dataset: !function own.sums
test_split: test
doc_to_text: "{{a}} + 2 ="
doc_to_target: "{{a + 2}}"
metric_list:
  - {metric: close, aggregation: mean, tolerance: 2}
"""
OWN = "def sums(**_):\n    return {'test': [{'a': n} for n in range(5)]}\n"
METRICS = """
from snakeval.metrics.metric import Metric


def close(prediction, references, tolerance=1):
    return float(abs(len(prediction) - len(references[0])) <= tolerance)


METRICS = (Metric("close", "generate_until", close),)
"""


@pytest.fixture
def wide(unstarted):
    """A configuration with data outside, a custom_dataset, a generator, and a file of metrics."""
    outside = unstarted.folder.parent / "outside"
    for name in ("art", "law"):
        (outside / name).mkdir(parents=True)
        rows = [json.dumps({"question": f"{name} {n}?", "label": n % 2}) for n in range(6)]
        (outside / name / "test.jsonl").write_text("\n".join(rows))
    own = unstarted.folder / "config" / "tasks" / "own"
    own.mkdir()
    for name in ("art", "law"):
        (own / f"{name}.yaml").write_text(QUIZ.format(name=name))
    (own / "sums.yaml").write_text(SUMS)
    (own / "own.py").write_text(OWN)
    (outside / "metrics.py").write_text(METRICS)
    unstarted.configure(
        tasks=["quiz_art", "quiz_law", "sums", "boolean_expressions"],
        datasets={
            "org/quiz": {
                "source": f"path:{outside}/{{name}}/{{split}}.jsonl",
                "splits": {"test[:6]": "test"},
            }
        },
        allow_functions=True,
        extensions=[str(outside / "metrics.py")],
    )
    return unstarted


def test_a_bundle_runs_elsewhere(wide, tmp_path):
    wide.snakemake("bundle", cores=2)
    wide.snakemake(cores=2)
    elsewhere = Project(tmp_path / "elsewhere")
    shutil.copytree(wide.results / "bundle", elsewhere.folder)
    expected = {
        name: content
        for name, content in wide.tables().items()
        if name.startswith(("responses", "tables"))
    }
    scores = {
        file.name: pq.read_table(file).to_pylist()
        for file in wide.results.glob("scores/tiny/*.parquet")
    }
    shutil.rmtree(wide.folder)
    shutil.rmtree(wide.folder.parent / "outside")
    config = yaml.safe_load((elsewhere.folder / "config" / "config.yaml").read_text())
    assert config["models"]["tiny"]["source"] == "path:models/tiny"
    assert sorted(config["datasets"]) == ["org/quiz/art", "org/quiz/law", "own.sums"]
    elsewhere.snakemake(cores=2)
    found = elsewhere.tables()
    assert {name: found.get(name) for name in expected} == expected
    assert {
        file.name: pq.read_table(file).to_pylist()
        for file in elsewhere.results.glob("scores/tiny/*.parquet")
    } == scores


def test_a_bundle_is_made_again_only_after_a_change(wide):
    assert wide.snakemake("bundle", cores=2).returncode == 0
    done = wide.snakemake("bundle")
    assert "Nothing to be done" in done.stdout + done.stderr
    copied = wide.results / "bundle/models/tiny/model.safetensors"
    before = copied.stat().st_mtime_ns
    wide.configure(limit=4)
    wide.snakemake("bundle")
    assert yaml.safe_load((wide.results / "bundle/config/config.yaml").read_text())["limit"] == 4
    assert copied.stat().st_mtime_ns == before


def test_a_task_named_by_its_file_is_refused(unstarted):
    unstarted.configure(tasks=[{"name": "config/tasks/demo/stories.yaml", "id": "stories"}])
    failed = unstarted.snakemake("bundle", check=False)
    assert failed.returncode != 0
    assert (
        "bundle: tasks: config/tasks/demo/stories.yaml is a file. Put its folder into task_paths"
        in failed.stderr
    )

"""Documents that a task's own Python makes."""

from collections import Counter

import pyarrow.parquet as pq
import pytest

TASK = """task: sums
custom_dataset: !function sums.documents
test_split: test
fewshot_split: shots
num_fewshot: 1
doc_to_text: "{{a}} + {{b}} ="
doc_to_target: "{{a + b}}"
output_type: generate_until
dataset_kwargs: {size: 6}
metadata: {version: 1, largest: 9}
"""
MODULE = """
import datasets


def documents(size, largest, **_):
    rows = [{"a": n % largest, "b": 2} for n in range(size)]
    return {"test": datasets.Dataset.from_list(rows), "shots": [{"a": 1, "b": 1}], "unused": []}
"""


@pytest.fixture
def sums(unstarted):
    """A task over a custom_dataset, and nothing else."""
    folder = unstarted.folder / "config" / "tasks" / "own"
    folder.mkdir()
    (folder / "sums.yaml").write_text(TASK)
    (folder / "sums.py").write_text(MODULE)
    unstarted.configure(tasks=["sums"], allow_functions=True)
    return unstarted


def documents(project):
    return pq.read_table(next((project.results / "datasets").rglob("test.parquet"))).to_pylist()


def test_a_custom_dataset(sums):
    sums.snakemake()
    assert documents(sums) == [{"a": n, "b": 2} for n in range(6)]
    assert (
        len(list((sums.results / "datasets").rglob("*.parquet"))) == 2
    )  # the splits that are used
    assert sums.planned() == Counter()
    module = sums.folder / "config/tasks/own/sums.py"
    module.write_text(module.read_text().replace('"b": 2', '"b": 3'))
    jobs = sums.run()
    assert [job for job in jobs if job.startswith("datasets")]
    assert jobs["requests sums"] == jobs["calls tiny"] == 1
    assert documents(sums)[0] == {"a": 0, "b": 3}


def test_functions_must_be_allowed(sums):
    sums.configure(allow_functions=False)
    failed = sums.snakemake(check=False)
    assert failed.returncode != 0
    message = (
        "sums: custom_dataset: !function sums.documents is Python that comes with the task. "
        "Set `allow_functions: true` to run it."
    )
    assert message in failed.stderr


def test_what_a_function_does_wrong_is_reported_in_a_line(sums):
    module = sums.folder / "config/tasks/own/sums.py"
    module.write_text("def documents(**_):\n    return {'test': []}\n")
    failed = sums.snakemake(check=False)
    message = (
        "config/tasks/own/sums.yaml: custom_dataset: !function sums.documents "
        "returned splits test, not a dict with shots, test"
    )
    assert message in failed.stderr

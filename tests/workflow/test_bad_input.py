"""A user's mistake is reported in one line with file, key and remedy, and loses nothing."""

import json
import os
import re
import shutil
import subprocess

import pytest

TASK = """
task: own
dataset_path: local/own
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
metric_list:
  - {metric: acc}
"""
ROW = {"question": "Is it?", "choices": ["yes", "no"], "answer": 0}


def errors_of(project, *arguments) -> str:
    """The output of a run that must fail."""
    done = project.snakemake(*arguments, check=False)
    text = done.stdout + done.stderr
    assert done.returncode != 0, text
    assert "Traceback" not in text
    return text


@pytest.fixture
def own(unstarted):
    """A project with a task and a data set of the user's own, both right."""
    (unstarted.folder / "tasks").mkdir()
    (unstarted.folder / "tasks/own.yaml").write_text(TASK)
    (unstarted.folder / "own.jsonl").write_text(json.dumps(ROW) + "\n")
    unstarted.configure(
        tasks=["own"], task_paths=["tasks"], datasets={"local/own": "path:own.jsonl"}
    )
    return unstarted


def test_every_mistake_of_the_configuration_at_once(unstarted):
    unstarted.configure(
        modles={},
        models={"a": {"source": "demo:tiny", "dytpe": "float32", "gpus": "two"}},
        limit=-1,
    )
    text = errors_of(unstarted, "--dry-run")
    lines = [line for line in text.splitlines() if line.startswith("config/config.yaml: ")]
    assert len(lines) == 4
    for words in (
        "modles: no such key. Did you mean models?",
        "Did you mean dtype?",
        "gpus: input should be a valid integer",
        "limit: ",
    ):
        assert sum(words in line for line in lines) == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"models": {"a": {"source": "demo:tinny"}}},
            r"config/config\.yaml: models\.a\.source: .*tinny.*Did you mean tiny\?",
        ),
        ({"models": {"a": {"source": "path:absent"}}}, r"models\.a\.source: no file at absent"),
        (
            {"models": {"a": {"source": "hff:org/name"}}},
            r"models\.a\.source: unknown source 'hff:org/name'\. Did you mean hf:org/name\?",
        ),
        (
            {"tasks": ["arithmetics"]},
            r"tasks: arithmetics: no task, group or tag 'arithmetics'\. Did you mean arithmetic\?",
        ),
        ({"task_paths": ["absent"]}, r"task_paths: no folder absent"),
        (
            {"tasks": [{"name": "arithmetic", "overrides": {"doc_to_txt": "x"}}]},
            r"doc_to_txt.*Did you mean doc_to_text\?",
        ),
    ],
)
def test_before_anything_runs(unstarted, changes, expected):
    unstarted.configure(**changes)
    assert re.search(expected, errors_of(unstarted, "--dry-run"))


def test_a_key_that_is_given_twice(unstarted):
    with (unstarted.folder / "config/config.yaml").open("a") as file:
        file.write("limit: 5\n")
    assert re.search(
        r"config/config\.yaml, line \d+: key 'limit' is given twice. Remove one",
        errors_of(unstarted, "--dry-run"),
    )


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("own.jsonl", b"", r"own\.jsonl.*(no documents|empty)"),
        ("own.jsonl", json.dumps(ROW).encode() + b"\n{oops\n", r"own\.jsonl.*(:|line )2"),
        (
            "own.jsonl",
            '{"question": "ä", "choices": ["yes", "no"], "answer": 0}\n'.encode("latin-1"),
            r"own\.jsonl.*UTF-8",
        ),
        (
            "own.jsonl",
            b'{"questoin": "?", "choices": ["yes", "no"], "answer": 0}\n',
            r"tasks/own\.yaml:6: own: document 0: doc_to_text: .*question",
        ),
        (
            "tasks/own.yaml",
            TASK.replace(
                'doc_to_choice: "{{choices}}"', "target_delimiter: ''\ndoc_to_choice: ['yes', '']"
            ).encode(),
            r"tasks/own\.yaml:\d+: own: document 0: doc_to_choice: an empty text",
        ),
        (
            "tasks/own.yaml",
            TASK.replace("question", "frä").encode("latin-1"),
            r"tasks/own\.yaml: not UTF-8",
        ),
        (
            "tasks/own.yaml",
            TASK.encode() + b"task: own\n",
            r"tasks/own\.yaml:\d+: task: given twice",
        ),
    ],
)
def test_data_and_task_files(own, file, content, expected):
    (own.folder / file).write_bytes(content)
    assert re.search(expected, errors_of(own, "results/requests/own.parquet"))


def test_a_damaged_parquet_file(own):
    (own.folder / "own.parquet").write_bytes(b"PAR1 this is none PAR1")
    own.configure(datasets={"local/own": "path:own.parquet"})
    assert re.search(r"error: .*own\.parquet", errors_of(own, "results/requests/own.parquet"))


def test_a_tokenizer_without_bos_and_eos(unstarted):
    folder = unstarted.folder / "bare"
    shutil.copytree(unstarted.folder / "resources/demo/tiny", folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    for name in ("bos_token", "eos_token"):
        settings.pop(name, None)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    tokens = json.loads((folder / "tokenizer.json").read_text())
    tokens["post_processor"] = None
    (folder / "tokenizer.json").write_text(json.dumps(tokens))
    unstarted.configure(models={"bare": {"source": "path:bare"}}, tasks=["stories"])
    text = errors_of(unstarted, "results/index/tokens/bare.parquet")
    assert re.search(r"error: bare.*(BOS|bos).*(EOS|eos)", text)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_no_space_left(own, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", small], check=True)
    try:
        (own.folder / "own.jsonl").write_text(
            "".join(json.dumps(ROW | {"question": f"{i:>3000}{i**99}"}) + "\n" for i in range(200))
        )
        own.configure(results=str(small / "results"))
        text = errors_of(own, str(small / "results/requests/own.parquet"))
        advice = "[Ff]ree some and run again[:,] finished work is kept"
        assert re.search(f"no space left on the device[.;] {advice}", text)
        subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
        own.snakemake(str(small / "results/requests/own.parquet"))
    finally:
        subprocess.run(["umount", "--lazy", small], check=True)

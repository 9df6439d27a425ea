"""Sources of the configuration: schemes, paths and signatures."""

from pathlib import Path

import pytest

from snakeval.errors import UserError
from snakeval.sources import location
from snakeval.sources.scheme import Source
from snakeval.sources.signature import signature


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("demo:small", Source("demo", "small")),
        ("path:models/my model", Source("path", "models/my model")),
        ("path: data/{split}/{name}.csv", Source("path", "data/{split}/{name}.csv")),
        ("hf:cais/mmlu", Source("hf", "cais/mmlu")),
        ("hf:gpt2", Source("hf", "gpt2")),
        ("modelscope:Qwen/Qwen3-0.6B", Source("modelscope", "Qwen/Qwen3-0.6B")),
        ("generator:boolean", Source("generator", "boolean")),
        ("generator:config/tasks/coins.py", Source("generator", "config/tasks/coins.py")),
    ],
)
def test_parse(text, source):
    assert location.parse(text, "models.a.source") == source
    assert location.parse(str(source), "models.a.source") == source


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("hff:org/name", "Did you mean hf:org/name?"),
        ("Path:folder", "Did you mean path:folder?"),
        ("ftp:somewhere", "Write one of"),
        ("gpt2", "hf:gpt2 for the hub or path:gpt2"),
        ("./model", "Write path:./model"),
        ("hf:", "nothing follows hf:. Add the repository."),
        ("hf:https://huggingface.co/org/name", "not a repository"),
        ("hf:../secret", "not a repository"),
        ("hf:a/b/c", "not a repository"),
        ("demo:../../etc", "not a name"),
    ],
)
def test_parse_refuses(text, hint):
    with pytest.raises(UserError) as caught:
        location.parse(text, "models.a.source")
    assert str(caught.value).startswith("models.a.source: ")
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_generator_is_not_a_source_of_models():
    with pytest.raises(UserError, match="unknown source 'generator:boolean'"):
        location.parse("generator:boolean", "models.a.source", "models")


def test_dataset_source():
    assert location.dataset_source("cais/mmlu") == "hf:cais/mmlu"
    assert location.dataset_source("generator:boolean") == "generator:boolean"


def test_local_paths(tmp_path):
    assert (
        location.local_path(Source("demo", "small"), tmp_path, Path("elsewhere"))
        == tmp_path / "resources" / "demo" / "small"
    )
    assert location.local_path(Source("path", "a/b"), tmp_path, Path("/run")) == Path("/run/a/b")
    assert location.local_path(Source("path", "/a/b"), tmp_path, Path("/run")) == Path("/a/b")
    assert location.local_path(Source("path", "~/b"), tmp_path, Path("/run")) == Path.home() / "b"
    with pytest.raises(
        UserError,
        match=r"path:~nobody-of-that-name/b: no such home folder on this machine\. Write the "
        r"full path",
    ):
        location.local_path(Source("path", "~nobody-of-that-name/b"), tmp_path)


def test_task_folder(tmp_path):
    (tmp_path / "root" / "config" / "tasks").mkdir(parents=True)
    (tmp_path / "run").mkdir()
    assert (
        location.task_folder("config/tasks", tmp_path / "root", tmp_path / "run")
        == tmp_path / "root" / "config" / "tasks"
    )
    (tmp_path / "run" / "config" / "tasks").mkdir(parents=True)
    assert (
        location.task_folder("config/tasks", tmp_path / "root", tmp_path / "run")
        == tmp_path / "run" / "config" / "tasks"
    )
    with pytest.raises(UserError, match="task_paths: no folder nowhere"):
        location.task_folder("nowhere", tmp_path, tmp_path)


def test_local_signature(tmp_path, model_folder):
    assert location.local_signature("hf:org/name", tmp_path, "models.a.source", model=True) == {}
    signed = location.local_signature(
        "path:model", tmp_path, "models.a.source", tmp_path, model=True
    )
    assert signed == {"signature": signature(model_folder)}
    with pytest.raises(UserError, match=r"^datasets.x: no file at .*modle.* Did you mean model\?"):
        location.local_signature("path:modle", tmp_path, "datasets.x", tmp_path)
    for of_models in ("recorded:answers.jsonl", "demo:small"):
        with pytest.raises(
            UserError,
            match=rf"^datasets.x: unknown source '{of_models}'\. Write one of generator:…, hf:…, "
            r"path:…, modelscope:…\.$",
        ):
            location.local_signature(of_models, tmp_path, "datasets.x", tmp_path)

import itertools
import json
import os
import time
from pathlib import Path

import pytest

from snakeval.errors import UserError
from snakeval.sources import location
from snakeval.sources.location import Source


@pytest.fixture
def model_folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    header = json.dumps(
        {"weight": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}
    ).encode()
    (folder / "model.safetensors").write_bytes(
        len(header).to_bytes(8, "little") + header + bytes(12)
    )
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    return folder


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
        ("hff:org/name", "did you mean hf:org/name?"),
        ("Path:folder", "did you mean path:folder?"),
        ("ftp:somewhere", "write one of"),
        ("gpt2", "hf:gpt2 for the hub or path:gpt2"),
        ("./model", "write path:./model"),
        ("hf:", "nothing follows hf:"),
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


def test_a_model_cannot_be_generated():
    with pytest.raises(UserError, match="unknown source 'generator:boolean'"):
        location.parse("generator:boolean", "models.a.source", location.MODEL_SCHEMES)


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
        match=r"path:~nobody-of-that-name/b: this machine knows no such home folder; write out the path",
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


def test_ids_read_well():
    assert location.dataset_id("hf:cais/mmlu") == "cais--mmlu"
    assert location.dataset_id("cais/mmlu") == "cais--mmlu"
    assert location.dataset_id("generator:boolean") == "generator+boolean"
    assert location.dataset_id("path:data/mmlu/{split}/{name}.csv").startswith("mmlu@")
    assert location.dataset_id("hf:Rowan/hellaswag").startswith("Rowan--hellaswag@")
    assert location.subset_id("high_school_physics", {}) == "high_school_physics"
    assert location.subset_id(None, {}) == "default"
    assert location.split_id("test") == "test"
    assert location.split_id("train_sft") == "train_sft"


def test_ids_never_collide_and_are_file_names():
    paths = [
        "a/b",
        "a--b",
        "A/b",
        "a/B",
        "a-/-b",
        "path:a/b",
        "path:a--b",
        "modelscope:a/b",
        "generator:a",
        "hf:generator+a",
        "a",
        "a/b/c",
        "ä/b",
    ]
    dataset_ids = [
        location.dataset_id(path, revision, options)
        for path in paths
        for revision in (None, "main")
        for options in (None, {"field": "x"})
    ]
    names = [
        None,
        "default",
        "Default",
        "a b",
        "a-b",
        "a_b",
        "a/b",
        "",
        "../x",
        "." * 3,
        "x" * 300,
        "x" * 301,
        "日本",
    ]
    subset_ids = [
        location.subset_id(name, kwargs)
        for name in names
        for kwargs in ({}, {"data_dir": "x"}, {"data_dir": "y"})
    ]
    split_ids = [
        location.split_id(split)
        for split in ["test", "Test", "train[:10]", "train[:10%]", "../x", "a/b"]
    ]
    for ids in (dataset_ids, subset_ids, split_ids):
        assert len({name.lower() for name in ids}) == len(ids)
        for name in ids:
            assert (
                "/" not in name
                and name not in (".", "..")
                and not name.startswith((".", "-"))
                and len(name.encode()) <= 120
            )


def test_signature_follows_content_alone(model_folder):
    first = location.signature(model_folder)
    os.utime(model_folder / "config.json", (1, 1))
    (model_folder / ".cache").mkdir()
    (model_folder / ".cache" / "lock").write_text("x")
    (model_folder / "README.md").write_text("not read by the model")
    (model_folder / "checkpoint-1").mkdir()
    (model_folder / "checkpoint-1" / "model.safetensors").write_text("x")
    assert location.signature(model_folder) == first
    (model_folder / "config.json").write_text("[]")
    changed = location.signature(model_folder)
    (model_folder / "generation_config.json").write_text("{}")
    assert len({first, changed, location.signature(model_folder)}) == 3


@pytest.mark.parametrize("position", [0.0, 0.13, 0.5, 1.0])
def test_signature_samples_large_files(tmp_path, position):
    content = bytearray(os.urandom(3 << 20))
    file = tmp_path / "weights.safetensors"
    file.write_bytes(content)
    before = location.signature(file)
    assert location.signature(file) == before
    start = int(position * (len(content) - (256 << 10)))
    content[start : start + (256 << 10)] = os.urandom(256 << 10)
    file.write_bytes(content)
    assert location.signature(file) != before


def test_signature_reads_the_header_of_safetensors(tmp_path):
    header = json.dumps({"a" * 200_000: {}, "b" * 200_000: {}}).encode()
    file = tmp_path / "x.safetensors"
    body = bytes(20 << 20)
    file.write_bytes(len(header).to_bytes(8, "little") + header + body)
    before = location.signature(file)
    file.write_bytes(len(header).to_bytes(8, "little") + header.replace(b"b", b"c", 1) + body)
    assert location.signature(file) != before


def test_signature_is_fast(tmp_path):
    for part in range(4):
        with (tmp_path / f"model-{part}-of-4.safetensors").open("wb") as file:
            file.truncate(500 << 20)  # sparse: no space is used
    (tmp_path / "config.json").write_text("{}")
    location.signature(tmp_path)
    durations = []
    for _ in range(5):
        start = time.perf_counter()
        location.signature(tmp_path)
        durations.append(time.perf_counter() - start)
    assert min(durations) < 0.05  # about 0.006 s on a free machine


def test_signature_of_placeholders(tmp_path):
    for split, name in itertools.product(["dev", "test"], ["a", "b"]):
        (tmp_path / split).mkdir(exist_ok=True)
        (tmp_path / split / f"{name}_{split}.csv").write_text("x")
    pattern = tmp_path / "{split}" / "{name}_{split}.csv"
    assert len(location.signed_files(pattern)) == 4
    before = location.signature(pattern)
    (tmp_path / "test" / "notes.txt").write_text("x")
    assert location.signature(pattern) == before
    (tmp_path / "test" / "a_test.csv").write_text("y")
    assert location.signature(pattern) != before


def test_local_signature(tmp_path, model_folder):
    assert location.local_signature("hf:org/name", tmp_path, "models.a.source", model=True) == {}
    signed = location.local_signature(
        "path:model", tmp_path, "models.a.source", tmp_path, model=True
    )
    assert signed == {"signature": location.signature(model_folder)}
    with pytest.raises(UserError, match=r"^datasets.x: no file at .*modle.* did you mean model\?"):
        location.local_signature("path:modle", tmp_path, "datasets.x", tmp_path)
    for of_models in ("recorded:answers.jsonl", "demo:small"):
        with pytest.raises(
            UserError,
            match=rf"^datasets.x: unknown source '{of_models}'; write one of path:…, hf:…, modelscope:…, gen",
        ):
            location.local_signature(of_models, tmp_path, "datasets.x", tmp_path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "no config.json in"),
        (
            lambda folder: (folder / "model.safetensors").unlink(),
            r"no weights \(\*.safetensors\) in",
        ),
        (
            lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
            "can run code when loaded",
        ),
        (lambda folder: folder.rename(folder.with_name("moddel")), r"did you mean moddel\?"),
    ],
)
def test_unusable_model_folders(model_folder, damage, message):
    damage(model_folder)
    with pytest.raises(UserError, match=f"^models.a.source: .*{message}"):
        location.model_folder(
            Source("path", "model"), Path(), "models.a.source", model_folder.parent
        )


def test_a_file_is_no_model_folder(model_folder):
    with pytest.raises(UserError, match="is a file"):
        location.model_folder(
            Source("path", "config.json"), Path(), "models.a.source", model_folder
        )


def test_model_files_takes_one_copy_of_the_weights():
    names = [
        "config.json",
        "model.safetensors",
        "model.fp16.safetensors",
        "consolidated.safetensors",
        "pytorch_model.bin",
        "onnx/model.json",
    ]
    names += [
        "tokenizer.model",
        "chat_template.jinja",
        "README.md",
        ".gitattributes",
        "optimizer.pt",
        "modeling_own.py",
    ]
    wanted = [
        "chat_template.jinja",
        "config.json",
        "model.safetensors",
        "modeling_own.py",
        "tokenizer.model",
    ]
    assert location.model_files(names, "models.a", "hf:a/b") == wanted
    shards = [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    ]
    assert (
        location.model_files([*shards, "consolidated.safetensors"], "models.a", "hf:a/b") == shards
    )
    assert location.model_files(["weights.safetensors"], "models.a", "hf:a/b") == [
        "weights.safetensors"
    ]

"""Which files of a folder make a model."""

from pathlib import Path

import pytest

from snakeval.errors import UserError
from snakeval.sources import location
from snakeval.sources.model_folder import model_files


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
        (lambda folder: folder.rename(folder.with_name("moddel")), r"Did you mean moddel\?"),
    ],
)
def test_unusable_model_folders(model_folder, damage, message):
    damage(model_folder)
    with pytest.raises(UserError, match=f"^models.a.source: .*{message}"):
        location.local_signature(
            "path:model", Path(), "models.a.source", model_folder.parent, model=True
        )


def test_a_file_is_not_a_model_folder(model_folder):
    with pytest.raises(UserError, match=r"is a file\. Give the folder"):
        location.local_signature(
            "path:config.json", Path(), "models.a.source", model_folder, model=True
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
    assert model_files(names, "models.a", "hf:a/b") == wanted
    shards = [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    ]
    assert model_files([*shards, "consolidated.safetensors"], "models.a", "hf:a/b") == shards
    assert model_files(["weights.safetensors"], "models.a", "hf:a/b") == ["weights.safetensors"]

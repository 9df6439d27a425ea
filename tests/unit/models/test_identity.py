"""What makes a model another model, and what does not."""

import pyarrow as pa
import pytest

from snakeval.config.model import Model
from snakeval.models import identity as module
from snakeval.models.identity import identity, tokenizer_identity
from snakeval.schemas.model import MODEL_FILES

FILES = {
    "model.safetensors": "w", "config.json": "c", "generation_config.json": "g",
    "modeling_own.py": "p", "sub/adapter.bin": "a", "tokenizer.json": "t",
    "tokenizer_config.json": "u", "chat_template.jinja": "j", "README.md": "r", "LICENSE": "l",
}  # fmt: skip
MODEL = Model(source="path:a", dtype="float32", family="causal")


@pytest.fixture(autouse=True)
def code(monkeypatch):
    monkeypatch.setattr(module, "code_digest", lambda *_, **__: "engine")


def _files(changes=None, folder="/a", model="m"):
    of = {"model": model, "source": "path:x", "revision": None, "folder": folder, "size": 1}
    digests = {**FILES, **(changes or {})}
    rows = [of | {"file": file, "sha256": sha} for file, sha in digests.items() if sha]
    return pa.Table.from_pylist(rows, MODEL_FILES)


@pytest.mark.parametrize(
    "file",
    [
        "model.safetensors",
        "config.json",
        "generation_config.json",
        "modeling_own.py",
        "sub/adapter.bin",
        "new.dat",
    ],
)
def test_weights_configuration_and_code_count(file):
    assert identity(_files({file: "changed"}), MODEL) != identity(_files(), MODEL)
    assert tokenizer_identity(_files({file: "changed"})) == tokenizer_identity(_files())


@pytest.mark.parametrize(
    "file", ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "vocab.txt"]
)
def test_the_tokenizer_counts_for_generated_text_alone(file):
    assert identity(_files({file: "changed"}), MODEL) == identity(_files(), MODEL)
    assert tokenizer_identity(_files({file: "changed"})) != tokenizer_identity(_files())


@pytest.mark.parametrize("file", ["README.md", "LICENSE", "sub/notes.md"])
def test_documents_do_not_count(file):
    assert identity(_files({file: "changed"}), MODEL) == identity(_files(), MODEL)
    assert tokenizer_identity(_files({file: "changed"})) == tokenizer_identity(_files())


def test_names_folders_and_order_do_not_count():
    other = _files(folder="/b", model="n")
    turned = other.take(list(reversed(range(len(other)))))
    assert identity(turned, MODEL) == identity(_files(), MODEL)


def test_a_removed_or_renamed_file_counts():
    for changes in ({"generation_config.json": None}, {"config.json": None, "config2.json": "c"}):
        assert identity(_files(changes), MODEL) != identity(_files(), MODEL)


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "bfloat16"},
        {"trust_remote_code": True},
        {"kv_cache_dtype": "int8"},
        {"strategy": "padded"},
    ],
)
def test_how_it_is_computed_counts(change):
    assert identity(_files(), MODEL.model_copy(update=change)) != identity(_files(), MODEL)


@pytest.mark.parametrize(
    "change",
    [
        {"gpus": 2},
        {"tokens_per_batch": 7},
        {"source": "path:elsewhere"},
        {"max_length": 3},
        {"static_kv_cache": True},
        {"tensor_parallel": 2},
    ],
)
def test_how_it_is_run_does_not_count(change):
    assert identity(_files(), MODEL.model_copy(update=change)) == identity(_files(), MODEL)


@pytest.mark.parametrize("program", ["torch", "transformers"])
def test_versions_count(monkeypatch, program):
    before = identity(_files(), MODEL)
    version = module.version
    monkeypatch.setattr(
        module, "version", lambda name: "changed" * (name == program) + version(name)
    )
    assert identity(_files(), MODEL) != before


def test_the_engine_counts(monkeypatch):
    before = identity(_files(), MODEL)
    monkeypatch.setattr(module, "code_digest", lambda *_, **__: "changed")
    assert identity(_files(), MODEL) != before

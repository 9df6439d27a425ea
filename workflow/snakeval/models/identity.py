"""Who answered: the part of a request's content address that stands for the model.

What belongs here is whatever can change an answer to given token ids: the files of weights and configuration, how they are computed
(precision, quantisation, foreign code), and the program that computes (engine, torch, transformers). What does not belong: where the
files lie, the model's name, how tokens came about, batch sizes, the device.
"""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa

from snakeval.config.model import Model, keys_of
from snakeval.errors import UserError
from snakeval.files.code_digest import code_digest
from snakeval.sources.location import matches

ENGINE = ("snakeval.backends.local.build",)
# How tables look and what an error says changes no answer.
NOT_ENGINE = (
    *("snakeval.errors", "snakeval.files.parquet"),
    *("snakeval.schemas.columns", "snakeval.schemas.model"),
)

# Everything else in a model's folder counts: an unknown file costs at worst a computation, a forgotten one would give wrong answers.
TOKENIZER_FILES = (
    *("tokenizer*", "vocab*", "merges.txt", "added_tokens.json", "special_tokens_map.json"),
    *("*.model", "*.tiktoken", "chat_template*", "*.jinja"),
)
OTHER_FILES = (
    "*.md",
    "*.txt",
    "*.pdf",
    "*.png",
    "*.jpg",
    "LICENSE*",
    "NOTICE*",
    "CITATION*",
    ".git*",
    "*.lock",
    "*.metadata",
)


def identity(model_files: pa.Table, model: Model) -> str:
    """Sha256 (hex) of what determines a model's answers to token ids.

    `model_files`: MODEL_FILES rows of one model. `model`: its section of the configuration; the keys
    count that decide answers (`snakeval.config.model`).
    """
    described = {
        "files": _digests(model_files, without=TOKENIZER_FILES + OTHER_FILES),
        "settings": {key: getattr(model, key) for key in keys_of("calls", "A")},
        "code": code_digest(ENGINE, without=NOT_ENGINE),
        "versions": {
            name: version(name).partition("+")[0] for name in ("torch", "transformers")
        },  # +cpu, +cu128: the same program
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def content(model_files: pa.Table) -> list[tuple[str, str]]:
    """(path, sha256) of every file of a model, wherever its folder lies: for the fingerprint of what is made from the model."""
    return _digests(model_files)


def tokenizer_identity(model_files: pa.Table) -> str:
    """Sha256 (hex) of a model's tokenizer files.

    They turn generated tokens into text, so they belong to the keys of generated answers, and of no others.
    """
    return hashlib.sha256(
        json.dumps(_digests(model_files, only=TOKENIZER_FILES)).encode()
    ).hexdigest()


def folder(model_files: pa.Table, listed_in: str) -> str:
    """Where the files lie. Raises UserError when that is not on this machine, as with results that were made on another."""
    found = model_files["folder"][0].as_py()
    if not Path(found).is_dir():
        raise UserError(
            f"{found}: not on this machine; delete {listed_in} and run again, known answers are not asked again"
        )
    return found


def _digests(
    model_files: pa.Table, only: tuple[str, ...] = ("*",), without: tuple[str, ...] = ()
) -> list[tuple[str, str]]:
    """(path, sha256) of the files whose names match `only` and not `without`, sorted."""
    pairs = zip(model_files["file"].to_pylist(), model_files["sha256"].to_pylist(), strict=True)
    return sorted(
        (file, sha256)
        for file, sha256 in pairs
        if matches(file, only) and not matches(file, without)
    )

"""The identity of a model: its part of a call's content address.

Everything counts that can change the output to given token ids: the files of weights and
configuration, how they are computed (precision, quantisation, the model's own code), and the
program that computes (engine, torch, transformers). These do not count: where the files are, the
model's name, how tokens were made, batch sizes, the device.
"""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa

from snakeval.config.model import Model, keys_of
from snakeval.errors import UserError
from snakeval.files.code_digest import code_digest
from snakeval.sources.model_folder import matches

ENGINE = ("snakeval.backends.local.build",)
# These change no output: how tables look, what an error says, how a section is declared. The
# values of a model's keys count by themselves.
NOT_ENGINE = (
    *("snakeval.errors", "snakeval.files.parquet", "snakeval.config.model"),
    *("snakeval.schemas.columns", "snakeval.schemas.model"),
)

# Every other file in a model's folder counts. An unknown file that counts may cost a computation.
# If it did not count, outputs could be wrong.
TOKENIZER_FILES = (
    *("tokenizer*", "vocab*", "merges.txt", "added_tokens.json", "special_tokens_map.json"),
    *("*.model", "*.tiktoken", "chat_template*", "*.jinja"),
)
OTHER_FILES = (
    *("*.md", "*.txt", "*.pdf", "*.png", "*.jpg", "LICENSE*", "NOTICE*", "CITATION*"),
    *(".git*", "*.lock", "*.metadata"),
)


def identity(model_files: pa.Table, model: Model) -> str:
    """Sha256 (hex) of everything that determines a model's outputs to token ids.

    `model_files`: MODEL_FILES rows of one model. `model`: its section of the configuration. The
    keys count that decide answers (`snakeval.config.model`).
    """
    # Without +cpu or +cu128, which are the same program.
    versions = {name: version(name).partition("+")[0] for name in ("torch", "transformers")}
    described = {
        "files": _digests(model_files, without=TOKENIZER_FILES + OTHER_FILES),
        "settings": {key: getattr(model, key) for key in keys_of("calls", "A")},
        "code": code_digest(ENGINE, without=NOT_ENGINE),
        "versions": versions,
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def content(model_files: pa.Table) -> list[tuple[str, str]]:
    """(path, sha256) of every file of a model: for fingerprints of what is made from the model."""
    return _digests(model_files)


def tokenizer_identity(model_files: pa.Table) -> str:
    """Sha256 (hex) of a model's tokenizer files.

    They turn generated tokens into text. So they belong to the keys of calls that generate, and of
    no others.
    """
    digests = _digests(model_files, only=TOKENIZER_FILES)
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()


def folder(model_files: pa.Table, listed_in: str) -> str:
    """The folder of a model. Raises UserError when it is not on this machine.

    That is so where results were made on another machine. `listed_in` names the file of
    `model_files`.
    """
    found = model_files["folder"][0].as_py()
    if not Path(found).is_dir():
        raise UserError(
            f"{found}: not on this machine. Delete {listed_in} and run again: "
            "known outputs are not asked for again."
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

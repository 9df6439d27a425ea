"""The sources of the configuration: their schemes, their paths and their signatures.

The Snakefile imports this module. It imports only the standard library and opens no network
connection.
"""

import difflib
from pathlib import Path
from typing import Literal

from snakeval.errors import UserError
from snakeval.sources.scheme import Documents, Models, Places, Scheme, Source
from snakeval.sources.schemes.registry import SCHEMES

ROOT = Path(__file__).resolve().parents[3]  # of the repository, which holds resources/demo

Kind = Literal["models", "documents"]


def parse(text: str, where: str, kind: Kind | None = None) -> Source:
    """The source that `text` names.

    `where` is its key in the configuration, to begin messages with.

    With `kind`, only schemes of models or only schemes of documents are accepted.

        parse("hf:cais/mmlu", "datasets") == Source("hf", "cais/mmlu")

    Raises UserError for an unknown scheme and for a location that cannot be right.
    """
    name, colon, location = (part.strip() for part in text.partition(":"))
    if not colon:
        raise UserError(f"{where}: {text!r} has no scheme. Write {_with_scheme(text)}.")
    known = [scheme.name for scheme in SCHEMES.values() if kind is None or getattr(scheme, kind)]
    if name not in known:
        near = difflib.get_close_matches(name.lower(), known, 1)
        choices = ", ".join(f"{scheme}:…" for scheme in known)
        hint = f"Did you mean {near[0]}:{location}?" if near else f"Write one of {choices}."
        raise UserError(f"{where}: unknown source {text!r}. {hint}")
    scheme = SCHEMES[name]
    if not location:
        raise UserError(f"{where}: nothing follows {name}:. Add the {scheme.expects}.")
    if scheme.check is not None:
        scheme.check(location, where)
    return Source(name, location)


def has_scheme(text: str) -> bool:
    """Whether a text starts with a known scheme and a colon."""
    scheme, colon, _ = text.partition(":")
    return bool(colon) and scheme in SCHEMES


def dataset_source(dataset_path: str) -> str:
    """The source that a task's `dataset_path` names: itself if it has a scheme, else the hub."""
    return dataset_path if has_scheme(dataset_path) else f"hf:{dataset_path}"


def is_generator_file(text: str) -> bool:
    """Whether a source is a generator in a Python file of the user, `generator:FILE.py`."""
    return text.startswith("generator:") and text.endswith(".py")


def local_path(source: Source, root: Path = ROOT, base: Path = Path()) -> Path:
    """The file or folder of a source on this machine.

    `root` is the repository's folder, which holds resources/demo. Relative paths start from `base`,
    by default the working directory. Raises UserError for the home (`~NAME`) of an unknown user,
    and ValueError for a source that is not on this machine.
    """
    path = SCHEMES[source.scheme].path
    if path is None:
        raise ValueError(f"{source} is not on this machine")
    return path(source, Places(root, base))


def task_folder(path: str, root: Path = ROOT, base: Path = Path()) -> Path:
    """The folder of an item of `task_paths`.

    It starts from `base`, else from the repository `root`.
    """
    folder = next((start / path for start in (base, root) if (start / path).is_dir()), None)
    if folder is None:
        raise UserError(
            f"task_paths: no folder {path}. Correct the path or remove it from the list."
        )
    return folder


def local_signature(
    text: str, root: Path, where: str, base: Path = Path(), *, model: bool = False
) -> dict[str, str]:
    """{"signature": …} of a source on this machine, {} of any other, for the settings of its job.

    Raises UserError, beginning with `where`, for an unknown source, for missing files and, with
    `model`, for a folder that holds no usable model.
    """
    source = parse(text, where, "models" if model else "documents")
    scheme: Scheme = SCHEMES[source.scheme]
    access: Models | Documents | None = scheme.models if model else scheme.documents
    if access is None or access.sign is None:
        return {}
    signature = access.sign(source, Places(root, base), where)
    return {} if signature is None else {"signature": signature}


def _with_scheme(text: str) -> str:
    if text.startswith(("/", ".", "~")) or text.count("/") > 1 or Path(text).exists():
        return f"path:{text}"
    return f"hf:{text} for the hub or path:{text} for files of your own"

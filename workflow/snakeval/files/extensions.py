"""Python files of the user that add kinds of their own: metrics, aggregations and filters.

Such a file declares its kinds in tables at its top level, as the modules of the library do:

    METRICS = (Metric("same_start", "generate_until", same_start),)
"""

import hashlib
import importlib.util
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from snakeval.errors import UserError

KINDS = ("METRICS", "AGGREGATIONS", "FILTERS")  # what a file may declare
_PREFIX = "snakeval_extension_"  # of the names of modules


def python_files(paths: Iterable[str], where: str) -> list[Path]:
    """The files that `extensions:` names; of a folder all `.py` files in it, by name.

    A file of a folder whose name starts with `_` is not an extension: others may import it.
    Raises UserError, which starts with `where`, for a path that does not exist and for a folder
    without such files.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        found = sorted(path.glob("[!_]*.py")) if path.is_dir() else [path]
        if not path.exists():
            raise UserError(
                f"{where}: extensions: {path}: no such file or folder. Correct the path."
            )
        if not found:
            raise UserError(
                f"{where}: extensions: {path}: the folder holds no Python file. Add one."
            )
        files += found
    return files


def signed(paths: Iterable[str], where: str) -> list[dict[str, str]]:
    """The files of `python_files`, each as `file` and `digest`: what settings keep.

    Raises UserError also for a file that cannot be read.
    """
    found = []
    for path in python_files(paths, where):
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise UserError(
                f"{where}: extensions: {path}: cannot be read ({error.strerror}). Correct the path."
            ) from None
        found.append({"file": str(path), "digest": digest})
    return found


@cache
def load(file: str, digest: str) -> ModuleType:
    """The module in `file`, run once; `digest` is the sha256 of its content, in hexadecimal.

    Raises UserError when the file is missing, is not a `.py` file, has another content, cannot be
    imported or declares none of KINDS.
    """
    path = Path(file)
    if not path.is_file():
        raise UserError(f"{file}: no such file. Correct the path under `extensions:`.")
    if path.suffix != ".py":
        raise UserError(f"{file}: the name of a Python file ends in .py. Rename the file.")
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise UserError(f"{file}: the file has changed since the run was planned. Start it again.")
    spec = importlib.util.spec_from_file_location(f"{_PREFIX}{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the user's code may fail in any way
        raise UserError(
            f"{file}: the import fails: {type(error).__name__}: {error}. Correct the file."
        ) from error
    if not any(hasattr(module, kind) for kind in KINDS):
        raise UserError(
            f"{file}: the file declares none of {', '.join(KINDS)}. "
            "Add one at its top level, such as METRICS = (Metric(name, kind, function),)."
        )
    return module


def declared(extensions: Iterable[Mapping[str, str]], kind: str) -> list[tuple[str, Any]]:
    """File and value of each declaration of `kind`, such as "METRICS", in the order of the files.

    `extensions`: items of `file` and `digest`. Raises UserError as `load` does.
    """
    modules = ((item["file"], load(item["file"], item["digest"])) for item in extensions)
    return [(file, getattr(module, kind)) for file, module in modules if hasattr(module, kind)]


def is_own(function: Any) -> bool:
    """Whether a function comes from a file of the user."""
    return getattr(function, "__module__", "").startswith(_PREFIX)


def functions_of(file: str, kind: str, table: Any) -> dict[str, Any]:
    """A declared table of functions by name. Raises UserError for anything else."""
    if not isinstance(table, Mapping) or not all(
        isinstance(name, str) and callable(function) for name, function in table.items()
    ):
        raise UserError(
            f"{file}: {kind} is not a mapping of names to functions. "
            f'Write {kind} = {{"name": function}}.'
        )
    return dict(table)

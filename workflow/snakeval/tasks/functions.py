"""From a `!function module.name` to the callable: the one place where Python that belongs to a task is imported.

Nothing is imported while tasks are resolved, so that looking at a task file never runs code; building requests and scoring do.
"""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from snakeval.errors import UserError
from snakeval.tasks import loader


def is_reference(value: Any) -> bool:
    """Whether a value of a task's settings stands for a function."""
    return isinstance(value, dict) and "!function" in value


def load(reference: dict[str, Any]) -> Callable[..., Any]:
    """The callable that `reference` names: from the module beside the task file, else from an importable module.

    Raises UserError when there is no such module or name, when the module cannot be imported, or when its file is no longer the one that
    the settings were made from (`digest`).
    """
    qualified, source = reference["!function"], reference["file"]
    name, _, attribute = qualified.rpartition(".")
    path = loader.module_beside(name, source)
    try:
        module = (
            _module(path, source, reference["digest"])
            if path.is_file()
            else importlib.import_module(name)
        )
    except UserError:
        raise
    except Exception as error:  # a module of a task may fail in any way
        raise UserError(
            f"{source}: !function {qualified}: importing {name} failed: {type(error).__name__}: {error}"
        ) from error
    found = getattr(module, attribute, None)
    if not callable(found):
        raise UserError(
            f"{source}: !function {qualified}: no function {attribute} in {getattr(module, '__file__', name)}"
        )
    return found


def _module(path: Path, source: str, digest: str | None) -> ModuleType:
    """The module in `path`, imported once per content."""
    now = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest is not None and now != digest:
        raise UserError(
            f"{source}: {path.name} has changed since the run was planned; start it again"
        )
    name = _module_name(path)
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__snakeval_digest__", now) == now:
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{source}: {path} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    module.__dict__["__snakeval_digest__"] = now
    sys.modules[name] = module  # before it runs, so that its classes and functions can be pickled
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _module_name(path: Path) -> str:
    """Modules of the lm_eval package keep their own name, so that they share state with modules they import from each other."""
    if loader.package_is_installed() and path.resolve().is_relative_to(
        loader.package_folder().resolve()
    ):
        parts = path.resolve().relative_to(loader.package_folder().resolve()).with_suffix("").parts
        return ".".join(("lm_eval", "tasks", *parts))
    return (
        f"snakeval_task_{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    )

"""From a `!function module.name` to the callable: only this module imports Python of a task.

Resolving tasks imports nothing, so reading a task file never runs code. Building requests and
scoring call the functions.
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
    """Whether a value of a task's settings is a reference to a function."""
    return isinstance(value, dict) and "!function" in value


def load(reference: dict[str, Any]) -> Callable[..., Any]:
    """The callable that `reference` names.

    It is looked for in the module next to the task file, else in an importable module. Raises
    UserError when there is no such module or name, when the module cannot be imported, or when its
    file has changed since the settings were made (`digest`).
    """
    qualified, source = reference["!function"], reference["file"]
    name, _, attribute = qualified.rpartition(".")
    path = loader.module_path(name, source)
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
            f"{source}: !function {qualified}: importing {name} failed: "
            f"{type(error).__name__}: {error}. Correct the module."
        ) from error
    found = getattr(module, attribute, None)
    if not callable(found):
        file = getattr(module, "__file__", name)
        raise UserError(
            f"{source}: !function {qualified}: no function {attribute} in {file}. Correct the name."
        )
    return found


def _module(path: Path, source: str, digest: str | None) -> ModuleType:
    """The module in `path`, imported once per content."""
    now = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest is not None and now != digest:
        raise UserError(
            f"{source}: {path.name} has changed since the run was planned. Start the run again."
        )
    name = _module_name(path)
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__snakeval_digest__", now) == now:
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{source}: {path} is not a Python module. Name one.")
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
    """A name for `sys.modules`.

    Modules of the lm_eval package keep their own name: they import each other and share state.
    """
    path = path.resolve()
    if loader.package_is_installed():
        package = loader.package_folder().resolve()
        if path.is_relative_to(package):
            parts = path.relative_to(package).with_suffix("").parts
            return ".".join(("lm_eval", "tasks", *parts))
    return f"snakeval_task_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"

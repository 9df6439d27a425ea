"""The program's side: a running program controls everything here, so the checker trusts nothing."""

import socket
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from snakeval.sandbox.dialogue import OPERATIONS, Peer


def run(source: str, connection: socket.socket) -> None:
    """Define what `source` defines, then answer the checker until it is gone."""
    namespace: dict[str, Any] = {}
    own: dict[str, Callable[..., Any]] = {
        "define": lambda: _define(source, namespace),
        "names": lambda names: _names(namespace, names),
    }
    Peer(connection, OPERATIONS | own).serve()


def _define(source: str, namespace: dict[str, Any]) -> None:
    exec(compile(source, "program", "exec"), namespace)


def _names(namespace: dict[str, Any], names: list[str]) -> dict[str, tuple]:
    """Of the names, those that the program defines.

    What it imported from the standard library is given by its place there, all else as a value.
    """
    return {
        name: _imported(namespace[name]) or ("value", namespace[name])
        for name in names
        if name in namespace
    }


def _imported(value: Any) -> tuple[str, str, str] | None:
    if isinstance(value, ModuleType):
        return ("import", value.__name__, "") if _is_standard(value.__name__) else None
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not callable(value) or not isinstance(module, str) or not isinstance(name, str):
        return None
    found = getattr(sys.modules.get(module), name, None)
    return ("import", module, name) if found is value and _is_standard(module) else None


def _is_standard(module: str) -> bool:
    """Whether a module is of the standard library."""
    return module.partition(".")[0] in sys.stdlib_module_names

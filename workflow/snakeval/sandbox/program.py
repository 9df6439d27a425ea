"""The side of the program: everything here is in its hands once it runs, and nothing here is believed by the checker."""

import socket
import sys
from types import ModuleType
from typing import Any

from snakeval.sandbox.dialogue import OPERATIONS, Peer


def run(source: str, connection: socket.socket) -> None:
    """Define what `source` defines, then do what the checker asks, until it is gone."""
    namespace: dict[str, Any] = {}
    peer = Peer(
        connection,
        OPERATIONS
        | {
            "define": lambda: _define(source, namespace),
            "names": lambda names: _names(namespace, names),
        },
    )
    peer.serve()


def _define(source: str, namespace: dict[str, Any]) -> None:
    exec(compile(source, "program", "exec"), namespace)


def _names(namespace: dict[str, Any], names: list[str]) -> dict[str, tuple]:
    """Of the names, those the program defines: what was imported from the standard library by where it is found, all else as a value."""
    return {
        name: _imported(namespace[name]) or ("value", namespace[name])
        for name in names
        if name in namespace
    }


def _imported(value: Any) -> tuple[str, str, str] | None:
    if isinstance(value, ModuleType):
        return (
            ("import", value.__name__, "")
            if value.__name__.partition(".")[0] in sys.stdlib_module_names
            else None
        )
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not callable(value) or not isinstance(module, str) or not isinstance(name, str):
        return None
    found = getattr(sys.modules.get(module), name, None)
    return (
        ("import", module, name)
        if found is value and module.partition(".")[0] in sys.stdlib_module_names
        else None
    )

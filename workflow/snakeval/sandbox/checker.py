"""The tests' side. The program runs in another process, and can only patch or end that one.

The tests are Python that uses names of the program (`check(add)`, `assert add(2, 3) == 5`). Such a
name is bound to a `Remote`: a call sends plain arguments and receives plain results. So this
process makes the comparison itself, on Python's own types.
"""

import ast
import builtins
import importlib
import socket
import sys
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from snakeval.sandbox.dialogue import Ended, Peer, Remote

# what the program may do with a value of the tests: more would reach the value's frames and globals
_SERVED: dict[str, Callable[..., Any]] = {
    "call": lambda function, arguments, named: function(*arguments, **named),
    "iter": iter,
    "next": next,
}


def run(tests: str, connection: socket.socket) -> str:
    """Why the tests fail; empty when they pass: all their statements have run to the end."""
    peer = Peer(connection, _SERVED)
    try:
        peer.ask("define")
        tree = ast.parse(tests, "tests")
        namespace = _names(peer, tree)
        exec(compile(tree, "tests", "exec"), namespace)
    except Ended:
        return "ended"
    except BaseException as error:  # tests that end the process (SystemExit) do not pass either
        return f"{type(error).__name__}: {error}"[:500] or "failed"
    return ""


def _names(peer: Peer, tree: ast.Module) -> dict[str, Any]:
    """The program's names that the tests use.

    A name of a built-in function counts only where the tests use nothing else of the program: then
    it is what they test. Otherwise a program could pass `abs(f(x) - y) < 1e-6` by its own `abs`.
    """
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    answer = peer.ask("names", sorted(used))
    found = {name: _value(*answer[name]) for name in sorted(used) if name in answer}
    own = {name: value for name, value in found.items() if not hasattr(builtins, name)}
    return own if any(type(value) is Remote for value in own.values()) else found


def _value(kind: str, *content: Any) -> Any:
    """The value of a program's name; functions of the standard library are this process's own."""
    if kind == "value":
        return content[0]
    module, name = content
    if module.partition(".")[0] not in sys.stdlib_module_names:
        raise ImportError(module)
    found = importlib.import_module(module)
    value = getattr(found, name) if name else found
    if not isinstance(value, ModuleType | type | FunctionType | BuiltinFunctionType):
        raise ImportError(f"{module}.{name}")
    return value

"""What program and checker send to each other: calls, with plain data as arguments and results.

Values are pickled in a form that can hold plain data only: the reader refuses every name of a class
or function in it. Values of the types in `_CONVERTED` cross as their parts. Everything else remains
where it is and crosses as a number: the other side gets a `Remote`, whose operations are requests.
"""

import builtins
import importlib
import io
import operator
import pickle
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Any

_PLAIN = {type(None), bool, int, float, str, bytes, list, tuple, dict, set, frozenset}
_Conversion = tuple[Callable[[Any], tuple], Callable[..., Any] | None]
# to parts; from parts, None where the type itself takes them
_CONVERTED: dict[tuple[str, str], _Conversion] = {
    ("builtins", "complex"): (lambda value: (value.real, value.imag), None),
    ("builtins", "range"): (lambda value: (value.start, value.stop, value.step), None),
    ("builtins", "slice"): (lambda value: (value.start, value.stop, value.step), None),
    ("builtins", "bytearray"): (lambda value: (bytes(value),), None),
    ("collections", "Counter"): (lambda value: (dict(value),), None),
    ("collections", "OrderedDict"): (lambda value: (list(value.items()),), None),
    ("collections", "defaultdict"): (lambda value: (None, dict(value)), None),
    ("collections", "deque"): (lambda value: (list(value), value.maxlen), None),
    ("decimal", "Decimal"): (lambda value: (str(value),), None),
    ("fractions", "Fraction"): (lambda value: (value.numerator, value.denominator), None),
    ("datetime", "date"): (lambda value: (value.year, value.month, value.day), None),
    ("datetime", "timedelta"): (
        lambda value: (value.days, value.seconds, value.microseconds),
        None,
    ),
    ("datetime", "datetime"): (
        lambda value: (value.isoformat(),),
        lambda text: importlib.import_module("datetime").datetime.fromisoformat(text),
    ),
    ("numpy", "ndarray"): (
        lambda value: (value.dtype.str, value.shape, value.tobytes()),
        lambda *parts: _array(*parts),
    ),
}
_ARRAY_KINDS = "biufcSUmM"
_NAMES = ("__name__", "__qualname__", "__doc__", "__enter__", "__exit__")
_CONTAINERS = (list, dict, set, bytearray)
_BASES: tuple[Callable[[Any], Any], ...] = (
    *(bool, int, float, complex, str, bytes, bytearray),
    *(tuple, list, dict, set, frozenset),
)
_LARGEST = 1 << 28  # bytes of a message
# what a side may request of a value of the other side
OPERATIONS: dict[str, Callable[..., Any]] = {
    "call": lambda function, arguments, named: function(*arguments, **named),
    "getattr": getattr, "setattr": setattr, "iter": iter, "next": next,
    "len": len, "bool": bool, "str": str, "repr": repr,
    "getitem": operator.getitem, "setitem": operator.setitem, "delitem": operator.delitem,
    "contains": operator.contains, "same": operator.eq, "plain": lambda value: _plain(value),
}  # fmt: skip


class Ended(BaseException):
    """The other side is gone. Not an Exception: no test may catch it as one of the program."""


class Peer:
    """One side of the dialogue: it performs the operations `allowed` on its own values."""

    def __init__(self, connection: socket.socket, allowed: Mapping[str, Callable[..., Any]]):
        self._connection = connection
        self._allowed = allowed
        self._shared: dict[int, Any] = {}  # our values that the other side knows by number

    def ask(self, operation: str, *arguments: Any) -> Any:
        """The other side's answer; its own questions get answers in the meantime.

        Raises what its operation raised.
        """
        self._send(("ask", operation, arguments))
        while True:
            kind, *content = self._receive()
            if kind == "answer":
                return content[0]
            if kind == "error":
                raise _exception(operation == "next", *content)
            self._answer(*content)

    def serve(self) -> None:
        """Answer questions until the other side is gone."""
        while True:
            try:
                _, *content = self._receive()
            except Ended:
                return
            self._answer(*content)

    def _answer(self, operation: str, arguments: tuple) -> None:
        try:
            if operation not in self._allowed:
                raise AttributeError(f"{operation}: not possible from the other side")
            value = self._allowed[operation](*arguments)
            if operation == "call":
                # the lists and dicts that it may have changed go back with the result
                value = (value, arguments[1])
        except Exception as error:
            # any error is an answer: the other side raises it, as if it had called in one process
            self._send(("error", [kind.__name__ for kind in type(error).__mro__], _text_of(error)))
        else:
            self._send(("answer", value))

    def _send(self, message: tuple) -> None:
        buffer = io.BytesIO()
        _Pickler(buffer, self._shared).dump(message)
        try:
            self._connection.sendall(struct.pack("=Q", buffer.tell()) + buffer.getbuffer())
        except OSError:
            raise Ended from None

    def _receive(self) -> tuple:
        (length,) = struct.unpack("=Q", self._bytes(8))
        if length > _LARGEST:
            raise Ended(f"a message of {length} bytes")
        return _Unpickler(io.BytesIO(self._bytes(length)), self, self._shared).load()

    def _bytes(self, count: int) -> bytes:
        parts = []
        while count:
            try:
                part = self._connection.recv(min(count, 1 << 20))
            except OSError:
                part = b""
            if not part:
                raise Ended("the program ended")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)


class Remote:
    """A value of the other side.

    Comparison and arithmetic with other values take place here, on a plain copy of it if it has
    one.
    """

    def __init__(self, peer: Peer, number: int):
        object.__setattr__(self, "_remote", (peer, number))

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        result, after = _ask(self, "call", arguments, named)
        for before, changed in zip(arguments, after, strict=True):
            if changed is result and type(before) is type(changed):
                result = before
            _update(before, changed)
        return result

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in _NAMES:
            # numpy would read memory where an __array_interface__ points
            raise AttributeError(name)
        return _ask(self, "getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        _ask(self, "setattr", name, value)

    def __iter__(self) -> Any:
        return _ask(self, "iter")

    def __next__(self) -> Any:
        return _ask(self, "next")

    def __len__(self) -> int:
        return _ask(self, "len")

    def __bool__(self) -> bool:
        return bool(_ask(self, "bool"))

    def __str__(self) -> str:
        return str(_ask(self, "str"))

    def __repr__(self) -> str:
        return str(_ask(self, "repr"))

    def __getitem__(self, key: Any) -> Any:
        return _ask(self, "getitem", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _ask(self, "setitem", key, value)

    def __delitem__(self, key: Any) -> None:
        _ask(self, "delitem", key)

    def __contains__(self, value: Any) -> bool:
        return bool(_ask(self, "contains", value))

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Remote):
            return bool(_ask(self, "same", other))
        plain = _ask(self, "plain")
        return not isinstance(plain, Remote) and plain == other


def _ask(remote: Remote, operation: str, *arguments: Any) -> Any:
    peer, _ = object.__getattribute__(remote, "_remote")
    return peer.ask(operation, remote, *arguments)


def _copied(value: Any) -> Any:
    plain = _ask(value, "plain") if isinstance(value, Remote) else value
    if isinstance(plain, Remote):
        raise TypeError("nothing can be computed with an object of a class of the program's own")
    return plain


for _name in ("lt", "le", "gt", "ge", "neg", "abs", "index"):
    _of = getattr(operator, _name)
    setattr(Remote, f"__{_name}__", lambda *values, of=_of: of(*map(_copied, values)))
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and_", "or_", "xor"):
    _of = getattr(operator, _name)
    setattr(
        Remote,
        f"__{_name.strip('_')}__",
        lambda left, right, of=_of: of(_copied(left), _copied(right)),
    )
    setattr(
        Remote,
        f"__r{_name.strip('_')}__",
        lambda right, left, of=_of: of(_copied(left), _copied(right)),
    )
for _kind in (int, float, complex, round):
    setattr(
        Remote,
        f"__{_kind.__name__}__",
        lambda value, *digits, of=_kind: of(_copied(value), *digits),
    )


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, shared: dict[int, Any]):
        super().__init__(file, protocol=4)
        self._shared = shared

    def persistent_id(self, value: Any) -> Any:
        kind = type(value)
        if kind in _PLAIN:
            return None
        if kind is Remote:
            return "yours", object.__getattribute__(value, "_remote")[1]
        name = (kind.__module__, kind.__qualname__)
        array = name == ("numpy", "ndarray")
        if name in _CONVERTED and not (array and value.dtype.kind not in _ARRAY_KINDS):
            return "parts", *name, _CONVERTED[name][0](value)
        numpy = sys.modules.get("numpy")
        if numpy and isinstance(value, numpy.generic) and value.dtype.kind in _ARRAY_KINDS:
            return "parts", "numpy", "ndarray", (value.dtype.str, None, value.tobytes())
        self._shared[id(value)] = value
        return "mine", id(value)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, peer: Peer, shared: dict[int, Any]):
        super().__init__(file)
        self._peer, self._shared = peer, shared

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name}: only plain data may cross")

    def persistent_load(self, pid: tuple) -> Any:
        kind, *content = pid
        if kind == "mine":
            return Remote(self._peer, content[0])
        if kind == "yours":
            return self._shared[content[0]]
        module, name, parts = content
        build = _CONVERTED[module, name][1]
        return build(*parts) if build else getattr(importlib.import_module(module), name)(*parts)


def _array(dtype: str, shape: tuple | None, data: bytes) -> Any:
    import numpy as np

    if np.dtype(dtype).kind not in _ARRAY_KINDS:
        raise pickle.UnpicklingError(f"array of {dtype}")
    flat = np.frombuffer(data, dtype)
    return flat[0] if shape is None else flat.reshape(shape).copy()


def _plain(value: Any) -> Any:
    """The value as one of the plain type it descends from; itself where there is none.

    A view of a dict becomes a set or list.
    """
    for base in _BASES:
        if isinstance(value, base):  # type: ignore[arg-type]
            return base(value)
    views: dict[str, Callable[[Any], Any]] = {"dict_keys": set, "dict_items": set}
    views["dict_values"] = list
    return views.get(type(value).__name__, lambda same: same)(value)


def _update(before: Any, changed: Any) -> None:
    """Give a container the content it has after a call."""
    if type(before) is not type(changed) or type(before) not in _CONTAINERS:
        return
    if isinstance(before, list | bytearray):
        before[:] = changed
    else:
        before.clear()
        before.update(changed)


def _exception(ended: bool, names: list[str], text: str) -> Exception:
    """The nearest of Python's own exceptions.

    StopIteration counts only for an iterator that has `ended`: it would end `all(map(f, …))`.
    """
    if "StopIteration" in names and not ended:
        return RuntimeError("the program raised StopIteration")
    for name in names:
        found = getattr(builtins, str(name), None)
        if isinstance(found, type) and issubclass(found, Exception):
            try:
                return found(str(text))
            except TypeError:  # UnicodeError needs more than a text
                break
    return Exception(str(text))


def _text_of(error: Exception) -> str:
    try:
        return str(error)[:1000]
    except Exception:
        # the program's own __str__ may raise anything; the error then crosses without a text
        return ""

"""What a stage's code means, as one digest: it makes results stale when the library changes.

The digest covers the syntax trees of some modules and of all modules of the library that they
import. Comments, docstrings, formatting and the version of Python do not count; whatever can
change a result does. Other files of a package (templates, styles) count by their bytes. This
imports the standard library only, because the Snakefile calls it at every start.
"""

import ast
import gc
import hashlib
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

LIBRARY = Path(__file__).parents[1]
REMEMBERED = "__pycache__/code_digests.json"
"""Digests of earlier calls, valid while a file's time and size stay, as for Python's bytecode."""
_IGNORED_FIELDS = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


def code_digest(
    modules: Iterable[str], without: Iterable[str] = (), library: Path = LIBRARY
) -> str:
    """Sha256 (hex) of what `modules` say, and the modules of the library that they import.

    `modules` are dotted names such as "snakeval.tokens.encode". A package means its `__init__` and
    what that imports. Imports inside functions count. `without` names modules that cannot change
    the result in question: they are left out, with what only they import. A name may also be a
    script next to the library, such as "scripts/calls.py": its own words count, but not its
    imports, which mostly start, read and write. Raises ValueError for a missing module and
    SyntaxError for a file that is not Python.

    >>> code_digest(["snakeval.tokens.encode"], without=["snakeval.errors"])  # doctest: +SKIP
    """
    left_out = set(without)
    waiting = list(dict.fromkeys(modules))
    for name in [*waiting, *left_out]:
        if _file(library, name) is None:
            raise ValueError(f"{name}: no such module in {library}, or script next to it")
    found: dict[str, str] = {}
    remembered, parsed = _remembered(library), False
    while waiting:
        name = waiting.pop()
        file = _file(library, name)
        if file is None or name in found or name in left_out:
            continue
        status = file.stat()
        stamp = f"{file.name} {status.st_mtime_ns} {status.st_size}"
        if remembered.get(name, [None])[0] != stamp:
            remembered[name], parsed = [stamp, *_module(library, name, file)], True
        _, found[name], imported = remembered[name]
        if not name.endswith(".py"):  # of a script only its own words count
            waiting += imported
            waiting += _neighbours(library, file) if _lists_its_folder(library, imported) else ()
        if file.name == "__init__.py" and file.parent != library:
            found |= _other_files(file.parent, name)
    if parsed:
        _remember(library, remembered)
    return hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()


@cache
def _remembered(library: Path) -> dict[str, Any]:
    """Module -> name, time and size of its file, and the digest and imports that it had then."""
    try:
        kept = json.loads((library / REMEMBERED).read_text(encoding="utf-8"))
        return kept["modules"] if kept["by"] == _this_file() else {}
    except (OSError, ValueError, KeyError, TypeError):  # none, or not whole
        return {}


def _remember(library: Path, modules: dict[str, Any]) -> None:
    """For later processes, where the folder may be written to."""
    file = library / REMEMBERED
    temporary = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(exist_ok=True)
        temporary.write_text(json.dumps({"by": _this_file(), "modules": modules}), encoding="utf-8")
        temporary.replace(file)
    except OSError:
        with suppress(OSError):
            temporary.unlink()


def _this_file() -> str:
    """Digest of the code that digests: another way to spell remembers nothing of this one."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def _file(library: Path, name: str) -> Path | None:
    """The source of a module by its dotted name, or of a script by its path; None if neither."""
    if name.endswith(".py"):
        return file if (file := library.parent / name).is_file() else None
    top, *parts = name.split(".")
    if top != library.name:
        return None
    folder = library.joinpath(*parts)
    return next(
        (file for file in (folder / "__init__.py", folder.with_suffix(".py")) if file.is_file()),
        None,
    )


def _lists_its_folder(library: Path, imported: Iterable[str]) -> bool:
    return f"{library.name}.files.neighbours" in imported


def _neighbours(library: Path, file: Path) -> Iterable[str]:
    """Dotted names of the modules in a file's folder and below: what `neighbours` may import."""
    for other in sorted(file.parent.rglob("*.py")):
        parts = other.relative_to(library.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _other_files(folder: Path, package: str) -> dict[str, str]:
    """Digests of the files of a package that are not Python, by path."""
    files = (
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix not in (".py", ".pyc")
    )
    return {
        f"{package}/{file.relative_to(folder).as_posix()}": hashlib.sha256(
            file.read_bytes()
        ).hexdigest()
        for file in files
    }


def _module(library: Path, name: str, file: Path) -> tuple[str, tuple[str, ...]]:
    """Digest of a module's syntax and the modules it imports."""
    words: list[str] = []
    imports: list[ast.Import | ast.ImportFrom] = []
    collects = gc.isenabled()
    gc.disable()  # a tree has no cycles, and looking for them takes as long as parsing
    try:
        _spell(ast.parse(file.read_bytes(), filename=str(file)), words, imports)
    finally:
        if collects:
            gc.enable()
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    imported = tuple(dict.fromkeys(_imported(imports, package, library.name)))
    return hashlib.sha256("\0".join(words).encode()).hexdigest(), imported


def _imported(imports: list[ast.Import | ast.ImportFrom], package: str, top: str) -> Iterable[str]:
    """Dotted names that may be modules of the library, with their parents, which run too."""
    for node in imports:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            parts = package.split(".")
            start = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for dotted in names:
            parts = dotted.split(".")
            if parts[0] == top:
                yield from (".".join(parts[:depth]) for depth in range(2, len(parts) + 1))


def _spell(node: ast.AST, words: list[str], imports: list[ast.Import | ast.ImportFrom]) -> None:
    """Append an unambiguous spelling of a tree to `words`, and its imports to `imports`.

    Node types and fields count; absent fields, positions and docstrings do not.

    `ast.dump` would not do: newer Pythons have fields that older ones lack.
    """
    words.append(type(node).__name__)
    if isinstance(node, ast.Constant):
        words.append(f"{type(node.value).__name__} {node.value!a}")
        return
    if isinstance(node, ast.Import | ast.ImportFrom):
        imports.append(node)
    for field in node._fields:
        value = getattr(node, field, None)
        if value is None or field in _IGNORED_FIELDS:
            continue
        if isinstance(value, list):
            if field == "body":
                value = [item for item in value if not _is_bare_string(item)]
            elif isinstance(node, ast.JoinedStr):
                value = _joined(value)
            if value:
                words.append(f"{field} [")
                for item in value:
                    _spell_value(item, words, imports)
                words.append("]")
        else:
            words.append(field)
            _spell_value(value, words, imports)


def _spell_value(
    value: object, words: list[str], imports: list[ast.Import | ast.ImportFrom]
) -> None:
    if isinstance(value, ast.AST):
        _spell(value, words, imports)
    else:
        words.append(ascii(value))


def _is_bare_string(node: object) -> bool:
    """A docstring, or a string that stands alone and does nothing."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _joined(parts: list) -> list:
    """The parts of an f-string with neighbouring literals joined: Pythons cut them differently."""
    joined: list = []
    for part in parts:
        if joined and isinstance(part, ast.Constant) and isinstance(joined[-1], ast.Constant):
            joined[-1] = ast.Constant(str(joined[-1].value) + str(part.value))
        else:
            joined.append(part)
    return joined

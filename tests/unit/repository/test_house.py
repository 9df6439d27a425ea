"""The rules of the house: the order of the rooms, and how long things may be."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import snakeval

LIBRARY = Path(__file__).parents[3] / "workflow/snakeval"
FILE_LINES, FUNCTION_LINES = 400, 50


@cache
def order() -> list[str]:
    """The rooms from the first to the last, as the library's docstring lists them."""
    return re.findall(r"^(\w+)  +\S", snakeval.__doc__ or "", re.M)


@cache
def modules() -> dict[str, Path]:
    """Every module of the library by its dotted name below `snakeval`."""
    found = {}
    for file in sorted(LIBRARY.rglob("*.py")):
        parts = file.relative_to(LIBRARY).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports(file: Path) -> set[str]:
    """Modules of the library that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("snakeval"):
            base = node.module.removeprefix("snakeval").lstrip(".")
            names = [f"{base}.{alias.name}".lstrip(".") for alias in node.names]
            found |= {name if name in modules() else base for name in names}
    return found


def room(name: str) -> str:
    return name.partition(".")[0]


def test_every_room_has_its_place():
    rooms = {file.name for file in LIBRARY.iterdir() if (file / "__init__.py").exists()}
    assert {*order()} == {*rooms, "errors"}


@pytest.mark.parametrize("name", sorted(modules()))
def test_a_room_imports_only_from_rooms_above_it(name):
    if not name:
        return
    place = order().index(room(name))
    wrong = [other for other in imports(modules()[name]) if order().index(room(other)) > place]
    assert wrong == []


def test_no_module_imports_itself_in_a_circle():
    edges = {name: imports(file) & modules().keys() - {name} for name, file in modules().items()}
    done, path = set(), []

    def walk(name):
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            path.append(name)
            for other in sorted(edges[name]):
                walk(other)
            done.add(path.pop())

    for name in edges:
        walk(name)


@pytest.mark.parametrize("name", sorted(modules()))
def test_files_and_functions_are_short(name):
    text = modules()[name].read_text(encoding="utf-8")
    assert len(text.splitlines()) <= FILE_LINES
    long = [
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno + 1 > FUNCTION_LINES
    ]
    assert long == []


@pytest.mark.parametrize("file", sorted(LIBRARY.rglob("__init__.py")), ids=str)
def test_a_folder_says_what_is_in_it_and_holds_no_code(file):
    body = ast.parse(file.read_text(encoding="utf-8")).body
    assert ast.get_docstring(ast.Module(body, []))
    assert len(body) == 1 or file.parent == LIBRARY  # which holds the version


@pytest.mark.parametrize("file", sorted((LIBRARY.parent / "scripts").glob("*.py")), ids=str)
def test_scripts_are_short(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 40


def test_no_test_imports_another_test():
    tests = LIBRARY.parents[1] / "tests"
    wrong = [
        str(file)
        for file in tests.rglob("*.py")
        if re.search(r"^ *(from|import) test_", file.read_text(encoding="utf-8"), re.M)
    ]
    assert wrong == []

"""Markdown of tables, and what docstrings say."""

import ast
import inspect
import textwrap
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "workflow" / "snakeval"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; `|` in a cell is escaped, white space becomes single spaces."""
    names = list(head)
    lines = [names, ["---"] * len(names), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|") or "–"


def value(thing: object) -> str:
    """A value as a YAML file has it: null, true, text without quotes."""
    names = {None: "null", True: "true", False: "false"}
    return names[thing] if thing is None or isinstance(thing, bool) else str(thing)


def first_paragraph(thing: object) -> str:
    """The first paragraph of a docstring on one line, or an empty text."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def field_docs(section: type) -> dict[str, str]:
    """The docstrings below the fields of a class."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(section))).body
    return {
        field.target.id: inspect.cleandoc(below.value.value)
        for field, below in pairwise(tree.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
    }


def dotted(path: Path) -> str:
    """The name by which a module of the library is imported."""
    return ".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts)

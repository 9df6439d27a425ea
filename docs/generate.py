"""Tables of the documents that are written from the code.

A page asks for a table with a line `<!-- generated: NAME -->`; `docs/hooks.py` puts it there when
the site is built, so no page can disagree with the code. NAME is a key of GENERATED.

    python docs/generate.py messages     # print one of them
    python docs/generate.py --write      # put the keys into config/README.md, which has a copy
"""

import ast
import importlib
import inspect
import re
import sys
import textwrap
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))
LIBRARY = ROOT / "workflow" / "snakeval"
COPY = ROOT / "config" / "README.md"
BEGIN, END = "<!-- written by docs/generate.py --write -->", "<!-- end -->"
KINDS = {  # output types of requests, in the order in which the pages explain them
    "multiple_choice": "Multiple choice",
    "loglikelihood": "Log-likelihood of a target",
    "loglikelihood_rolling": "Log-likelihood of a whole text",
    "generate_until": "Generated answers",
}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; `|` in a cell is escaped, white space becomes single spaces."""
    names = list(head)
    lines = [names, ["---"] * len(names), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|") or "–"


def first_paragraph(thing: object) -> str:
    """The first paragraph of a docstring on one line, or an empty text."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


# Configuration


def configuration(letters: bool = True) -> str:
    """A table of keys for every section, from the sections' types, defaults and docstrings.

    `letters`: add the columns that say the type and what a change of the key decides.
    """
    from snakeval.config.run import Config

    parts = []
    for place, section in sections(Config, ""):
        rows = [_key(name, field, letters=letters) for name, field in section.model_fields.items()]
        head = ["key", *(["type"] if letters else []), "default", "meaning"]
        if letters and any(_letter(field) for field in section.model_fields.values()):
            head.insert(1, "decides")
        else:
            rows = [[row[0], *row[2:]] for row in rows]
        title = f"`{place}`" if place else "The run"
        parts.append(f"## {title}\n\n{first_paragraph(section)}\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def sections(section: type[BaseModel], place: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """The section and those inside it, each with the place of its keys in a file."""
    yield place, section
    for name, field in section.model_fields.items():
        inner = ".".join(filter(None, [place, name]))
        for suffix, found in _sections_in(field.annotation):
            yield from sections(found, inner + suffix)


def _sections_in(annotation: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield "", annotation
        return
    step = {dict: ".NAME", list: "[]"}.get(get_origin(annotation) or object, "")
    for argument in get_args(annotation):
        for suffix, found in _sections_in(argument):
            yield step + suffix, found


def _key(name: str, field: FieldInfo, *, letters: bool) -> list[str]:
    default = "required" if field.is_required() else _default(field.default)
    kind = [f"{type_of(field.annotation)}"] if letters else []
    return [f"`{name}`", _letter(field), *kind, default, field.description or ""]


def _letter(field: FieldInfo) -> str:
    found = [item.letter for item in field.metadata if hasattr(item, "letter")]
    return str(found[0]) if found else ""


def _default(value: object) -> str:
    if isinstance(value, BaseModel):
        return "see below"
    return (
        f"`{'null' if value is None else str(value).lower() if value in (True, False) else value}`"
    )


def type_of(annotation: Any) -> str:
    """A type in the words of a YAML file: text, whole number, list of texts, …"""
    if annotation is type(None):
        return "null"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is typing.Annotated:
        return type_of(arguments[0])
    if origin is Literal:
        return ", ".join(
            f"`{str(value).lower() if value is False else value}`" for value in arguments
        )
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(type_of(argument) for argument in arguments))
    if origin is list:
        return f"list of {_several(type_of(arguments[0]))}"
    if origin is dict:
        return f"mapping of names to {_several(type_of(arguments[1]))}"
    words = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`"}
    return words.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _several(kind: str) -> str:
    return f"{kind}s" if kind in ("text", "number", "whole number", "section") else kind


# Tables, metrics, tasks


def tables() -> str:
    """Every table that the workflow writes, with the type and meaning of its columns."""
    import pyarrow as pa

    parts = []
    for module in sorted(_modules(LIBRARY / "schemas"), key=_scope):
        found = [
            (name, value) for name, value in vars(module).items() if isinstance(value, pa.Schema)
        ]
        if found:
            parts.append(f"## {first_paragraph(module).rstrip('.')}")
        for name, schema in found:
            rows = [[f"`{field.name}`", str(field.type), _meaning(field)] for field in schema]
            parts.append(f"### `{name}`\n\n{table(['column', 'type', 'meaning'], rows)}")
    return "\n\n".join(parts)


def _scope(module: types.ModuleType) -> int:
    """Tables of a task come before those of a model and of the run, as in the pipeline."""
    order, name = ("task", "model", "run"), module.__name__.rpartition(".")[2]
    return order.index(name) if name in order else len(order)


def _meaning(field: Any) -> str:
    return (field.metadata or {}).get(b"meaning", b"").decode()


def metrics() -> str:
    """Every metric of the library by kind of request: options, aggregation, direction, meaning."""
    from snakeval.metrics.registry import METRICS

    parts = []
    for kind, title in KINDS.items():
        rows = [
            [
                f"`{metric.name}`",
                f"`{metric.aggregation}`",
                "higher" if metric.higher_is_better else "lower",
                options_of(metric.function),
                first_paragraph(metric.function),
            ]
            for metric in METRICS.values()
            if metric.kind == kind
        ]
        head = ["metric", "aggregation", "better", "options", "value of a document"]
        parts.append(f"### {title}: `{kind}`\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def aggregations() -> str:
    """Every aggregation of the library."""
    from snakeval.metrics.registry import AGGREGATIONS

    return _functions("aggregation", AGGREGATIONS)


def filters() -> str:
    """Every filter of the library."""
    from snakeval.scoring.filters import FILTERS

    return _functions("filter", FILTERS)


def _functions(kind: str, functions: typing.Mapping[str, Callable[..., Any]]) -> str:
    rows = [
        [f"`{name}`", options_of(function), first_paragraph(function)]
        for name, function in functions.items()
    ]
    return table([kind, "options", "meaning"], rows)


def options_of(function: Callable[..., Any]) -> str:
    """The named options of a function with their defaults, without what the library passes."""
    passed = ("run", "document", "documents", "answers", "references", "prediction")
    return ", ".join(
        f"`{name}`" if option.default is option.empty else f"`{name}`: `{option.default!r}`"
        for name, option in inspect.signature(function).parameters.items()
        if name not in passed
        and option.kind not in (option.VAR_KEYWORD, option.VAR_POSITIONAL)
        and (option.kind is option.KEYWORD_ONLY or option.default is not option.empty)
    )


def ready_tasks() -> str:
    """The task files of `config/tasks`: protocol, source, version."""
    parts = []
    for title, folder, pattern in [
        ("Published benchmarks", "config/tasks", "*.yaml"),
        ("Families of tasks", "config/tasks", "bbh/*.yaml"),
        ("The demo", "config/tasks/demo", "*.yaml"),
    ]:
        rows = []
        for path in sorted((ROOT / folder).glob(pattern)):
            keys = yaml.load(path.read_text(encoding="utf-8"), _Keys)
            metadata = keys.get("metadata") or {}
            name = keys.get("task") if isinstance(keys.get("task"), str) else keys.get("group")
            if path.name.startswith("_") or not name:
                continue
            about = metadata.get("protocol") or keys.get("output_type") or "a group"
            version = str(metadata.get("version", ""))
            rows.append([f"`{name}`", about, metadata.get("source", ""), version])
        parts.append(f"## {title}\n\n{table(['task', 'protocol', 'source', 'version'], rows)}")
    return "\n\n".join(parts)


class _Keys(yaml.SafeLoader):
    """A task file's keys; a `!function` is its name."""


_Keys.add_multi_constructor("!", lambda loader, suffix, node: loader.construct_scalar(node))


# Rules and stages, messages


def rules() -> str:
    """Every rule: what it does, and the file that declares it."""
    rows = []
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        text = path.read_text(encoding="utf-8")
        for name, about in re.findall(r'^ *rule (\w+):\n\s+"""(.*?)"""', text, re.M | re.S):
            rows.append([f"`{name}`", about, f"`rules/{path.name}`"])
    return table(["rule", "what it does", "declared in"], rows)


def stages() -> str:
    """Every stage's settings, on which the results of its jobs depend, and its packages."""
    parts = []
    for path in sorted(LIBRARY.rglob("stage.py")):
        for stage in getattr(importlib.import_module(_dotted(path)), "STAGES", ()):
            types_of, meanings = typing.get_type_hints(stage.settings), field_docs(stage.settings)
            rows = [
                [f"`{field.name}`", type_of(types_of[field.name]), meanings.get(field.name, "")]
                for field in fields(stage.settings)
            ]
            head = ["setting", "type", "meaning"]
            if not any(meanings.values()):
                head, rows = head[:2], [row[:2] for row in rows]
            lists = {"Packages whose versions count": stage.packages, "Reads": stage.reads}
            text = "".join(
                f"\n\n{title}: {', '.join(f'`{name}`' for name in names)}."
                for title, names in lists.items()
                if names
            )
            about = first_paragraph(stage.settings)
            about = "" if about.startswith(f"{stage.settings.__name__}(") else f"{about}\n\n"
            parts.append(f"### `{stage.name}`\n\n{about}{table(head, rows)}{text}")
    return "\n\n".join(parts)


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


def messages() -> str:
    """The text of every error that the library raises for its users, by folder and module."""
    parts, folder = [], None
    for path in sorted(LIBRARY.rglob("*.py")):
        found = sorted(set(_texts(path)))
        if not found:
            continue
        own = path.relative_to(LIBRARY).parts
        if own[0] != folder:
            folder = own[0]
            parts.append(f"## {folder}")
        lines = "\n".join(f"- {_code(text)}" for text in found)
        parts.append(f"`{'/'.join(own)}`:\n\n{lines}")
    return "\n\n".join(parts)


def _texts(path: Path) -> Iterator[str]:
    """Texts of the errors that a file raises: UserError, and ValueError where the configuration is."""
    errors = {"UserError", "ValueError"} if path.parent.name == "config" else {"UserError"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in errors
            and node.args
        ):
            text = _template(node.args[0])
            if re.search(r"\w{2,} \w{2,}", text):  # not a message made elsewhere
                yield text


def _template(node: ast.expr) -> str:
    """A message as it is written; what is filled in stands as its name in braces."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_template(value) for value in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _template(node.left) + _template(node.right)
    if isinstance(node, ast.FormattedValue):
        node = node.value
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "…")
    return f"{{{name}}}" if name != "…" else "…"


def _code(text: str) -> str:
    text = " ".join(text.split())
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts)


def _modules(folder: Path) -> Iterator[types.ModuleType]:
    for path in sorted(folder.glob("[!_]*.py")):
        yield importlib.import_module(_dotted(path))


GENERATED: dict[str, Callable[[], str]] = {
    "configuration": configuration,
    "tables": tables,
    "metrics": metrics,
    "aggregations": aggregations,
    "filters": filters,
    "ready-tasks": ready_tasks,
    "rules": rules,
    "stages": stages,
    "messages": messages,
}


def copy() -> str:
    """config/README.md with the tables of keys as the code has them."""
    before, _, rest = COPY.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{configuration(letters=False)}\n\n{END}{after}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        COPY.write_text(copy(), encoding="utf-8")
    elif len(sys.argv) == 2 and sys.argv[1] in GENERATED:
        print(GENERATED[sys.argv[1]]())
    else:
        sys.exit(f"give --write, or one of {', '.join(GENERATED)}")

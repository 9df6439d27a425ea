"""Lists of what the library has: tables, metrics, tasks, rules, stages, messages."""

import ast
import importlib
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import fields
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml
from generate_keys import type_of
from generate_text import LIBRARY, ROOT, dotted, field_docs, first_paragraph, table, value

KINDS = {  # output types of requests, in the order in which the pages explain them
    "multiple_choice": "Multiple choice",
    "loglikelihood": "Log-likelihood of a target",
    "loglikelihood_rolling": "Log-likelihood of a whole text",
    "generate_until": "Generated answers",
}


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
    from snakeval.metrics import registry

    head = ["metric", "aggregation", "better", "options", "value of a document"]
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
            for metric in registry.METRICS.values()
            if metric.kind == kind
        ]
        rows += [
            [f"`{family.name}`", "", "", f"`of`: `{family.of}`" if family.of else "", about]
            for family in getattr(registry, "FAMILIES", ())
            if family.kind == kind
            for about in [first_paragraph(family.build)]
        ]
        parts.append(f"### {title}: `{kind}`\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def aggregations() -> str:
    """Every aggregation of the library."""
    from snakeval.metrics.registry import AGGREGATIONS

    return _functions("aggregation", AGGREGATIONS)


def filters() -> str:
    """Every filter of the library: what its modules declare as FILTERS."""
    found: dict[str, Callable[..., Any]] = {}
    for path in sorted((LIBRARY / "scoring").rglob("*.py")):
        found |= getattr(importlib.import_module(dotted(path)), "FILTERS", {})
    return _functions("filter", found)


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
        f"`{name}`" if option.default is option.empty else f"`{name}`: `{value(option.default)}`"
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


def rooms() -> str:
    """Every folder of the library, in the order in which they may import each other."""
    import snakeval

    found = re.findall(r"^(\w+)  +(\S.*)$", snakeval.__doc__ or "", re.MULTILINE)
    return table(["folder", "what is in it"], [[f"`{name}`", about] for name, about in found])


def rules() -> str:
    """Every rule: what it does, and the file that declares it."""
    rows, workflow = [], ROOT / "workflow"
    order = re.findall(r'include: "(rules/.+)"', (workflow / "Snakefile").read_text("utf-8"))
    for path in (workflow / name for name in order):
        text = path.read_text(encoding="utf-8")
        for name, about in re.findall(r'^ *rule (\w+):\n\s+"""(.*?)"""', text, re.M | re.S):
            rows.append([f"`{name}`", about, f"`rules/{path.name}`"])
    return table(["rule", "what it does", "declared in"], rows)


def stages() -> str:
    """Every stage's settings, on which the results of its jobs depend, and its packages."""
    from snakeval.planning.plan import stages as declared

    by_name = {stage.name: stage for stage in declared()}
    reads = {name: [r for r in stage.reads if r in by_name] for name, stage in by_name.items()}
    order = TopologicalSorter(reads).static_order()
    linked = {name for name, read in reads.items() if read}.union(*reads.values())
    ordered = sorted(order, key=lambda name: name not in linked)  # others last
    return "\n\n".join(_stage(by_name[name]) for name in ordered)


def _stage(stage: Any) -> str:
    types_of, meanings = typing.get_type_hints(stage.settings), field_docs(stage.settings)
    rows = [
        [f"`{field.name}`", type_of(types_of[field.name]), meanings.get(field.name, "")]
        for field in fields(stage.settings)
    ]
    lists = {"Reads": stage.reads, "Packages whose versions count": stage.packages}
    lines = [
        f"{title}: {', '.join(f'`{name}`' for name in names)}."
        for title, names in lists.items()
        if names
    ]
    settings = table(["setting", "type", "meaning"], rows)
    about = first_paragraph(stage.settings)
    return "\n\n".join([f"### `{stage.name}`", about, settings, *lines])


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
    """Texts of the errors that a file raises; of the configuration's, ValueErrors too."""
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


def _modules(folder: Path) -> Iterator[types.ModuleType]:
    for path in sorted(folder.glob("[!_]*.py")):
        yield importlib.import_module(dotted(path))

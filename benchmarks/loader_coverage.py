"""How many task files of the installed lm_eval package load, and how many build a prompt.

    python benchmarks/loader_coverage.py [--compare] [--all-reasons]

Every task, group and tag of the package is resolved by name. Then the prompt of a task is rendered
from a made-up document, unless a `!function` shapes it: the columns that its templates name are
filled with text, numbers or lists until one combination renders. `--compare` also builds the index
of the real package, which takes minutes, and compares its names with ours.
"""

import argparse
import re
import sys
import time
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
from jinja2 import Environment, meta
from jinja2.nodes import Getattr, Getitem, Name, Template

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from snakeval.errors import UserError
from snakeval.requests.build import build_requests
from snakeval.tasks import index, loader, resolution
from snakeval.tasks.request_settings import RequestSettings

TEXTS = ["text", "1", "A", "[1, 0]"]
LISTS = [
    ["one", "two", "three", "four", "five"],
    {"text": ["a", "b", "c", "d"], "label": [1, 0, 0, 0]},
    [1, 0],
]
NUMBERS = [1, 0]
VALUES: list[Any] = [*TEXTS, *LISTS, *NUMBERS]
# What a field most likely holds that is the name of a column.
FIRST = {"doc_to_text": TEXTS, "doc_to_choice": LISTS, "doc_to_target": NUMBERS}
DOCUMENTS = 400  # tried for each task


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    compare = "compare the names with the package's own index"
    reasons = "print a line for each file that does not load or render"
    parser.add_argument("--compare", action="store_true", help=compare)
    parser.add_argument("--all-reasons", action="store_true", help=reasons)
    options = parser.parse_args()
    began = time.perf_counter()
    names = index.build("lm_eval")
    seconds = time.perf_counter() - began
    counts = f"{len(names.tasks)} tasks, {len(names.groups)} groups, {len(names.tags)} tags"
    print(f"index: {counts} in {seconds:.2f} s")
    outcomes = {name: _outcome(name) for name in sorted(names.tasks)}
    _print("tasks", outcomes, options.all_reasons)
    for kind, found in (("groups", names.groups), ("tags", names.tags)):
        _print(kind, {name: _resolution(name) for name in sorted(found)}, options.all_reasons)
    text = [outcome for outcome in outcomes.values() if not _is_unsupported(outcome)]
    loaded = sum(not outcome.startswith("does not load") for outcome in text)
    print(f"\ntext tasks that load: {loaded} of {len(text)} ({loaded / len(text):.2%})")
    return _compare(names) if options.compare else 0


def _is_unsupported(outcome: str) -> bool:
    return "images" in outcome or "audio" in outcome


def _resolution(name: str) -> str:
    try:
        resolution.resolve({"name": name}, ["lm_eval"])
    except UserError as error:
        return f"does not load: {_reason(error)}"
    return "loads"


def _outcome(name: str) -> str:
    try:
        task = resolution.resolve({"name": name}, ["lm_eval"]).tasks[0]
    except UserError as error:
        return f"does not load: {_reason(error)}"
    settings = task.request_settings()
    if _has_function(asdict(settings)):
        return "loads; a !function shapes its prompt"
    if task.settings.get("custom_dataset"):
        return "loads; a !function makes its documents"
    zero_shot = replace(settings, fewshot=None, num_fewshot=0, file=None)
    last = ""
    for document in _documents(settings):
        table = pa.Table.from_pylist([document or {"unused": 1}])
        try:
            build_requests(zero_shot, {settings.split: table}, allow_functions=False)
        except UserError as error:
            last = _reason(error)
        except pa.ArrowException as error:
            last = f"synthetic document: {type(error).__name__}"
        else:
            return "loads and renders"
    return f"loads; no made-up document renders: {last}"


def _has_function(value: Any) -> bool:
    if isinstance(value, dict):
        return "!function" in value or any(
            _has_function(item) for key, item in value.items() if key != "fewshot"
        )
    return isinstance(value, list) and any(_has_function(item) for item in value)


def _documents(settings: RequestSettings):
    """Documents with the columns that the task's fields name.

    Each column is a text, a number, a list or a mapping.
    """
    environment = Environment()
    environment.filters["regex_replace"] = lambda *_: ""
    columns: dict[str, list[Any]] = {}
    for key in ("doc_to_text", "doc_to_target", "doc_to_choice", "description", "gen_prefix"):
        field = getattr(settings, key)
        if not isinstance(field, str):
            continue
        if not re.search(r"\{[\{%]", field):
            if re.fullmatch(r"[\w.\-]+( [\w.\-]+)*", field) and key != "description":
                columns[field] = [*FIRST.get(key, []), *columns.get(field, VALUES)]
            continue
        tree = environment.parse(field)
        for name in sorted(meta.find_undeclared_variables(tree)):
            columns.setdefault(name, VALUES)
        for access in tree.find_all((Getattr, Getitem)):
            if isinstance(access.node, Name):
                part, column = _key(access), access.node.name
                if isinstance(part, str) and not hasattr("", part) and column in columns:
                    columns[column] = [*_mappings(tree, column), *columns[column]]
    yield {name: values[0] for name, values in columns.items()}
    draw = Random(0)
    for _ in range(DOCUMENTS if columns else 0):
        yield {name: draw.choice(values) for name, values in columns.items()}


def _mappings(tree: Template, column: str) -> list[dict[str, Any]]:
    """Mappings with the keys that a template takes from a column."""
    keys = []
    for access in tree.find_all((Getattr, Getitem)):
        if isinstance(access.node, Name) and access.node.name == column:
            key = _key(access)
            keys += [key] if isinstance(key, str) and not hasattr("", key) else []
    return [
        dict.fromkeys(keys, "text"),
        {key: ["a", "b", "c", "d"] for key in keys},
        {key: [1, 0, 0, 0] for key in keys},
    ]


def _key(access: Getattr | Getitem) -> Any:
    if isinstance(access, Getattr):
        return access.attr
    return getattr(access.arg, "value", None)


def _reason(error: Exception) -> str:
    """An error without the names and places that differ between files."""
    text = re.sub(r"^\S*lm_eval/\S+: ", "", str(error))
    text = re.sub(r"^[\w.\-]+: (?=document|split)", "", text)
    return re.sub(r"(the document has|there are|it has) .*", r"\1 …", text)[:110]


def _print(kind: str, outcomes: dict[str, str], every: bool) -> None:
    print(f"\n{kind}: {len(outcomes)}")
    for outcome, count in Counter(outcomes.values()).most_common():
        example = next(name for name, found in outcomes.items() if found == outcome)
        loads = outcome.startswith("loads and") or outcome == "loads"
        print(f"{count:7d}  {outcome}{'' if loads else f'   [{example}]'}")
    if every:
        for name, outcome in outcomes.items():
            if outcome not in ("loads", "loads and renders"):
                print(f"  {name}: {outcome}")


def _compare(names: index.Index) -> int:
    from lm_eval.tasks._index import Kind, TaskIndex

    began = time.perf_counter()
    real = TaskIndex.build([loader.package_folder()])
    print(f"\nindex of the package itself: {time.perf_counter() - began:.1f} s")
    by_kind: dict[str, set[str]] = {"tasks": set(), "groups": set(), "tags": set()}
    for name, benchmark in real.items():
        by_kind[{Kind.GROUP: "groups", Kind.TAG: "tags"}.get(benchmark.kind, "tasks")].add(name)
    differences = 0
    for kind, found in (("tasks", names.tasks), ("groups", names.groups), ("tags", names.tags)):
        ours, theirs = set(found), by_kind[kind]
        differences += len(ours ^ theirs)
        own, missing = sorted(ours - theirs)[:8], sorted(theirs - ours)[:8]
        print(f"{kind}: only ours {own}, only the package's {missing}")
    members = [
        tag for tag in by_kind["tags"] & set(names.tags) if set(names.tags[tag]) != real[tag].tags
    ]
    print(f"tags with other members: {members[:8]}")
    places = [
        name
        for name in by_kind["tasks"] & set(names.tasks)
        if loader.locate(names.tasks[name]) != real[name].yaml_path
    ]
    print(f"tasks from other files: {places[:8]}")
    return int(bool(differences or members or places))


if __name__ == "__main__":
    sys.exit(main())

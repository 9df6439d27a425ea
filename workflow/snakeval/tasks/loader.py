"""One task file: its keys after `include`, and where each of them stands.

Task files are the YAML of lm-evaluation-harness. A `!function module.name` is not imported here; it becomes a plain dict that
`snakeval.tasks.functions.load` turns into a callable when requests are built or answers scored.
"""

import hashlib
import importlib.util
import posixpath
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from snakeval.errors import UserError
from snakeval.files.yaml_file import refuse_deep

PACKAGE = "lm_eval"  # as an item of `task_paths` and at the start of a file's name: the installed package's own tasks
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class File:
    """A task file by name, its merged keys, and `file:line` of each (`origins`)."""

    name: str
    keys: dict[str, Any]
    origins: dict[str, str]


def load(name: str) -> File:
    """The task file `name` with its includes: later includes win over earlier ones, the file's own keys over all (a shallow merge).

    `name` is a path, or `lm_eval/...` for a file of the installed package. Raises UserError for a file that is missing, not UTF-8, not a
    YAML mapping, has a key twice, or includes itself.
    """
    return _load(name, ())


def _load(name: str, above: tuple[str, ...]) -> File:
    if name in above:
        raise UserError(
            f"{above[-1]}: include: a cycle, {' includes '.join([*above[above.index(name) :], name])}; remove one of them"
        )
    content, lines = _parse(name)
    origins = {key: f"{name}:{line}" for key, line in lines.items()}
    included = content.pop("include", None)
    if included is None:
        return File(name, content, origins)
    where = origins.pop("include")
    merged = File(name, {}, {})
    for item in included if isinstance(included, list) else [included]:
        if not isinstance(item, str):
            raise UserError(
                f"{where}: include: {item!r} is not the name of a file; give a path relative to this file"
            )
        target = beside(name, item)
        if not locate(target).is_file():
            raise UserError(
                f"{where}: include: no file {item} in {locate(target).parent}; correct the path"
            )
        base = _load(target, (*above, name))
        merged.keys.update(base.keys)
        merged.origins.update(base.origins)
    merged.keys.update(content)
    merged.origins.update(origins)
    return merged


def locate(name: str) -> Path:
    """The path on this machine of a file name, which for the installed package starts with `lm_eval/`."""
    if name == PACKAGE or name.startswith(PACKAGE + "/"):
        return package_folder() / name[len(PACKAGE) + 1 :]
    return Path(name)


def beside(name: str, relative: str) -> str:
    """The name of a file given relative to the file `name`, in the same form and without `..` where that can be."""
    return posixpath.normpath(
        posixpath.join(posixpath.dirname(name), relative)
    )  # thousands of names: pathlib takes three times as long


@cache
def package_folder() -> Path:
    """The tasks of the installed lm_eval package, found without importing it. Raises UserError when it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            "task_paths: lm_eval: the package is not installed; run `pip install lm_eval` or remove this folder"
        )
    return Path(spec.submodule_search_locations[0]) / "tasks"


def package_is_installed() -> bool:
    """Whether `package_folder` can be had."""
    return importlib.util.find_spec(PACKAGE) is not None


def read(name: str) -> str:
    """The text of a task file. Raises UserError when it cannot be read or is not UTF-8."""
    try:
        return locate(name).read_bytes().decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{name}: not UTF-8 (byte {error.start}); save the file as UTF-8") from None
    except OSError as error:
        raise UserError(f"{name}: cannot be read ({error.strerror})") from None


def _parse(name: str) -> tuple[dict[str, Any], dict[str, int]]:
    """The keys of one file, includes not followed, and the line of each."""
    text = read(name)
    loader = _Loader(text)
    loader.source = name
    try:
        refuse_deep(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise UserError(f"{name}: not a mapping of keys to values, as a task file is")
        content = loader.construct_document(node)
    except (
        yaml.YAMLError,
        ValueError,
        RecursionError,
    ) as error:  # syntax, numbers that are none, nesting without end
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UserError(f"{name}{line}: not valid YAML: {problem}") from None
    finally:
        loader.dispose()
    return content, {
        str(key.value): key.start_mark.line + 1
        for key, _ in node.value
        if isinstance(key, yaml.ScalarNode)
    }


class _Loader(_LOADER):  # type: ignore[misc, valid-type]
    """YAML as lm-evaluation-harness reads it, except that a key given twice is an error where the user can mend it.

    Some sixty files of the package do have a key twice; there, as in any YAML parser, the last one counts.
    """

    source = ""

    def construct_mapping(self, node, deep=False):
        seen: dict[Any, int] = {}
        for key_node, _ in [] if self.source.startswith(PACKAGE + "/") else node.value:
            if isinstance(key_node, yaml.ScalarNode) and key_node.tag != "tag:yaml.org,2002:merge":
                line = key_node.start_mark.line + 1
                key = (key_node.tag, key_node.value)
                if key in seen:
                    raise UserError(
                        f"{self.source}:{line}: {key_node.value}: given twice, first in line {seen[key]}; remove one"
                    )
                seen[key] = line
        return super().construct_mapping(node, deep)

    def construct_function(self, node) -> dict[str, Any]:
        return reference(self.construct_scalar(node), self.source, node.start_mark.line + 1)


_Loader.add_constructor("!function", _Loader.construct_function)
_Loader.add_constructor(
    "tag:yaml.org,2002:timestamp", _Loader.construct_yaml_str
)  # settings are JSON, which has no dates
_Loader.add_constructor(
    "tag:yaml.org,2002:map", lambda loader, node: loader.construct_mapping(node, deep=True)
)


def reference(qualified: str, source: str, line: int) -> dict[str, Any]:
    """What stands for `!function qualified` in a task's settings: the name, the YAML file, and the sha256 of the module's file.

    The digest is null for a module that is neither beside the YAML file nor found as a file on the import path.
    """
    module, _, function = qualified.rpartition(".")
    if not module or not function:
        raise UserError(f"{source}:{line}: !function {qualified}: write it as module.name")
    path = _module_file(module, source)
    return {
        "!function": qualified,
        "file": source,
        "digest": hashlib.sha256(path.read_bytes()).hexdigest() if path else None,
    }


def module_beside(module: str, source: str) -> Path:
    """Where the file of a module lies if it is beside the YAML file `source`."""
    return locate(beside(source, module.replace(".", "/") + ".py"))


def _module_file(module: str, source: str) -> Path | None:
    """The file of a module: beside the YAML file, else on the import path; nothing is imported."""
    near = module_beside(module, source)
    if near.is_file():
        return near
    first, *rest = module.split(".")
    spec = importlib.util.find_spec(first) if first.isidentifier() else None
    if spec is None or not spec.has_location or not spec.origin:
        return None
    origin = Path(spec.origin)
    candidates = (
        [
            origin.parent.joinpath(*rest).with_suffix(".py"),
            origin.parent.joinpath(*rest, "__init__.py"),
        ]
        if rest
        else [origin]
    )
    return next((path for path in candidates if path.is_file()), None)

"""One task file: its keys after `include`, and the file and line of each.

Task files are the YAML of lm-evaluation-harness. A `!function module.name` is not imported here. It
becomes a plain dict, which `snakeval.tasks.functions.load` turns into a callable when requests are
built or answers scored.
"""

import hashlib
import importlib.util
import posixpath
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from snakeval.errors import UserError
from snakeval.files.yaml_file import refuse_deep

# The tasks of the installed package, as an item of `task_paths` and at the start of a file's name.
PACKAGE = "lm_eval"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class File(NamedTuple):
    """A task file by name, its merged keys, and `file:line` of each (`origins`)."""

    name: str
    keys: dict[str, Any]
    origins: dict[str, str]


def load(name: str) -> File:
    """The task file `name` with its includes.

    The merge is shallow. Later includes win over earlier ones, and the file's own keys over all.
    `name` is a path, or `lm_eval/...` for a file of the installed package. Raises UserError for a
    file that is missing, not UTF-8 or not a YAML mapping, has a key twice, or includes itself.
    """
    return _load(name, ())


def _load(name: str, above: tuple[str, ...]) -> File:
    if name in above:
        cycle = " includes ".join([*above[above.index(name) :], name])
        raise UserError(f"{above[-1]}: include: a cycle, {cycle}. Remove one of them.")
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
                f"{where}: include: {item!r} is not the name of a file. "
                "Give a path relative to this file."
            )
        target = relative_to(name, item)
        if not locate(target).is_file():
            raise UserError(
                f"{where}: include: no file {item} in {locate(target).parent}. Correct the path."
            )
        base = _load(target, (*above, name))
        merged.keys.update(base.keys)
        merged.origins.update(base.origins)
    merged.keys.update(content)
    merged.origins.update(origins)
    return merged


def locate(name: str) -> Path:
    """The path of a file name. Names of the installed package's files start with `lm_eval/`."""
    if name == PACKAGE or name.startswith(PACKAGE + "/"):
        return package_folder() / name[len(PACKAGE) + 1 :]
    return Path(name)


def relative_to(name: str, relative: str) -> str:
    """The name of a file from its path relative to the file `name`, without `..` where possible.

    relative_to("lm_eval/mmlu/a.yaml", "../b.yaml") == "lm_eval/b.yaml"
    """
    # There are thousands of names, and pathlib takes three times as long.
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), relative))


@cache
def package_folder() -> Path:
    """The tasks of the installed lm_eval package, found without importing it.

    Raises UserError when it is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            "task_paths: lm_eval: the package is not installed. "
            "Run `pip install lm_eval` or remove this folder."
        )
    return Path(spec.submodule_search_locations[0]) / "tasks"


def package_is_installed() -> bool:
    """Whether the lm_eval package is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


def read(name: str) -> str:
    """The text of a task file. Raises UserError when it cannot be read or is not UTF-8."""
    try:
        return locate(name).read_bytes().decode()
    except UnicodeDecodeError as error:
        raise UserError(
            f"{name}: not UTF-8 (byte {error.start}). Save the file as UTF-8."
        ) from None
    except OSError as error:
        raise UserError(
            f"{name}: cannot be read ({error.strerror}). Check the path and its permissions."
        ) from None


def _parse(name: str) -> tuple[dict[str, Any], dict[str, int]]:
    """The keys of one file, includes not followed, and the line of each."""
    text = read(name)
    loader = _Loader(text)
    loader.source = name
    try:
        refuse_deep(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise UserError(f"{name}: not a mapping. Write a task file as `key: value` lines.")
        content = loader.construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # syntax, numbers, deep nesting
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UserError(f"{name}{line}: not valid YAML: {problem}. Correct the file.") from None
    finally:
        loader.dispose()
    return content, {
        str(key.value): key.start_mark.line + 1
        for key, _ in node.value
        if isinstance(key, yaml.ScalarNode)
    }


class _Loader(_LOADER):  # type: ignore[misc, valid-type]
    """YAML as lm-evaluation-harness reads it, except that a key given twice is an error.

    About sixty files of the package have a key twice. There the last one counts, as in any YAML
    parser, for the user cannot correct them.
    """

    source = ""

    def construct_mapping(self, node, deep=False):
        if not self.source.startswith(PACKAGE + "/"):
            self._refuse_repeated(node)
        return super().construct_mapping(node, deep)

    def _refuse_repeated(self, node) -> None:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode) and key_node.tag != "tag:yaml.org,2002:merge":
                line = key_node.start_mark.line + 1
                key = (key_node.tag, key_node.value)
                if key in seen:
                    raise UserError(
                        f"{self.source}:{line}: {key_node.value}: given twice, first in line "
                        f"{seen[key]}. Remove one."
                    )
                seen[key] = line

    def construct_function(self, node) -> dict[str, Any]:
        return reference(self.construct_scalar(node), self.source, node.start_mark.line + 1)


_Loader.add_constructor("!function", _Loader.construct_function)
# Settings are JSON, which has no dates.
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_str)
_Loader.add_constructor(
    "tag:yaml.org,2002:map", lambda loader, node: loader.construct_mapping(node, deep=True)
)


def reference(qualified: str, source: str, line: int) -> dict[str, Any]:
    """A reference to a function: its name, the YAML file, and the sha256 of the module's file.

    The digest is null for a module that is neither next to the YAML file nor a file on the import
    path.
    """
    module, _, function = qualified.rpartition(".")
    if not module or not function:
        raise UserError(
            f"{source}:{line}: !function {qualified}: not a function. Write module.name."
        )
    path = _module_file(module, source)
    return {
        "!function": qualified,
        "file": source,
        "digest": hashlib.sha256(path.read_bytes()).hexdigest() if path else None,
    }


def module_path(module: str, source: str) -> Path:
    """The path that the file of a module has if it is next to the YAML file `source`."""
    return locate(relative_to(source, module.replace(".", "/") + ".py"))


def _module_file(module: str, source: str) -> Path | None:
    """The file of a module: next to the YAML file, else on the import path. Nothing is imported."""
    near = module_path(module, source)
    if near.is_file():
        return near
    first, *rest = module.split(".")
    spec = importlib.util.find_spec(first) if first.isidentifier() else None
    if spec is None or not spec.has_location or not spec.origin:
        return None
    candidates = [Path(spec.origin)]
    if rest:
        below = Path(spec.origin).parent.joinpath(*rest)
        candidates = [below.with_suffix(".py"), below / "__init__.py"]
    return next((path for path in candidates if path.is_file()), None)

"""YAML that refuses duplicate keys, and nesting so deep that the parser in C ends the process."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from snakeval.errors import UserError

DEEPEST = 100


def read_yaml(path: Path) -> Any:
    """A YAML file as plain values.

    Raises UserError for duplicate keys, bad syntax, and files that are not readable or not UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8")
        refuse_deep(text)
        return yaml.load(text, Loader=_UniqueKeyLoader)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}). Correct the path.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start}). Save it as UTF-8.") from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"{path}{line}: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # Characters, dates and numbers that YAML does not allow, or nesting without end.
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: not YAML ({reason}). Correct the file.") from None


def refuse_deep(text: str) -> None:
    """Raise yaml.YAMLError where lists and mappings are nested more than DEEPEST deep.

    Bad syntax before that place may raise it too.
    """
    # Each list or mapping takes one of these characters. Counting them is fast, which matters for
    # thousands of task files.
    if sum(map(text.count, "[{-:?")) <= DEEPEST:
        return
    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            mark: Any = event.start_mark  # the parser in C has a class of its own for marks
            problem = f"nested more than {DEEPEST} deep"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


class _UniqueKeyLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Refuses duplicate keys, of which plain YAML silently keeps the last."""


def _unique_mapping(loader: Any, node: yaml.MappingNode) -> dict:
    seen: set[object] = set()
    for key, _ in node.value:
        if key.tag == "tag:yaml.org,2002:merge":
            continue
        name = loader.construct_object(key, deep=True)
        if not isinstance(name, Hashable):
            raise _error(f"{name!r} cannot be a key. Write a text.", key)
        if name in seen:
            raise _error(f"key {name!r} is given twice. Remove one.", key)
        seen.add(name)
    loader.flatten_mapping(node)
    return {
        loader.construct_object(key, deep=True): loader.construct_object(value, deep=True)
        for key, value in node.value
    }


def _error(problem: str, key: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, key.start_mark)


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)

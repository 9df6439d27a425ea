"""YAML without its surprises: duplicate keys, and nesting without end, at which the parser in C ends the process."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from snakeval.errors import UserError

DEEPEST = 100


def read_yaml(path: Path) -> Any:
    """A YAML file as plain values. Raises UserError for duplicate keys, bad syntax and what is not readable or not UTF-8."""
    try:
        text = path.read_bytes().decode("utf-8")
        refuse_deep(text)
        return yaml.load(text, Loader=_UniqueKeyLoader)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); correct the path") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"{path}{line}: {error.problem}") from None
    except (
        yaml.YAMLError,
        ValueError,
        RecursionError,
    ) as error:  # characters, dates and numbers that are none, nesting without end
        raise UserError(
            f"{path}: not YAML ({str(error).splitlines()[0]}); correct the file"
        ) from None


def refuse_deep(text: str) -> None:
    """Raise yaml.YAMLError where lists and mappings lie more than DEEPEST deep in each other, or sometimes for bad syntax before that."""
    # Each list or mapping takes one of these characters; thousands of task files are read.
    if sum(map(text.count, "[{-:?")) <= DEEPEST:
        return
    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(
            event, yaml.CollectionEndEvent
        )
        if depth > DEEPEST:
            mark: Any = (
                event.start_mark
            )  # the parser in C has marks of its own, with the same fields
            raise yaml.MarkedYAMLError(
                problem=f"nested more than {DEEPEST} deep", problem_mark=mark
            )


class _UniqueKeyLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Plain YAML would silently let the last of two equal keys win."""


def _unique_mapping(loader: Any, node: yaml.MappingNode) -> dict:
    seen: set[object] = set()
    for key, _ in node.value:
        if key.tag == "tag:yaml.org,2002:merge":
            continue
        name = loader.construct_object(key, deep=True)
        if not isinstance(name, Hashable):
            raise yaml.constructor.ConstructorError(
                None, None, f"{name!r} stands where a key must; give a text", key.start_mark
            )
        if name in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"key {name!r} stands twice; remove one", key.start_mark
            )
        seen.add(name)
    loader.flatten_mapping(node)
    return {
        loader.construct_object(key, deep=True): loader.construct_object(value, deep=True)
        for key, value in node.value
    }


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)

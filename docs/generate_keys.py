"""Tables of the configuration's keys, from the types, defaults and docstrings of its sections."""

import types
import typing
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

from generate_text import first_paragraph, table, value
from pydantic import BaseModel
from pydantic.fields import FieldInfo


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
    """What a key decides: its letter and, of a model's key, the stages."""
    found = [item for item in field.metadata if hasattr(item, "letter")]
    return ": ".join([found[0].letter, ", ".join(found[0].stages)]).rstrip(": ") if found else ""


def _default(default: object) -> str:
    return "see below" if isinstance(default, BaseModel) else f"`{value(default)}`"


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
        return ", ".join(f"`{value(argument)}`" for argument in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(type_of(argument) for argument in arguments))
    if origin is list:
        return f"list of {_several(type_of(arguments[0]))}"
    if origin is dict:
        return f"mapping of names to {_several(type_of(arguments[1]))}"
    words = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`"}
    return words.get(annotation, "anything" if annotation is Any else "mapping")


def _several(kind: str) -> str:
    return f"{kind}s" if kind in ("text", "number", "whole number", "section") else kind

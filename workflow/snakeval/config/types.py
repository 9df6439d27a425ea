"""The types of values in the configuration, what they may not be, and what a key decides."""

import json
import os
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")  # files are called so, with endings


@dataclass(frozen=True)
class Decides:
    """What a key of the configuration decides, as metadata of its annotation.

    A: it is part of the identity of answers; a change asks again what it touches.
    S: it selects or scores; answers are kept. R: it says how to run; nothing is made again.
    """

    letter: Literal["A", "S", "R"]
    stages: tuple[str, ...] = ()
    """Of a model's key: the stages whose files it decides."""


IDENTITY, SELECTS, RUNS = Decides("A"), Decides("S"), Decides("R")


def _file_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(
            "cannot be a file name. Use at most 200 letters, digits and . _ + -, "
            "and begin with a letter or digit."
        )
    return name


def _expanded(text: str) -> str:
    """`${NAME}` replaced by the environment variable of that name, `~` by the home folder.

    Raises ValueError for a text that cannot be a path.
    """

    def value(match: re.Match[str]) -> str:
        if not os.environ.get(match[1]):
            raise ValueError(
                f"the environment variable {match[1]} is not set. "
                f"Run `export {match[1]}=…`, or write the path itself."
            )
        return os.environ[match[1]]

    if not text or "\0" in text:
        raise ValueError("is empty or holds the character NUL. Name a file, folder or source.")
    text = re.sub(r"\$\{(\w+)\}", value, text)
    expanded = os.path.expanduser(text)  # noqa: PTH111 - a source is no path
    too_long = any(len(os.fsencode(part)) > 255 for part in expanded.split("/"))
    if too_long or len(os.fsencode(expanded)) > 4095:
        raise ValueError("is longer than a path may be. Name a file, folder or source.")
    return expanded


def _without_braces(path: str) -> str:
    if "{" in path or "}" in path:
        raise ValueError("braces are wildcards to Snakemake. Choose a path without them.")
    return path


def _normal_path(path: str) -> str:
    """One spelling for each path: Snakemake knows files by their names."""
    return os.path.normpath(path)


def plain_values(values: dict[str, Any]) -> dict[str, Any]:
    """The values, if JSON can hold them, as the settings of jobs do. YAML's dates are refused."""

    def refuse(value: object) -> None:
        raise ValueError(f"{value} is a {type(value).__name__} in YAML. Put it into quotes.")

    try:
        json.dumps(values, default=refuse, sort_keys=True)
    except TypeError as error:
        raise ValueError(f"{error}. Give texts as keys.") from None
    return values


def no_boolean(value: object) -> object:
    """The value; pydantic would make 1 of true."""
    if isinstance(value, bool):
        raise ValueError(f"{value} is not a number. Write a number.")
    return value


Name = Annotated[str, AfterValidator(_file_name)]
Located = Annotated[str, AfterValidator(_expanded)]
Place = Annotated[Located, AfterValidator(_without_braces)]
Folder = Annotated[Place, AfterValidator(_normal_path)]
Whole = Annotated[int, BeforeValidator(no_boolean)]
Number = Annotated[float, BeforeValidator(no_boolean), Field(allow_inf_nan=False)]


class Section(BaseModel):
    """A section of the configuration: unknown keys are errors, a value never changes."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), use_attribute_docstrings=True
    )

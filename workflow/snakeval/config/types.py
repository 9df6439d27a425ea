"""The types of values in the configuration: names, paths, numbers, and what they may not be."""

import json
import os
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}")  # files are called so, with endings


def _file_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(
            "names a folder: use at most 200 letters, digits and . _ + -, beginning with a letter or digit"
        )
    return name


def _expanded(text: str) -> str:
    """`${NAME}` replaced by the environment variable of that name, `~` by the home. Raises ValueError for what can be no path."""

    def value(match: re.Match[str]) -> str:
        if not os.environ.get(match[1]):
            raise ValueError(
                f"the environment variable {match[1]} is not set; export {match[1]}=… or write the path itself"
            )
        return os.environ[match[1]]

    if not text or "\0" in text:
        raise ValueError("is empty or holds the character NUL; name a file, folder or source")
    expanded = os.path.expanduser(re.sub(r"\$\{(\w+)\}", value, text))  # noqa: PTH111
    if len(os.fsencode(expanded)) > 4095 or any(
        len(os.fsencode(part)) > 255 for part in expanded.split("/")
    ):
        raise ValueError(
            "is longer than a path or a part of it may be; name a file, folder or source"
        )
    return expanded


def _without_braces(path: str) -> str:
    if "{" in path or "}" in path:
        raise ValueError("braces are wildcards to Snakemake; choose a path without them")
    return path


def _plain_path(path: str) -> str:
    """Without what makes two paths of one: Snakemake knows files by their names."""
    return os.path.normpath(path)


def plain_values(values: dict[str, Any]) -> dict[str, Any]:
    """What JSON holds too, as the settings of jobs do: not YAML's dates."""

    def refuse(value: object) -> None:
        raise ValueError(f"{value} is to YAML a {type(value).__name__}; put it into quotes")

    try:
        json.dumps(values, default=refuse, sort_keys=True)
    except TypeError as error:
        raise ValueError(f"{error}; give texts as keys") from None
    return values


def no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{value} is no number")  # pydantic would make 1 of it
    return value


Name = Annotated[str, AfterValidator(_file_name)]
Located = Annotated[str, AfterValidator(_expanded)]
Place = Annotated[Located, AfterValidator(_without_braces)]
Folder = Annotated[Place, AfterValidator(_plain_path)]
Whole = Annotated[int, BeforeValidator(no_boolean)]
Number = Annotated[float, BeforeValidator(no_boolean), Field(allow_inf_nan=False)]


class Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), use_attribute_docstrings=True
    )

"""The configuration, checked: every mistake at once, one line each, with what was probably meant."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from snakeval.config.run import Config
from snakeval.config.types import NAME
from snakeval.errors import UserError


def check(values: Mapping[str, Any], where: str) -> Config:
    """The configuration of plain `values`. Raises UserError with one line for each mistake; `where` names the file."""
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        lines = [f"{where}: {_describe(detail)}" for detail in error.errors()]
        raise UserError("\n".join(lines)) from None
    for name, model in config.models.items():
        recorded, odd = (
            model.source.startswith("recorded:"),
            sorted(model.model_fields_set - {"source", "answers"}),
        )
        if recorded and odd:
            raise UserError(
                f"{where}: models.{name}.{odd[0]}: recorded answers are read, never asked for; remove the key"
            )
        if recorded and (
            model.answers is None
            or not (
                model.answers.answer
                or model.answers.loglikelihoods
                or model.answers.format == "lm_eval"
            )
        ):
            raise UserError(
                f"{where}: models.{name}.answers: say which column holds them: `answers: {{answer: COLUMN}}` or loglikelihoods"
            )
        if model.tensor_parallel > 1 and model.gpus not in (0, model.tensor_parallel):
            raise UserError(
                f"{where}: models.{name}.tensor_parallel: {model.tensor_parallel} processes need as many `gpus`, not {model.gpus}"
            )
        if model.tensor_parallel > 1 and model.device_map is not None:
            raise UserError(
                f"{where}: models.{name}.device_map: lays whole layers over GPUs; remove it where tensor_parallel slices them"
            )
        if model.kv_cache_dtype != "auto" and model.strategy == "padded":
            raise UserError(
                f"{where}: models.{name}.kv_cache_dtype: {model.kv_cache_dtype} is for the packed path; remove `strategy: padded`"
            )
        if not recorded and model.answers is not None:
            raise UserError(
                f"{where}: models.{name}.answers: only a model with `source: recorded:FILE` has answers"
            )
    ids = [task.id or task.name for task in config.tasks]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        raise UserError(
            f"{where}: tasks: two benchmarks are called {', '.join(twice)}; give one of them an `id`"
        )
    if odd := [i for i in ids if not NAME.fullmatch(i)]:
        raise UserError(
            f"{where}: tasks: {', '.join(odd)}: not usable as a file name (or longer than 200); give the benchmark an `id`"
        )
    return config


def json_schema() -> dict[str, Any]:
    """JSON schema of the configuration file, for editors."""
    return Config.model_json_schema()


def _describe(error: Any) -> str:
    """A pydantic error as one line: the key, what is wrong, what was probably meant."""
    place, name = error["loc"][:-1], str(error["loc"][-1]) if error["loc"] else ""
    key = ".".join(str(part) for part in error["loc"] if part != "[key]") or "the file"
    match error["type"]:
        case "extra_forbidden":
            known = _known_keys(place)
            return f"{key}: no such key{_did_you_mean(name, known)}; known here: {', '.join(sorted(known))}"
        case "missing":
            return f"{key}: missing"
        case "literal_error":
            expected = error["ctx"]["expected"]
            return f"{key}: {error['input']!r} is not one of {expected}{_did_you_mean(error['input'], expected)}"
        case "value_error":
            return f"{key}: {error['ctx']['error']}"
        case _:
            return f"{key}: {error['msg'][0].lower()}{error['msg'][1:]}, got {error['input']!r}"


def _known_keys(place: Iterable[object]) -> set[str]:
    """Keys allowed at a place of the configuration, walking the sections' types along it."""
    section: Any = Config
    for part in place:
        if isinstance(section, type) and issubclass(section, BaseModel):
            section = (
                section.model_fields[str(part)].annotation
                if str(part) in section.model_fields
                else None
            )
        else:  # a dict's key or a list's index leads to the type of its values
            section = get_args(section)[-1]
        while section is not None and (
            hasattr(section, "__metadata__") or type(None) in get_args(section)
        ):
            section = get_args(section)[0]
    return (
        set(section.model_fields)
        if isinstance(section, type) and issubclass(section, BaseModel)
        else set()
    )


def _did_you_mean(name: object, known: str | Iterable[str]) -> str:
    names = re.findall(r"'([^']+)'", known) if isinstance(known, str) else known
    close = difflib.get_close_matches(str(name), names, 1)
    return f" (did you mean {close[0]}?)" if close else ""

"""The configuration, checked: every mistake at once, one line each, with the probable intention."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from snakeval.config import kinds
from snakeval.config.model import Answers, Model
from snakeval.config.run import Config
from snakeval.config.types import NAME
from snakeval.errors import UserError

RENAMED = {"metric_files": "extensions", "path": "strategy"}  # keys of earlier versions


def check(values: Mapping[str, Any], where: str) -> Config:
    """The configuration of plain `values`. `where` names the file.

    Raises UserError with one line for each mistake.
    """
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        mistakes = [_describe(detail) for detail in error.errors()]
    else:
        mistakes = [*_mistakes_of_models(config), *_mistakes_of_ids(config)]
    if mistakes:
        raise UserError("\n".join(f"{where}: {mistake}" for mistake in mistakes))
    return config


def json_schema() -> dict[str, Any]:
    """JSON schema of the configuration file, for editors."""
    return Config.model_json_schema()


def _mistakes_of_models(config: Config) -> Iterator[str]:
    """What is wrong with keys of a model that are right one by one."""
    for name, model in config.models.items():
        key = f"models.{name}"
        if kinds.kind_of(model) is kinds.RECORDED:
            for other in sorted(model.model_fields_set - {"source", "answers"}):
                yield f"{key}.{other}: recorded answers are not asked for. Remove the key."
            if model.answers is None or not _says_what_holds_answers(model.answers):
                yield (
                    f"{key}.answers: no column is named. "
                    "Write `answers: {answer: COLUMN}` or `answers: {loglikelihoods: COLUMN}`."
                )
            continue
        if model.answers is not None:
            yield f"{key}.answers: only a model with `source: recorded:FILE` has answers."
        yield from _mistakes_of_placement(key, model)


def _says_what_holds_answers(answers: Answers) -> bool:
    return bool(answers.answer or answers.loglikelihoods or answers.format == "lm_eval")


def _mistakes_of_placement(key: str, model: Model) -> Iterator[str]:
    if model.tensor_parallel > 1 and model.gpus not in (0, model.tensor_parallel):
        yield (
            f"{key}.tensor_parallel: {model.tensor_parallel} processes need as many GPUs, "
            f"not {model.gpus}. Set `gpus: {model.tensor_parallel}`."
        )
    if model.tensor_parallel > 1 and model.device_map is not None:
        yield f"{key}.device_map: tensor_parallel slices layers already. Remove one of the two."
    if model.kv_cache_dtype != "auto" and model.strategy == "padded":
        yield (
            f"{key}.kv_cache_dtype: {model.kv_cache_dtype} needs the packed strategy. "
            "Remove `strategy: padded`."
        )


def _mistakes_of_ids(config: Config) -> Iterator[str]:
    ids = [task.id or task.name for task in config.tasks]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        yield f"tasks: two benchmarks are called {', '.join(twice)}. Give one of them an `id`."
    for name in ids:
        if not NAME.fullmatch(name):
            yield f"tasks: {name} cannot be a file name of at most 200 characters. Give it an `id`."


def _describe(error: Any) -> str:
    """A pydantic error as one line: the key, what is wrong, what was probably meant."""
    place, name = error["loc"][:-1], str(error["loc"][-1]) if error["loc"] else ""
    key = ".".join(str(part) for part in error["loc"] if part != "[key]") or "the file"
    match error["type"]:
        case "extra_forbidden":
            known = _known_keys(place)
            if RENAMED.get(name) in known:
                return f"{key}: is now `{RENAMED[name]}`. Rename the key."
            close = _did_you_mean(name, known)
            return f"{key}: no such key.{close} Known: {', '.join(sorted(known))}."
        case "missing":
            return f"{key}: missing. Add the key."
        case "literal_error":
            expected = error["ctx"]["expected"]
            close = _did_you_mean(error["input"], expected)
            return f"{key}: {error['input']!r} is not one of {expected}.{close}"
        case "value_error":
            return f"{key}: {error['ctx']['error']}"
        case _:
            return f"{key}: {error['msg'][0].lower()}{error['msg'][1:]}, got {error['input']!r}"


def _known_keys(place: Iterable[object]) -> set[str]:
    """Keys allowed at a place of the configuration, walking the sections' types along it."""
    section: Any = Config
    for part in place:
        if _is_section(section):
            field = section.model_fields.get(str(part))
            section = field.annotation if field else None
        else:  # a dict's key or a list's index leads to the type of its values
            section = get_args(section)[-1]
        while hasattr(section, "__metadata__") or type(None) in get_args(section):
            section = get_args(section)[0]
    return set(section.model_fields) if _is_section(section) else set()


def _is_section(section: object) -> bool:
    return isinstance(section, type) and issubclass(section, BaseModel)


def _did_you_mean(name: object, known: str | Iterable[str]) -> str:
    names = re.findall(r"'([^']+)'", known) if isinstance(known, str) else known
    close = difflib.get_close_matches(str(name), names, 1)
    return f" Did you mean {close[0]}?" if close else ""

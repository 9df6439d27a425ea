"""The keys of a task file: which exist, and what values they take.

The language is that of lm-evaluation-harness 0.4.13 (`lm_eval/config/task.py`). These keys are our
own, all optional:

- `cluster`: column or template. Documents with equal values are not independent (a shared passage).
- `encoder_inputs`: one or two templates, the segments that an encoder reads. With an empty third
  one, an extractive model may give no answer.
- `fewshot_config.sampler: hash`: a hash of task, document and seed chooses the examples, whatever
  else is evaluated.
- `primary_metric`: the metric that leads the leaderboard.
- `chance`: the expected score of guessing.
"""

import difflib
import math
from collections.abc import Callable, Iterable
from typing import Any

OUTPUT_TYPES = ("multiple_choice", "loglikelihood", "loglikelihood_rolling", "generate_until")
SAMPLERS = ("hash", "lm_eval", "default", "first_n")
# The first of these that is given counts.
MAX_NEW_TOKENS_KEYS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
_TOO_LARGE = 2**31  # for whole numbers in the tables

Check = tuple[Callable[[Any], bool], str]
"""Whether a value is right, and what it should be."""


def number(value: Any) -> float:
    """A number, also one that YAML reads as text, as 1e-5; nan for anything else.

    Nan is in no range, so range checks refuse it.
    """
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def is_function(value: Any) -> bool:
    """Whether a value is `!function module.name`."""
    return isinstance(value, dict) and "!function" in value


def is_named(value: Any) -> bool:
    """Whether a value names something: one of ours by a text, a task's own by !function."""
    return (is_text(value) and value != "") or is_function(value)


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean …?` for a word close to a known one, else nothing. It follows a full stop."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.7)
    return f" Did you mean {close[0]}?" if close else ""


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _TOO_LARGE


def _are_segments(value: Any) -> bool:
    if not isinstance(value, list) or not all(map(is_text, value)):
        return False
    return len(value) in (1, 2) or (len(value) == 3 and not value[2])


def _one_of(names: tuple[str, ...]) -> Check:
    return lambda value: value in names, " or ".join(names)


_TEXT: Check = (is_text, "a text")
_COUNT: Check = (_is_count, "a whole number, 0 or more")
_POSITIVE: Check = (lambda value: _is_count(value) and value > 0, "a whole number, 1 or more")
_BOOLEAN: Check = (lambda value: isinstance(value, bool), "true or false")
_FUNCTION: Check = (is_function, "!function module.name")
_ANY: Check = (lambda value: True, "anything")
_FIELD: Check = (
    lambda value: isinstance(value, str | int | list | dict),
    "a column, a template, a number, a list or !function module.name",
)
_MAPPING: Check = (lambda value: isinstance(value, dict) and not is_function(value), "a mapping")
_LIST: Check = (lambda value: isinstance(value, list), "a list")
_NUMBER: Check = (
    lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "a number",
)

KEYS: dict[str, Check] = {
    "task": _TEXT,
    "task_alias": _TEXT,
    "tag": _ANY,
    "group": _ANY,
    "custom_dataset": _FUNCTION,
    "dataset_path": _TEXT,
    "dataset_name": _TEXT,
    "dataset_kwargs": _MAPPING,
    "training_split": _TEXT,
    "validation_split": _TEXT,
    "test_split": _TEXT,
    "fewshot_split": _TEXT,
    "process_docs": _FUNCTION,
    "doc_to_text": _FIELD,
    "doc_to_target": _FIELD,
    "doc_to_choice": _FIELD,
    "unsafe_code": _BOOLEAN,
    "process_results": _FUNCTION,
    "description": _TEXT,
    "target_delimiter": _TEXT,
    "fewshot_delimiter": _TEXT,
    "fewshot_config": _MAPPING,
    "num_fewshot": _COUNT,
    "metric_list": _LIST,
    "output_type": _one_of(OUTPUT_TYPES),
    "generation_kwargs": _MAPPING,
    "repeats": _POSITIVE,
    "filter_list": _LIST,
    "should_decontaminate": _ANY,
    "doc_to_decontamination_query": _ANY,
    "gen_prefix": _TEXT,
    "metadata": _ANY,
    "cluster": _TEXT,
    "encoder_inputs": (
        _are_segments,
        "a list of one or two templates, or of two and an empty text",
    ),
    "primary_metric": _TEXT,
    "chance": _NUMBER,
}
UNSUPPORTED = {
    "doc_to_image": "tasks with images are not supported. Leave the task out.",
    "doc_to_audio": "tasks with audio are not supported. Leave the task out.",
    "class": "tasks written as a Python class are not supported. Write the task as YAML.",
    "use_prompt": "promptsource prompts are not supported. Write the prompt as doc_to_text.",
}
FEWSHOT_KEYS: dict[str, Check] = {
    "sampler": _one_of(SAMPLERS),
    "split": _TEXT,
    "process_docs": _FUNCTION,
    "fewshot_indices": (
        lambda value: isinstance(value, list) and all(map(_is_count, value)),
        "a list of row numbers",
    ),
    "samples": (
        lambda value: isinstance(value, list) or is_function(value),
        "a list of documents or !function module.name",
    ),
    "doc_to_text": _FIELD,
    "doc_to_choice": _FIELD,
    "doc_to_target": _FIELD,
    "gen_prefix": _TEXT,
    "fewshot_delimiter": _TEXT,
    "target_delimiter": _TEXT,
}
GENERATION_KEYS: dict[str, Check] = {
    **dict.fromkeys(MAX_NEW_TOKENS_KEYS, _POSITIVE),
    "until": (
        lambda value: is_text(value) or (isinstance(value, list) and all(map(is_text, value))),
        "a text or a list of texts",
    ),
    "do_sample": _BOOLEAN,
    "temperature": (lambda value: 0 <= number(value) < math.inf, "a number, 0 or more"),
    "top_p": (lambda value: 0 < number(value) <= 1, "a number above 0, 1 at most"),
    "top_k": _COUNT,
    "repetition_penalty": (lambda value: 0 < number(value) < math.inf, "a number above 0"),
    "num_beams": _POSITIVE,
}

"""Apply the filters of a pipeline, one after the other."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from snakeval.errors import UserError
from snakeval.files.extensions import is_own
from snakeval.scoring.filters.answers import Answers, Document
from snakeval.scoring.filters.functions import apply_class


def apply(
    pipeline: Sequence[Mapping[str, Any]],
    answers: Answers,
    documents: Sequence[Document],
    filters: Mapping[str, Callable[..., Answers]],
) -> Answers:
    """The answers after all filters of a pipeline.

    `pipeline`: a list of `{"function": name or !function, **options}`; `filters`: the functions by
    name (`registry.known`). Raises UserError for a filter that does not exist, for options that it
    does not take and for answers that it cannot take.
    """
    for step in pipeline:
        options = {key: value for key, value in step.items() if key != "function"}
        name = step["function"]
        if isinstance(name, Mapping):
            answers = apply_class(answers, documents, name, options)
        elif name in filters:
            answers = _applied(name, filters[name], answers, documents, options)
        else:
            raise UserError(
                f"filter {name}: there is no such filter. Use one of {', '.join(sorted(filters))}."
            )
    return answers


def _applied(
    name: str,
    function: Callable[..., Answers],
    answers: Answers,
    documents: Sequence[Document],
    options: Mapping[str, Any],
) -> Answers:
    try:
        found = function(answers, documents, **options)
    except TypeError as error:
        why = str(error).removeprefix(f"{function.__name__}() ").removeprefix(f"{name}() ")
        raise UserError(f"filter {name}: {why}. Correct it in filter_list.") from error
    except re.error as error:
        raise UserError(
            f"filter {name}: this is not a regular expression ({error}). Correct it in filter_list."
        ) from None
    except UserError:
        raise
    except Exception as error:
        if not is_own(function):
            raise
        raise UserError(
            f"filter {name}: the function fails: {type(error).__name__}: {error}. "
            "Correct the extension."
        ) from error
    if not isinstance(found, Answers) or len(found.values) != len(documents):
        raise UserError(
            f"filter {name}: the function did not give the Answers of {len(documents)} documents. "
            "Correct the extension."
        )
    return found

"""Filters that are a task's own Python, called as lm-eval calls them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from snakeval.errors import UserError
from snakeval.scoring.filters.answers import FALLBACK, Answers, Document
from snakeval.tasks import functions


def custom(
    answers: Answers, documents: Sequence[Document], filter_fn: Mapping[str, Any]
) -> Answers:
    """A task's own function `(answers of all documents, documents) -> answers`."""

    def apply(values: list) -> Any:
        return functions.load(dict(filter_fn))(values, list(documents))

    return _converted(answers, apply, FALLBACK, filter_fn["!function"])


def apply_class(
    answers: Answers,
    documents: Sequence[Document],
    reference: Mapping[str, Any],
    options: Mapping[str, Any],
) -> Answers:
    """A task's own filter class: made with the options, its `apply(answers, documents)` called.

    Such a class marks a failed extraction by its fallback: the option `fallback`, else "[invalid]".
    """
    made = functions.load(dict(reference))(**options)
    fallback = options.get("fallback", getattr(made, "fallback", FALLBACK))

    def apply(values: list) -> Any:
        return made.apply(values, list(documents))

    return _converted(answers, apply, fallback, reference["!function"])


def _converted(
    answers: Answers, function: Callable[[list], Any], fallback: Any, name: str
) -> Answers:
    """The answers that `function` gives for those of all documents.

    It takes and gives a list per document, or one answer where a filter took one.
    """
    given = [samples[0] for samples in answers.values] if answers.single else answers.values
    result = list(function(given))
    if len(result) != len(answers.values):
        raise UserError(
            f"filter {name}: it gave {len(result)} answers for {len(answers.values)} documents. "
            "Make it give one for each document."
        )
    single = all(not isinstance(samples, list | tuple) for samples in result)
    values = [
        list(samples) if isinstance(samples, list | tuple) else [samples] for samples in result
    ]

    def found_before(d: int, i: int) -> bool:
        before = answers.found[d]
        return before[i] if len(values[d]) == len(before) else any(before)

    found = [
        [value != fallback and found_before(d, i) for i, value in enumerate(samples)]
        for d, samples in enumerate(values)
    ]
    return Answers(values, found, single)


FILTERS = {"custom": custom}

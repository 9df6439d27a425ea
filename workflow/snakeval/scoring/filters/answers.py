"""The answers of a task between two filters, and how a function is applied to each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from snakeval.jobs.time_limit import time_limit

REGEX_SECONDS = 10.0
FALLBACK = "[invalid]"
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Answers:
    """Answers of a task: `values[d]` are those of document d.

    `found[d]` says of each whether it is an answer and not a filter's fallback.
    """

    values: list[list[Any]]
    found: list[list[bool]]
    single: bool = False  # a filter took one answer of each document: it counts, not a list of one


def answers_of(texts: Sequence[Sequence[str]]) -> Answers:
    """The unfiltered answers; `texts[d]` are those of document d."""
    values = [list(samples) for samples in texts]
    return Answers(values, [[True] * len(samples) for samples in values])


def each(
    answers: Answers,
    documents: Sequence[Document],
    extract: Callable[[Any, Document], tuple[Any, bool]],
) -> Answers:
    """`extract(answer, document)` for every answer: the new value, and whether it is an answer."""
    values, found = [], []
    for d, document in enumerate(documents):
        where = f"document {d} (counted from 0): a regular expression in filter_list"
        with time_limit(REGEX_SECONDS, where):
            results = [extract(value, document) for value in answers.values[d]]
        values.append([value for value, _ in results])
        pairs = zip(answers.found[d], results, strict=True)
        found.append([before and now for before, (_, now) in pairs])
    return replace(answers, values=values, found=found)


def each_text(
    answers: Answers, documents: Sequence[Document], change: Callable[[str], str]
) -> Answers:
    """`change(answer)` for every answer, all of which are found."""
    return each(answers, documents, lambda text, _: (change(text), True))

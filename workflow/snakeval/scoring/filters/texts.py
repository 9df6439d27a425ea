"""Filters that change the text of an answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from snakeval.errors import UserError
from snakeval.scoring.filters.answers import Answers, Document, each, each_text


def remove_whitespace(answers: Answers, documents: Sequence[Document]) -> Answers:
    """The answer without white space at both ends."""
    return each_text(answers, documents, str.strip)


def lowercase(answers: Answers, documents: Sequence[Document]) -> Answers:
    """The answer in lower case."""
    return each_text(answers, documents, str.lower)


def uppercase(answers: Answers, documents: Sequence[Document]) -> Answers:
    """The answer in upper case."""
    return each_text(answers, documents, str.upper)


def map_(
    answers: Answers,
    documents: Sequence[Document],
    mapping_dict: Mapping[str, Any] | None = None,
    default_value: Any = None,
) -> Answers:
    """What the mapping gives for the answer; another answer becomes the default, not found."""
    mapping = mapping_dict or {}

    def extract(text: Any, document: Document) -> tuple[Any, bool]:
        return mapping.get(text, default_value), text in mapping

    return each(answers, documents, extract)


def prepend(answers: Answers, documents: Sequence[Document], column: str) -> Answers:
    """A column of the document and the answer after it: a continuation becomes the whole text."""
    for d, document in enumerate(documents):
        if column not in document:
            raise UserError(
                f"filter prepend: document {d} (counted from 0) has no column {column!r}. "
                f"Name one of {', '.join(document)}."
            )
    return each(answers, documents, lambda text, document: (f"{document[column]}{text}", True))


FILTERS = {
    "remove_whitespace": remove_whitespace,
    "lowercase": lowercase,
    "uppercase": uppercase,
    "map": map_,
    "prepend": prepend,
}

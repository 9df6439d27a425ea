"""Filters of labelled words: parts of speech and named entities."""

import re
from collections.abc import Sequence
from typing import Any

from snakeval.scoring.filters.answers import Answers, Document, each, each_text

_LABELS = {
    "person": "PER", "location": "LOC", "organization": "ORG", "counties": "LOC", "places": "LOC",
    "people": "PER", "persons": "PER", "company": "ORG", "country": "LOC", "continent": "LOC",
    "time": "DATE", "date": "DATE", "per": "PER", "loc": "LOC", "org": "ORG",
}  # fmt: skip
_REWRITES = [(re.compile(rf"\b{word}\s*:"), f"{label}:") for word, label in _LABELS.items()]
_ENTITY = re.compile(r"\b(PER|LOC|ORG|DATE):\s*([^$]+)")
_TAGGED = re.compile(r"\('([^']*)', '([^']*)'\)")


def regex_pos(
    answers: Answers,
    documents: Sequence[Document],
    regex_pattern: str = "",
    group_select: int = 0,
    fallback: Sequence[str] = ("invalid",),
) -> Answers:
    """The tags of an answer written as ('word', 'tag') pairs, as a list.

    Pattern and selection are accepted and unused, as in lm-eval.
    """

    def extract(text: Any, document: Document) -> tuple[Any, bool]:
        tags = [tag for _, tag in (_TAGGED.findall(text) if isinstance(text, str) else text)]
        return (tags, True) if tags else (list(fallback), False)

    return each(answers, documents, extract)


def format_span(answers: Answers, documents: Sequence[Document]) -> Answers:
    """Named entities written as "person: X" or "LOC: X, Y $$ …", as "per: x $ loc: y".

    Labels are of four kinds and in lower case; "none" is left out.
    """
    return each_text(answers, documents, _spans)


def _spans(text: str) -> str:
    text = text.lower()
    for pattern, label in _REWRITES:
        text = pattern.sub(label, text)
    text = text.replace("$$", "$").rstrip("$").replace("\n", "$").strip()
    found = [
        (label.lower(), value.strip())
        for label, values in _ENTITY.findall(text)
        for value in values.split(",")
    ]
    return " $ ".join(f"{label}: {value}" for label, value in found if value.lower() != "none")


FILTERS = {"regex_pos": regex_pos, "format_span": format_span}

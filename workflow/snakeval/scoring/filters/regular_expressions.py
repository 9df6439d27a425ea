"""Filters that find the answer by a regular expression."""

import re
from collections.abc import Sequence
from typing import Any

from snakeval.scoring.filters.answers import FALLBACK, Answers, Document, each

GSM8K = r"#### (\-?[0-9\.\,]+)"


def regex(
    answers: Answers,
    documents: Sequence[Document],
    regex_pattern: str = GSM8K,
    group_select: int = 0,
    fallback: str = FALLBACK,
) -> Answers:
    """The `group_select`-th match of the pattern, without white space around it.

    Of several groups the first that is not empty counts.
    """
    compiled = re.compile(regex_pattern)

    def extract(text: Any, document: Document) -> tuple[Any, bool]:
        match = selected_match(compiled, text, group_select)
        return (fallback, False) if match is None else (match, match != "")

    return each(answers, documents, extract)


def selected_match(pattern: re.Pattern[str], text: Any, select: int) -> str | None:
    """The selected match, without white space around it; None where there is none.

    Of several groups the first that is not empty counts.
    """
    matches = pattern.findall(text if isinstance(text, str) else "")
    if not -len(matches) <= select < len(matches):
        return None
    match = matches[select]
    if isinstance(match, tuple):
        match = next((group for group in match if group), None)
    return None if match is None else match.strip()


FILTERS = {"regex": regex}

"""Filters that find which choice of a document an answer names."""

import re
import sys
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any

from snakeval.errors import UserError
from snakeval.scoring.filters.answers import FALLBACK, Answers, Document, each
from snakeval.scoring.filters.regular_expressions import GSM8K, selected_match


def multi_choice_regex(
    answers: Answers,
    documents: Sequence[Document],
    regex_pattern: str = GSM8K,
    group_select: int = 0,
    fallback: str = FALLBACK,
    ignore_case: bool = False,
    ignore_punctuation: bool = False,
    regexes_to_ignore: Sequence[str] | None = None,
) -> Answers:
    """The letter of a choice, as "(A)".

    It is the pattern's match, else a choice of the document's `choices` quoted in full, else ": A".
    The search for quoted choices follows the reductions that the `ignore_*` options name. Longer
    choices go before those that they begin with.
    """
    compiled = re.compile(regex_pattern)

    def reduced(text: str) -> str:
        for pattern in regexes_to_ignore or ():
            text = re.sub(pattern, "", text)
        text = text.lower() if ignore_case else text
        return text.translate(_punctuation()) if ignore_punctuation else text

    def extract(text: Any, document: Document) -> tuple[Any, bool]:
        text = text if isinstance(text, str) else ""
        letters = _letters(document)
        by_text = {reduced(choice.strip()): letter for letter, choice in letters.items()}
        quoted = re.compile("|".join(sorted(map(re.escape, by_text), key=len, reverse=True)))
        named = re.compile(rf":\s*({'|'.join(letters)})")
        if match := selected_match(compiled, text, group_select):
            return match, True
        if match := selected_match(quoted, reduced(text), group_select):
            return (f"({by_text[match]})" if match in by_text else match), True
        if match := selected_match(named, text, group_select):
            return f"({match})", True
        return fallback, False

    return each(answers, documents, extract)


def _letters(document: Document) -> dict[str, str]:
    """The choices of a document by letter, from A."""
    if "choices" not in document:
        raise UserError(
            "filter multi_choice_regex: the document has no column `choices`. "
            "Add it in process_docs, or use another filter."
        )
    return {chr(ord("A") + i): choice for i, choice in enumerate(document["choices"])}


@cache
def _punctuation() -> dict[int, None]:
    """Deletes every character of Unicode's punctuation categories."""
    codes = range(sys.maxunicode)
    return dict.fromkeys(code for code in codes if unicodedata.category(chr(code))[0] == "P")


FILTERS = {"multi_choice_regex": multi_choice_regex}

"""Filters of mathematical answers."""

from collections.abc import Sequence
from typing import Any

from snakeval.metrics.mathematics import last_boxed
from snakeval.scoring.filters.answers import FALLBACK, Answers, Document, each


def boxed(answers: Answers, documents: Sequence[Document], fallback: str = FALLBACK) -> Answers:
    """The last \\boxed{…} or \\fbox{…}, braces matched.

    MATH marks an answer so (Hendrycks et al. 2021, arxiv.org/abs/2103.03874).
    """

    def extract(text: Any, document: Document) -> tuple[Any, bool]:
        found = last_boxed(text) if isinstance(text, str) else None
        return found or fallback, found is not None

    return each(answers, documents, extract)


FILTERS = {"boxed": boxed}

"""Metrics of generated text: overlap with a reference, length, repetition.

With several references the best counts.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from snakeval.errors import UserError
from snakeval.metrics.metric import Metric


def rouge(name: str) -> Callable[..., float]:
    """F1 of ROUGE-1, -2, -L or -Lsum, in [0, 1], by the rouge-score package.

    (Lin 2004, aclanthology.org/W04-1013.)

    Options: `use_stemmer` (false) and `tokenizer`. The tokenizer null is the package's own, which
    keeps only a-z and 0-9: text in other scripts scores 0. `whitespace` and `characters` keep all.
    ROUGE-Lsum treats the lines of a text as its sentences. Without any token it is 0.
    """

    def function(
        prediction: str,
        references: Sequence[str],
        use_stemmer: bool = False,
        tokenizer: str | None = None,
    ) -> float:
        scorer = _rouge_scorer(name, use_stemmer, tokenizer)
        return scorer.score_multi(references, prediction)[name].fmeasure

    return function


def rouge_s(prediction: str, references: Sequence[str], skip: int | None = 4) -> float:
    """F1 of skip-bigrams, ROUGE-S, in [0, 1] (Lin 2004, section 5); without any pair 0.

    They are pairs of words in order with at most `skip` words between them; null: any number. Words
    are rouge-score's: lower case, a-z and 0-9.
    """
    own = _skip_bigrams(prediction, skip)
    scores = []
    for reference in references:
        theirs = _skip_bigrams(reference, skip)
        common = sum((own & theirs).values())
        scores.append(2 * common / (own.total() + theirs.total()) if common else 0.0)
    return max(scores)


def edit_distance(prediction: str, references: Sequence[str], unit: str = "characters") -> float:
    """Levenshtein distance to the closest reference, in Unicode characters, or `unit: words`.

    It counts insertions, deletions and substitutions.
    """
    own = _units(prediction, unit)
    return float(min(levenshtein(own, _units(reference, unit)) for reference in references))


def edit_similarity(prediction: str, references: Sequence[str], unit: str = "characters") -> float:
    """1 - Levenshtein distance / length of the longer one, in [0, 1]; 1 for two empty texts."""
    own = _units(prediction, unit)

    def similarity(other: Sequence[str]) -> float:
        length = max(len(own), len(other))
        return 1 - levenshtein(own, other) / length if length else 1.0

    return max(similarity(_units(reference, unit)) for reference in references)


def levenshtein(a: Sequence[str], b: Sequence[str]) -> int:
    """Edit distance of two sequences, in time len(a) x len(b) and space of the longer."""
    short, long = sorted((a, b), key=len)
    code: dict[str, int] = {}
    target = np.array([code.setdefault(symbol, len(code)) for symbol in long])
    place = np.arange(len(long) + 1)
    row = place.copy()
    for i, symbol in enumerate(short, start=1):
        changed = row[:-1] + (target != code.get(symbol, -1))
        row = np.concatenate([[i], np.minimum(row[1:] + 1, changed)])
        row = np.minimum.accumulate(row - place) + place  # insertions from the left
    return int(row[-1])


def length(prediction: str, references: Sequence[str], unit: str = "characters") -> float:
    """Length of the answer in Unicode characters, or `unit: words` (between white space)."""
    return float(len(_units(prediction, unit)))


def distinct(n: int) -> Callable[..., float]:
    """Distinct n-grams of words / n-grams of an answer, in [0, 1]; without any n-gram 1.

    (After Li et al. 2016, aclanthology.org/N16-1014.)
    """

    def function(prediction: str, references: Sequence[str]) -> float:
        words = prediction.split()
        ngrams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
        return len(set(ngrams)) / len(ngrams) if ngrams else 1.0

    return function


def repetition(prediction: str, references: Sequence[str], n: int = 4) -> float:
    """Share of n-grams of words that occurred before in the answer: seq-rep-n.

    (Welleck et al. 2020, arxiv.org/abs/1908.04319.)
    """
    return 1 - distinct(n)(prediction, references)


def _skip_bigrams(text: str, skip: int | None) -> Counter:
    from rouge_score.tokenize import tokenize

    words = tokenize(text, None)

    def pairs() -> Iterator[tuple[str, str]]:
        for i, first in enumerate(words):
            for second in words[i + 1 : None if skip is None else i + 2 + skip]:
                yield first, second

    return Counter(pairs())


def _units(text: str, unit: str) -> Sequence[str]:
    if unit not in ("characters", "words"):
        raise UserError(f"unit: {unit!r}. Use characters or words.")
    return text if unit == "characters" else text.split()


@cache
def _rouge_scorer(name: str, use_stemmer: bool, tokenizer: str | None) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    if tokenizer not in (None, "whitespace", "characters"):
        raise UserError(
            f"metric {name}: tokenizer: {tokenizer!r}. Use whitespace, characters or null."
        )
    split = _Split(tokenizer) if tokenizer else None
    return RougeScorer([name], use_stemmer=use_stemmer, tokenizer=split)


class _Split:
    """A tokenizer for rouge-score that keeps every script."""

    def __init__(self, unit: str):
        self._unit = unit

    def tokenize(self, text: str) -> list[str]:
        words = text.lower().split()
        return words if self._unit == "whitespace" else list("".join(words))


_ROUGES = ("rouge1", "rouge2", "rougeL", "rougeLsum")

METRICS = (
    *(Metric(name, "generate_until", rouge(name)) for name in _ROUGES),
    Metric("rougeS", "generate_until", rouge_s),
    Metric("edit_distance", "generate_until", edit_distance, higher_is_better=False),
    Metric("edit_similarity", "generate_until", edit_similarity),
    Metric("length", "generate_until", length),
    *(Metric(f"distinct_{n}", "generate_until", distinct(n)) for n in (1, 2, 3)),
    Metric("repetition", "generate_until", repetition, higher_is_better=False),
)

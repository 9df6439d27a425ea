"""Metrics of generated answers against reference texts: is it the answer, and how much of it.

With several references the best counts. A prediction is a text: what a filter made of it, such as a
number, is turned into text before (`snakeval.scoring.score`).
"""

import math
import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

from snakeval.errors import UserError
from snakeval.jobs.time_limit import time_limit
from snakeval.metrics.classification import LABEL_METRICS
from snakeval.metrics.metric import Metric

REGEX_SECONDS = 10.0

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_ASCII_PUNCTUATION = str.maketrans("", "", string.punctuation)
_DIGITS = str.maketrans("", "", string.digits)
_TRIVIAQA_PUNCTUATION = str.maketrans(dict.fromkeys(string.punctuation + "‘’´`", " "))


def exact_match(
    prediction: str,
    references: Sequence[str],
    regexes_to_ignore: Sequence[str] = (),
    ignore_case: bool = False,
    ignore_punctuation: bool = False,
    ignore_numbers: bool = False,
) -> float:
    """1 if the answer equals a reference, else 0.

    These are removed from both, in this order: matches of the regular expressions, case, ASCII
    punctuation, ASCII digits. The options are those of `exact_match` in `evaluate` and lm-eval.
    White space counts. The expressions get REGEX_SECONDS per text.
    """

    def reduced(text: str) -> str:
        if regexes_to_ignore:
            with time_limit(REGEX_SECONDS, "regexes_to_ignore"):
                for pattern in regexes_to_ignore:
                    text = _compiled(pattern).sub("", text)
        text = text.lower() if ignore_case else text
        text = text.translate(_ASCII_PUNCTUATION) if ignore_punctuation else text
        return text.translate(_DIGITS) if ignore_numbers else text

    answer = reduced(prediction)
    return float(any(answer == reduced(reference) for reference in references))


def squad_normalised(text: str) -> str:
    """Lower case, no ASCII punctuation, no English articles, white space collapsed.

    (Rajpurkar et al. 2016, aclanthology.org/D16-1264)
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_ASCII_PUNCTUATION)).split())


def triviaqa_normalised(text: str) -> str:
    """Lower case, underscores and punctuation as spaces, no articles, white space collapsed.

    Typographic quotes are punctuation too. This is the official evaluation (Joshi et al. 2017,
    aclanthology.org/P17-1147).
    """
    words = text.replace("_", " ").lower().translate(_TRIVIAQA_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", words).split())


def squad_match(prediction: str, references: Sequence[str]) -> float:
    """1 if the answer equals a reference after SQuAD's normalisation, else 0."""
    return _normalised_match(prediction, references, squad_normalised)


def triviaqa_match(prediction: str, references: Sequence[str]) -> float:
    """1 if the answer equals a reference after TriviaQA's normalisation, else 0."""
    return _normalised_match(prediction, references, triviaqa_normalised)


def token_f1(prediction: str, references: Sequence[str]) -> float:
    """SQuAD's F1 of the words as multisets, in [0, 1], after SQuAD's normalisation.

    Where the answer or the reference has no word, it is 1 if neither has one, else 0 (SQuAD 2.0:
    the question cannot be answered).
    """
    answer = squad_normalised(prediction).split()
    words = (squad_normalised(reference).split() for reference in references)
    return max((_overlap(answer, reference) for reference in words), default=0.0)


def contains(prediction: str, references: Sequence[str]) -> float:
    """1 if a reference occurs in the answer as whole words after SQuAD's normalisation, else 0.

    An empty reference does not count.
    """
    answer = f" {squad_normalised(prediction)} "
    normalised = map(squad_normalised, references)
    return float(any(words and f" {words} " in answer for words in normalised))


def label(prediction: str, references: Sequence[str], **_: object) -> tuple[str, str]:
    """(right, predicted) for the metrics of classification.

    Of several references the one that the answer equals counts, else the first.
    """
    return (prediction if prediction in references else references[0], prediction)


def for_corpus(prediction: str, references: Sequence[str], **_: object) -> tuple[list[str], str]:
    """(references, prediction) for the metrics of translation."""
    return (list(references), prediction)


def rating(prediction: str, references: Sequence[str]) -> float:
    """The number that the answer is, such as a judge's verdict after a filter; else NaN."""
    try:
        return float(prediction)
    except ValueError:
        return math.nan


def nothing(prediction: str, references: Sequence[str]) -> None:
    """bypass: no score, the outputs are only kept."""


def _normalised_match(
    prediction: str, references: Sequence[str], normalised: Callable[[str], str]
) -> float:
    answer = normalised(prediction)
    return float(any(answer == normalised(reference) for reference in references))


def _overlap(answer: list[str], reference: list[str]) -> float:
    if not answer or not reference:
        return float(answer == reference)
    common = sum((Counter(answer) & Counter(reference)).values())
    return 2 * common / (len(answer) + len(reference))


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UserError(
            f"regexes_to_ignore: {pattern!r} is not a regular expression ({error}). "
            "Correct metric_list."
        ) from None


METRICS = (
    Metric("exact_match", "generate_until", exact_match, proportion=True),
    Metric("squad_match", "generate_until", squad_match, proportion=True),
    Metric("triviaqa_match", "generate_until", triviaqa_match, proportion=True),
    Metric("contains", "generate_until", contains, proportion=True),
    Metric("token_f1", "generate_until", token_f1),
    *(
        Metric(name, "generate_until", label, aggregation=aggregation)
        for name, aggregation in LABEL_METRICS.items()
    ),
    Metric("accuracy", "generate_until", exact_match, proportion=True),
    Metric("rating", "generate_until", rating, aggregation="nanmean"),
    Metric("bypass", "generate_until", nothing, aggregation="bypass"),
    Metric("bleu", "generate_until", for_corpus, aggregation="bleu"),
    Metric("chrf", "generate_until", for_corpus, aggregation="chrf"),
    Metric("chrf++", "generate_until", for_corpus, aggregation="chrf++"),
    Metric("ter", "generate_until", for_corpus, aggregation="ter", higher_is_better=False),
)

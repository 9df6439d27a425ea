"""Filters that choose among several sampled answers of a document."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from snakeval.errors import UserError
from snakeval.scoring.filters.answers import Answers, Document


def take_first(answers: Answers, documents: Sequence[Document]) -> Answers:
    """The first answer of each document."""
    return replace(_first(answers, 1), single=True)


def take_first_k(answers: Answers, documents: Sequence[Document], k: int) -> Answers:
    """The first k answers of each document."""
    fewest = min(map(len, answers.values), default=k)
    if fewest < k:
        raise UserError(
            f"filter take_first_k: k is {k} and a document has {fewest} answers. "
            "Raise `repeats`, or lower k."
        )
    return _first(answers, k)


def majority_vote(answers: Answers, documents: Sequence[Document]) -> Answers:
    """The most frequent answer of each document; of equally frequent ones the first.

    Fallbacks vote too. (Self-consistency: Wang et al. 2023, arxiv.org/abs/2203.11171.)
    """
    winners = [_winner(samples) for samples in answers.values]
    values = [[samples[i]] for samples, i in zip(answers.values, winners, strict=True)]
    found = [[found[i]] for found, i in zip(answers.found, winners, strict=True)]
    return Answers(values, found, answers.single)


def _first(answers: Answers, k: int) -> Answers:
    values = [samples[:k] for samples in answers.values]
    return replace(answers, values=values, found=[found[:k] for found in answers.found])


def _winner(samples: list[Any]) -> int:
    keys = [json.dumps(sample, sort_keys=True, default=str) for sample in samples]
    return keys.index(Counter(keys).most_common(1)[0][0])


FILTERS = {"take_first": take_first, "take_first_k": take_first_k, "majority_vote": majority_vote}

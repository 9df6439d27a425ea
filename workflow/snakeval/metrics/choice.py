"""Metrics of multiple choice, over all documents of a task at once.

With LL_i the log-likelihood of choice i, the chosen one is the argmax of

- acc: LL_i;
- acc_norm, acc_bytes, acc_tokens: LL_i over the length of the choice's text in Unicode characters, in UTF-8 bytes (without the delimiter
  before it), or of its continuation in tokens;
- acc_mutual_info: LL_i minus the log-likelihood of the choice after nothing (Holtzman et al. 2021, aclanthology.org/2021.emnlp-main.564).

Of equal choices the first is chosen. Choosing any of several right choices is right. A right index outside the choices is never chosen.
A choice of length 0 has no normalised score and is not chosen; nor is one of log-likelihood -inf by acc_mutual_info, also where it is as
impossible after nothing. Where all choices are impossible, each has the same share of the probability. The definitions are lm-eval's;
acc_tokens is ours.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.errors import UserError
from snakeval.metrics.aggregation import Aggregation, Item
from snakeval.metrics.classification import LABEL_METRICS
from snakeval.metrics.metric import Metric, told


@dataclass(frozen=True)
class Choices:
    """The choices of all documents of a task, one after the other; those of document d are rows starts[d] to starts[d + 1]."""

    texts: pa.StringArray
    loglikelihoods: np.ndarray
    unconditional: np.ndarray | None  # log-likelihoods after nothing, where they were asked
    greedy: np.ndarray | None  # None: recorded answers, which do not tell
    n_tokens: np.ndarray | None
    starts: np.ndarray  # documents + 1
    golds: list[list[int]]  # indices of the right choices of each document

    @property
    def first(self) -> np.ndarray:
        """Row of each document's first choice."""
        return self.starts[:-1]

    @property
    def right(self) -> np.ndarray:
        """Whether each choice is a right one."""
        right = np.zeros(len(self.loglikelihoods), dtype=bool)
        counts = np.diff(self.starts)
        documents = np.repeat(np.arange(len(self.golds)), [len(golds) for golds in self.golds])
        golds = np.array([gold for golds in self.golds for gold in golds], dtype=np.int64)
        inside = (golds >= 0) & (golds < counts[documents])
        right[self.first[documents[inside]] + golds[inside]] = True
        return right

    @property
    def document(self) -> np.ndarray:
        """Document of each choice."""
        return np.repeat(np.arange(len(self.golds)), np.diff(self.starts))

    def argmax(self, scores: np.ndarray) -> np.ndarray:
        """Index of the best choice of each document, the first of equals; `scores` has one number per choice."""
        best = np.maximum.reduceat(scores, self.first)[self.document] if len(scores) else scores
        row = np.where(scores == best, np.arange(len(scores)), len(scores))
        return (np.minimum.reduceat(row, self.first) if len(scores) else row) - self.first

    def softmax(self) -> np.ndarray:
        """Each choice's share of its document's probability, log-likelihoods unnormalised; equal where all are impossible."""
        if not len(self.loglikelihoods):
            return self.loglikelihoods
        most = np.maximum.reduceat(self.loglikelihoods, self.first)[self.document]
        weights = np.exp(
            np.subtract(self.loglikelihoods, most, out=np.zeros(len(most)), where=most > -np.inf)
        )
        return weights / np.add.reduceat(weights, self.first)[self.document]

    def per_document(self, values: np.ndarray) -> list[np.ndarray]:
        """One number per choice, cut by document."""
        return np.split(values, self.starts[1:-1]) if len(self.golds) else []

    def labels(self, chosen: np.ndarray) -> list[tuple[int, int]]:
        """(right index, chosen index) of each document; of several right ones the chosen, else the first; -1 where none is right."""
        right = self.right[self.first + chosen]
        return [
            (c if r else (g[0] if g else -1), c)
            for g, c, r in zip(self.golds, chosen.tolist(), right.tolist(), strict=True)
        ]


def accuracy_of(
    scores: Callable[[Choices], np.ndarray],
) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Whether the choice of the largest score is right, 0 or 1."""

    def accuracy(choices: Choices, **_: object) -> tuple[np.ndarray, np.ndarray]:
        chosen = choices.argmax(scores(choices))
        return chosen, choices.right[choices.first + chosen].astype(float)

    return accuracy


def per_character(choices: Choices) -> np.ndarray:
    return _over(choices.loglikelihoods, pc.utf8_length(choices.texts))


def per_byte(choices: Choices) -> np.ndarray:
    return _over(choices.loglikelihoods, pc.binary_length(choices.texts))


def per_token(choices: Choices) -> np.ndarray:
    return _over(choices.loglikelihoods, told(choices.n_tokens, "numbers of tokens"))


def mutual_information(choices: Choices) -> np.ndarray:
    if choices.unconditional is None:
        raise UserError(
            "metric acc_mutual_info: the responses hold no log-likelihoods of the choices after nothing; make the requests again"
        )
    given = choices.loglikelihoods
    return np.subtract(
        given, choices.unconditional, out=np.full(len(given), -np.inf), where=given > -np.inf
    )


def exact_match(choices: Choices, **_: object) -> tuple[np.ndarray, np.ndarray]:
    """Whether a right choice is what greedy decoding would have written, 0 or 1."""
    hits = (
        choices.right & told(choices.greedy, "which texts greedy decoding would have written")
    ).astype(float)
    return choices.argmax(choices.loglikelihoods), np.maximum.reduceat(hits, choices.first) if len(
        hits
    ) else hits


def nothing(choices: Choices, **_: object) -> tuple[np.ndarray, list[Item]]:
    """bypass: no score, the answers are only kept."""
    return choices.argmax(choices.loglikelihoods), [None] * len(choices.golds)


def labels(choices: Choices, **_: object) -> tuple[np.ndarray, list[Item]]:
    """(right, chosen) for the metrics of classification."""
    chosen = choices.argmax(choices.loglikelihoods)
    return chosen, choices.labels(chosen)


def probabilities(choices: Choices, **_: object) -> tuple[np.ndarray, list[Item]]:
    """(right, softmax of the log-likelihoods); right is an index, or the list of several."""
    chosen = choices.argmax(choices.loglikelihoods)
    return chosen, list(
        zip(
            map(_gold, choices.golds),
            map(np.ndarray.tolist, choices.per_document(choices.softmax())),
            strict=True,
        )
    )


def loglikelihoods(choices: Choices, **_: object) -> tuple[np.ndarray, list[Item]]:
    """(right, log-likelihoods); right is an index, or the list of several."""
    chosen = choices.argmax(choices.loglikelihoods)
    return chosen, list(
        zip(
            map(_gold, choices.golds),
            map(np.ndarray.tolist, choices.per_document(choices.loglikelihoods)),
            strict=True,
        )
    )


def brier(item: Item) -> float:
    """Sum over the choices of (probability - right)², in [0, 2]; several right choices share the 1 (Brier 1950)."""
    golds, shares = right_choices(item), np.zeros(len(item[1]))
    shares[golds] = 1 / max(len(golds), 1)
    return float(np.sum((np.asarray(item[1]) - shares) ** 2))


def right_probability(item: Item) -> float:
    """Share of the probability on right choices: softmax of the log-likelihoods, summed over them (TruthfulQA's MC2,
    Lin et al. 2022, aclanthology.org/2022.acl-long.229)."""
    scores = of_choices(item)
    weights = np.exp(scores - np.max(scores))
    return float(weights[right_choices(item)].sum() / weights.sum())


def right_choices(item: Item) -> list[int]:
    """The right ones among the choices of (right, scores)."""
    gold, scores = item
    return [g for g in ([gold] if isinstance(gold, int) else gold) if 0 <= g < len(scores)]


def of_choices(item: Item) -> np.ndarray:
    """The log-likelihoods of (right, log-likelihoods); equal ones where all choices are impossible."""
    scores = np.asarray(item[1], float)
    return scores if np.max(scores) > -np.inf else np.zeros(len(scores))


def brier_score(**_: object) -> Aggregation:
    """The mean of Brier scores; items are (right index, probabilities), or scores."""
    return Aggregation(
        "brier_score",
        "mean",
        value=lambda item: float(item) if isinstance(item, int | float) else brier(item),
        higher_is_better=False,
    )


def _gold(golds: list[int]) -> int | list[int]:
    return golds[0] if len(golds) == 1 else golds


def _over(loglikelihoods: np.ndarray, lengths: pa.Array | np.ndarray) -> np.ndarray:
    lengths = np.asarray(lengths, float)
    return np.divide(loglikelihoods, lengths, out=np.full(len(lengths), -np.inf), where=lengths > 0)


METRICS = (
    Metric(
        "acc",
        "multiple_choice",
        accuracy_of(lambda choices: choices.loglikelihoods),
        proportion=True,
    ),
    Metric("acc_norm", "multiple_choice", accuracy_of(per_character), proportion=True),
    Metric("acc_bytes", "multiple_choice", accuracy_of(per_byte), proportion=True),
    Metric("acc_tokens", "multiple_choice", accuracy_of(per_token), proportion=True),
    Metric("acc_mutual_info", "multiple_choice", accuracy_of(mutual_information), proportion=True),
    Metric("exact_match", "multiple_choice", exact_match, proportion=True),
    Metric("brier_score", "multiple_choice", probabilities, higher_is_better=False, value=brier),
    Metric("likelihood", "multiple_choice", loglikelihoods, value=right_probability),
    Metric("bypass", "multiple_choice", nothing, aggregation="bypass"),
    *(
        Metric(name, "multiple_choice", labels, aggregation=aggregation)
        for name, aggregation in LABEL_METRICS.items()
    ),
)

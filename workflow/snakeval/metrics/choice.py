"""Metrics of multiple choice, over all documents of a task at once.

LL_i is the log-likelihood of choice i. The chosen one is the argmax of

- acc: LL_i;
- acc_norm, acc_bytes: LL_i over the length of the choice's text in Unicode characters or in UTF-8
  bytes, without the delimiter before it;
- acc_tokens: LL_i over the length of the continuation in tokens;
- acc_mutual_info: LL_i minus the log-likelihood of the choice without the question (Holtzman et al.
  2021, aclanthology.org/2021.emnlp-main.564).

Of equal choices the first is chosen. Choosing any of several right choices is right. A right index
outside the choices is never chosen. A choice of length 0 has no normalised score and is not chosen.
acc_mutual_info never chooses a choice of log-likelihood -inf, even if it is as impossible without
the question. Where all choices are impossible, each has the same share of the probability. The
definitions are lm-eval's; acc_tokens is ours.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.errors import UserError
from snakeval.metrics.aggregation import Aggregation, Item
from snakeval.metrics.classification import LABEL_METRICS
from snakeval.metrics.metric import Metric, require_recorded


@dataclass(frozen=True)
class Choices:
    """The choices of all documents of a task: document d has rows starts[d] to starts[d + 1]."""

    texts: pa.StringArray
    loglikelihoods: np.ndarray
    unconditional: np.ndarray | None  # log-likelihoods without the question, where requested
    greedy: np.ndarray | None  # None: recorded responses that do not hold it
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
        """Index of the best choice of each document, the first of equals.

        `scores` has one number per choice.
        """
        best = np.maximum.reduceat(scores, self.first)[self.document] if len(scores) else scores
        row = np.where(scores == best, np.arange(len(scores)), len(scores))
        return (np.minimum.reduceat(row, self.first) if len(scores) else row) - self.first

    def softmax(self) -> np.ndarray:
        """Each choice's share of its document's probability; equal where all are impossible."""
        if not len(self.loglikelihoods):
            return self.loglikelihoods
        most = np.maximum.reduceat(self.loglikelihoods, self.first)[self.document]
        possible = most > -np.inf
        gaps = np.subtract(self.loglikelihoods, most, out=np.zeros(len(most)), where=possible)
        weights = np.exp(gaps)
        return weights / np.add.reduceat(weights, self.first)[self.document]

    def per_document(self, values: np.ndarray) -> list[np.ndarray]:
        """One number per choice, cut by document."""
        return np.split(values, self.starts[1:-1]) if len(self.golds) else []

    def labels(self, chosen: np.ndarray) -> list[tuple[int, int]]:
        """(right index, chosen index) of each document.

        Of several right ones the chosen one counts, else the first; -1 where none is right.
        """
        right = self.right[self.first + chosen]
        return [
            (c if r else (g[0] if g else -1), c)
            for g, c, r in zip(self.golds, chosen.tolist(), right.tolist(), strict=True)
        ]


def accuracy_of(
    scores: Callable[[Choices], np.ndarray],
) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """The metric's function: whether the choice of the largest score is right, 0 or 1."""

    def accuracy(choices: Choices, **_: object) -> tuple[np.ndarray, np.ndarray]:
        chosen = choices.argmax(scores(choices))
        return chosen, choices.right[choices.first + chosen].astype(float)

    return accuracy


def per_character(choices: Choices) -> np.ndarray:
    """Log-likelihood over the length of the text in Unicode characters; see the module."""
    return _over(choices.loglikelihoods, pc.utf8_length(choices.texts))


def per_byte(choices: Choices) -> np.ndarray:
    """Log-likelihood over the length of the text in UTF-8 bytes."""
    return _over(choices.loglikelihoods, pc.binary_length(choices.texts))


def per_token(choices: Choices) -> np.ndarray:
    """Log-likelihood over the length of the continuation in tokens."""
    return _over(choices.loglikelihoods, require_recorded(choices.n_tokens, "numbers of tokens"))


def mutual_information(choices: Choices) -> np.ndarray:
    """Log-likelihood minus that of the choice without the question."""
    if choices.unconditional is None:
        raise UserError(
            "metric acc_mutual_info: the responses do not hold log-likelihoods of the choices "
            "without the question. Delete the requests and run again."
        )
    given = choices.loglikelihoods
    impossible = np.full(len(given), -np.inf)
    return np.subtract(given, choices.unconditional, out=impossible, where=given > -np.inf)


def exact_match(choices: Choices, **_: object) -> tuple[np.ndarray, np.ndarray]:
    """Whether a right choice is what greedy decoding would have written, 0 or 1."""
    what = "which texts greedy decoding would have written"
    hits = (choices.right & require_recorded(choices.greedy, what)).astype(float)
    found = np.maximum.reduceat(hits, choices.first) if len(hits) else hits
    return choices.argmax(choices.loglikelihoods), found


def nothing(choices: Choices, **_: object) -> tuple[np.ndarray, list[Item]]:
    """bypass: no score, the outputs are only kept."""
    return choices.argmax(choices.loglikelihoods), [None] * len(choices.golds)


def labels(choices: Choices, **_: object) -> tuple[np.ndarray, list[Item]]:
    """(right, chosen) for the metrics of classification."""
    chosen = choices.argmax(choices.loglikelihoods)
    return chosen, choices.labels(chosen)


def probabilities(choices: Choices, **_: object) -> tuple[np.ndarray, list[Item]]:
    """(right, softmax of the log-likelihoods); right is an index, or the list of several."""
    return choices.argmax(choices.loglikelihoods), _with_golds(choices, choices.softmax())


def loglikelihoods(choices: Choices, **_: object) -> tuple[np.ndarray, list[Item]]:
    """(right, log-likelihoods); right is an index, or the list of several."""
    return choices.argmax(choices.loglikelihoods), _with_golds(choices, choices.loglikelihoods)


def brier(item: Item) -> float:
    """Sum over the choices of (probability - right)², in [0, 2] (Brier 1950).

    Several right choices share the 1.
    """
    golds, shares = right_choices(item), np.zeros(len(item[1]))
    shares[golds] = 1 / max(len(golds), 1)
    return float(np.sum((np.asarray(item[1]) - shares) ** 2))


def right_probability(item: Item) -> float:
    """Share of the probability on right choices: the softmax of the log-likelihoods, summed.

    This is TruthfulQA's MC2 (Lin et al. 2022, aclanthology.org/2022.acl-long.229).
    """
    scores = of_choices(item)
    weights = np.exp(scores - np.max(scores))
    return float(weights[right_choices(item)].sum() / weights.sum())


def right_choices(item: Item) -> list[int]:
    """Indices of the right choices of (right, scores)."""
    gold, scores = item
    golds = [gold] if isinstance(gold, int) else gold
    return [index for index in golds if 0 <= index < len(scores)]


def of_choices(item: Item) -> np.ndarray:
    """The log-likelihoods of (right, log-likelihoods); zeros where all choices are impossible."""
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


def _with_golds(choices: Choices, values: np.ndarray) -> list[Item]:
    """(right, values) of each document; right is an index, or the list of several."""
    golds = [golds[0] if len(golds) == 1 else golds for golds in choices.golds]
    lists = [each.tolist() for each in choices.per_document(values)]
    return list(zip(golds, lists, strict=True))


def _over(loglikelihoods: np.ndarray, lengths: pa.Array | np.ndarray) -> np.ndarray:
    lengths = np.asarray(lengths, float)
    return np.divide(loglikelihoods, lengths, out=np.full(len(lengths), -np.inf), where=lengths > 0)


_ACCURACIES: dict[str, Callable[[Choices], np.ndarray]] = {
    "acc": lambda choices: choices.loglikelihoods,
    "acc_norm": per_character,
    "acc_bytes": per_byte,
    "acc_tokens": per_token,
    "acc_mutual_info": mutual_information,
}

METRICS = (
    *(
        Metric(name, "multiple_choice", accuracy_of(scores), proportion=True)
        for name, scores in _ACCURACIES.items()
    ),
    Metric("exact_match", "multiple_choice", exact_match, proportion=True),
    Metric("brier_score", "multiple_choice", probabilities, higher_is_better=False, value=brier),
    Metric("likelihood", "multiple_choice", loglikelihoods, value=right_probability),
    Metric("bypass", "multiple_choice", nothing, aggregation="bypass"),
    *(
        Metric(name, "multiple_choice", labels, aggregation=aggregation)
        for name, aggregation in LABEL_METRICS.items()
    ),
)

AGGREGATIONS = {"brier_score": brier_score}

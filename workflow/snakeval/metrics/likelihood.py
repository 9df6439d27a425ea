"""Metrics of log-likelihood requests: of a target after a prompt, and of a whole text (rolling).

Perplexities are exp(-sum of natural log-likelihoods / sum of units) over all documents of a task (Jelinek et al. 1977), not means of the
documents' perplexities; only `perplexity` counts documents: exp(-mean log-likelihood of the targets), as LAMBADA is reported. Words are the
parts between runs of white space, empty parts at the ends included, as lm-eval counts them: `len(re.split(r"\\s+", text))`; bytes are
those of UTF-8; both are counted in the scored text, or in the column of the document that the option `counted` names (WikiText's words
are those before detokenisation); tokens are the model's own, so token_perplexity does not compare models with different tokenizers.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from snakeval.errors import UserError
from snakeval.metrics.aggregation import Item
from snakeval.metrics.metric import Metric, told


@dataclass(frozen=True)
class Targets:
    """One target per document, after its prompt."""

    loglikelihoods: np.ndarray
    greedy: (
        np.ndarray | None
    )  # greedy decoding would have written the target; None: recorded answers, which do not tell


@dataclass(frozen=True)
class Texts:
    """One whole text per document."""

    texts: list[str]
    loglikelihoods: np.ndarray
    n_tokens: np.ndarray | None
    documents: Sequence[Mapping[str, Any]] = ()

    def counted(self, column: str | None) -> list[str]:
        """The texts, or a column of the documents."""
        if column is None:
            return self.texts
        if odd := [
            number
            for number, document in enumerate(self.documents)
            if not isinstance(document.get(column), str)
        ]:
            raise UserError(
                f"counted: document {odd[0]} (from 0) has no text in column {column!r}; mend metric_list"
            )
        return [document[column] for document in self.documents]


def loglikelihood(targets: Targets, **_: object) -> list[Item]:
    return targets.loglikelihoods.tolist()


def is_greedy(targets: Targets, **_: object) -> list[Item]:
    """Whether greedy decoding would have written the target, 0 or 1."""
    return (
        told(targets.greedy, "which texts greedy decoding would have written")
        .astype(float)
        .tolist()
    )


def nothing(targets: Targets, **_: object) -> list[Item]:
    """bypass: no score, the answers are only kept."""
    return [None] * len(targets.loglikelihoods)


def per_word(texts: Texts, counted: str | None = None, **_: object) -> list[Item]:
    return _with(texts, [len(re.split(r"\s+", text)) for text in texts.counted(counted)])


def per_byte(texts: Texts, counted: str | None = None, **_: object) -> list[Item]:
    return _with(texts, [len(text.encode()) for text in texts.counted(counted)])


def per_token(texts: Texts, **_: object) -> list[Item]:
    return _with(texts, told(texts.n_tokens, "numbers of tokens").tolist())


def _with(texts: Texts, weights: list[int]) -> list[Item]:
    return list(zip(texts.loglikelihoods.tolist(), weights, strict=True))


METRICS = (
    Metric("acc", "loglikelihood", is_greedy, proportion=True),
    Metric("bypass", "loglikelihood", nothing, aggregation="bypass"),
    Metric(
        "perplexity",
        "loglikelihood",
        loglikelihood,
        aggregation="perplexity",
        higher_is_better=False,
    ),
    Metric(
        "word_perplexity",
        "loglikelihood_rolling",
        per_word,
        aggregation="weighted_perplexity",
        higher_is_better=False,
    ),
    Metric(
        "byte_perplexity",
        "loglikelihood_rolling",
        per_byte,
        aggregation="weighted_perplexity",
        higher_is_better=False,
    ),
    Metric(
        "token_perplexity",
        "loglikelihood_rolling",
        per_token,
        aggregation="weighted_perplexity",
        higher_is_better=False,
    ),
    Metric(
        "bits_per_byte",
        "loglikelihood_rolling",
        per_byte,
        aggregation="bits_per_byte",
        higher_is_better=False,
    ),
)

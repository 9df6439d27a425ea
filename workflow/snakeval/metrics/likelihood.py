"""Metrics of log-likelihood requests: of a target after a prompt, and of a whole text (rolling).

Perplexities are exp(-sum of natural log-likelihoods / sum of units) over all documents of a task
(Jelinek et al. 1977), not means of the documents' perplexities. Only `perplexity` counts documents:
exp(-mean log-likelihood of the targets), as LAMBADA is reported.

- Words are the parts between runs of white space, with empty parts at the ends, as lm-eval counts
  them: `len(re.split(r"\\s+", text))`.
- Bytes are those of UTF-8.
- Tokens are the model's own: token_perplexity does not compare models with different tokenizers.

Words and bytes are counted in the scored text. The option `counted` names a column of the document
to count them in instead: WikiText's words are those before detokenisation.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from snakeval.errors import UserError
from snakeval.metrics.aggregation import Item
from snakeval.metrics.metric import Metric, require_recorded


@dataclass(frozen=True)
class Targets:
    """One target per document, after its prompt."""

    loglikelihoods: np.ndarray
    greedy: np.ndarray | None
    """Whether greedy decoding would have written the target; None: not recorded."""


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
        for number, document in enumerate(self.documents):
            if not isinstance(document.get(column), str):
                raise UserError(
                    f"counted: document {number} (from 0) has no text in column {column!r}. "
                    "Correct metric_list."
                )
        return [document[column] for document in self.documents]


def loglikelihood(targets: Targets, **_: object) -> list[Item]:
    """The natural log-likelihood of each target."""
    return targets.loglikelihoods.tolist()


def is_greedy(targets: Targets, **_: object) -> list[Item]:
    """Whether greedy decoding would have written the target, 0 or 1."""
    what = "which texts greedy decoding would have written"
    return require_recorded(targets.greedy, what).astype(float).tolist()


def nothing(targets: Targets, **_: object) -> list[Item]:
    """bypass: no score, the outputs are only kept."""
    return [None] * len(targets.loglikelihoods)


def per_word(texts: Texts, counted: str | None = None, **_: object) -> list[Item]:
    """(log-likelihood, words) of each text."""
    return _with(texts, [len(re.split(r"\s+", text)) for text in texts.counted(counted)])


def per_byte(texts: Texts, counted: str | None = None, **_: object) -> list[Item]:
    """(log-likelihood, bytes) of each text."""
    return _with(texts, [len(text.encode()) for text in texts.counted(counted)])


def per_token(texts: Texts, **_: object) -> list[Item]:
    """(log-likelihood, tokens) of each text."""
    return _with(texts, require_recorded(texts.n_tokens, "numbers of tokens").tolist())


def _with(texts: Texts, weights: list[int]) -> list[Item]:
    return list(zip(texts.loglikelihoods.tolist(), weights, strict=True))


def _perplexity(name: str, function: Callable[..., list[Item]], aggregation: str) -> Metric:
    return Metric(
        name,
        "loglikelihood_rolling",
        function,
        aggregation=aggregation,
        higher_is_better=False,
    )


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
    _perplexity("word_perplexity", per_word, "weighted_perplexity"),
    _perplexity("byte_perplexity", per_byte, "weighted_perplexity"),
    _perplexity("token_perplexity", per_token, "weighted_perplexity"),
    _perplexity("bits_per_byte", per_byte, "bits_per_byte"),
)

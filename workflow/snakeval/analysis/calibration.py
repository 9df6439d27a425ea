"""Whether a model's confidence can be trusted, from its multiple-choice documents of all tasks.

Calibration: Guo et al., "On Calibration of Modern Neural Networks" (2017); ten equal bins of
confidence. Risk-coverage: Geifman and El-Yaniv, "Selective Classification for Deep Neural
Networks" (2017).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snakeval.files import parquet
from snakeval.schemas.model import RESPONSES
from snakeval.schemas.task import REQUESTS
from snakeval.statistics import intervals

BINS = 10
Choices = dict[tuple[str, int], tuple[int, frozenset[int]]]
"""(task, doc_id) -> number of choices, and the right ones."""


@dataclass(frozen=True)
class Confidence:
    """One model. Confidence is the share of the likeliest among the choices' probabilities."""

    model: str
    n: int  # documents
    error: float  # expected calibration error
    bins: list[tuple[float, float, float, float, int]]
    """Mean confidence, accuracy, low, high, documents."""
    coverage: list[tuple[float, float]]
    """Share of documents answered, most confident first, and the accuracy on them."""

    @property
    def accuracy_of_half(self) -> float:
        """Accuracy on the half of the documents that the model is surest of."""
        return next(right for share, right in self.coverage if share >= 0.5)


def measure(
    models: Sequence[str],
    requests: Mapping[str, Path],
    responses: Mapping[tuple[str, str], Path],
) -> list[Confidence]:
    """The models that answered documents with choices.

    `requests`: benchmark -> REQUESTS; `responses`: (model, benchmark) -> RESPONSES.
    """
    choices = {benchmark: _choices(file) for benchmark, file in requests.items()}
    found = []
    for model in models:
        parts = [
            _confidences(responses[model, benchmark], choices[benchmark])
            for benchmark in requests
            if (model, benchmark) in responses
        ]
        if sum(map(len, parts)):
            found.append(calibrate(model, np.concatenate(parts)))
    return found


def calibrate(model: str, documents: np.ndarray) -> Confidence:
    """`documents`: (n, 2), the confidence from 0 to 1 and whether the choice is right (0 or 1)."""
    sure, right = documents.T
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    bins, error = [], 0.0
    for i in range(BINS):
        inside = place == i
        n = int(inside.sum())
        if n:
            accuracy, mean = float(right[inside].mean()), float(sure[inside].mean())
            low, high = map(float, intervals.wilson(accuracy, n))
            bins.append((mean, accuracy, low, high, n))
            error += n / len(sure) * abs(accuracy - mean)
    order = np.argsort(-sure, kind="stable")
    running = np.cumsum(right[order]) / np.arange(1, len(sure) + 1)
    cuts = sorted({math.ceil(len(sure) * share / 20) for share in range(1, 21)})
    coverage = [(cut / len(sure), float(running[cut - 1])) for cut in cuts]
    return Confidence(model, len(sure), error, bins, coverage)


def _choices(path: Path) -> Choices:
    """The multiple-choice documents that have several choices and a right one."""
    table = parquet.read(path, REQUESTS, ["task", "doc_id", "kind", "choices", "gold"])
    return {
        (row["task"], row["doc_id"]): (len(row["choices"]), frozenset(row["gold"]))
        for row in table.to_pylist()
        if row["kind"] == "multiple_choice" and len(row["choices"]) > 1 and row["gold"]
    }


def _confidences(path: Path, choices: Choices) -> np.ndarray:
    """Documents × (confidence, right), by the plain log-likelihoods."""
    found = []
    for row in parquet.read(path, RESPONSES, ["task", "doc_id", "loglikelihoods"]).to_pylist():
        count, gold = choices.get((row["task"], row["doc_id"]), (0, frozenset()))
        own = row["loglikelihoods"][:count]
        if not own or not all(map(math.isfinite, own)):
            continue
        top = max(own)
        found.append((1 / sum(math.exp(x - top) for x in own), own.index(top) in gold))
    return np.array(found, dtype=float).reshape(-1, 2)

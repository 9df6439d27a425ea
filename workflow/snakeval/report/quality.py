"""How far a model's confidence can be trusted, and what its score depends on; computed per document, pooled over tasks.

Calibration: Guo et al., "On Calibration of Modern Neural Networks" (2017); ten equal bins of confidence. Risk–coverage: Geifman and
El-Yaniv, "Selective Classification for Deep Neural Networks" (2017).
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from snakeval.files import parquet
from snakeval.report import charts
from snakeval.report.board import Row
from snakeval.report.samples import prompt_lengths
from snakeval.schemas.model import RESPONSES, SCORES, TOKENS
from snakeval.schemas.task import REQUESTS
from snakeval.statistics import intervals

BINS = 10
FIFTHS = 5


@dataclass(frozen=True)
class Confidence:
    """Multiple-choice documents of one model. Confidence is the share of the chosen among the choices' probabilities."""

    model: str
    n: int
    error: float  # expected calibration error
    bins: list[
        tuple[float, float, float, float, int]
    ]  # mean confidence, accuracy, low, high, documents
    coverage: list[
        tuple[float, float]
    ]  # share of documents answered, most confident first; their accuracy


@dataclass(frozen=True)
class Length:
    """Score of one model by length of prompts or answers; fifths are taken within each task, so that tasks do not mix with lengths."""

    model: str
    n: int
    fifths: list[tuple[int, float, float, float]]  # fifth, mean score, low, high


def measure(results: Path, benchmarks: list[str], models: list[str], rows: list[Row]) -> dict:
    """{"confidence": [Confidence], "prompt": [Length], "answer": [Length]} of the models that have the documents for it."""
    leading = {
        (row.benchmark, row.task): row
        for row in rows
        if row.primary and row.bounded and not row.is_group
    }
    choices = {
        benchmark: _choices(results / "requests" / f"{benchmark}.parquet")
        for benchmark in benchmarks
    }
    found: dict[str, list] = {"confidence": [], "prompt": [], "answer": []}
    for model in models:
        sure: list[np.ndarray] = []
        by_prompt: list[np.ndarray] = []
        by_answer: list[np.ndarray] = []
        for benchmark in benchmarks:
            if not (results / "responses" / model / f"{benchmark}.parquet").exists():
                continue
            sure.append(
                _confidences(
                    results / "responses" / model / f"{benchmark}.parquet", choices[benchmark]
                )
            )
            values = _values(results, model, benchmark, leading)
            if (
                results / "tokens" / model / f"{benchmark}.parquet"
            ).exists():  # not of recorded answers
                by_prompt += _by_length(values, _prompt_tokens(results, model, benchmark))
            by_answer += _by_length(values, _answer_tokens(results, model, benchmark))
        if sum(map(len, sure)):
            found["confidence"].append(_calibrate(model, np.concatenate(sure)))
        if by_prompt:
            found["prompt"].append(_fifths(model, np.concatenate(by_prompt)))
        if by_answer:
            found["answer"].append(_fifths(model, np.concatenate(by_answer)))
    return found


def calibration_panels(found: list[Confidence]) -> list[charts.Panel]:
    return [
        charts.panel(
            c.model,
            [
                (sure, right, low, high, f"{n} documents: {sure:.2f} sure, {right:.2f} right")
                for sure, right, low, high, n in c.bins
            ],
            x=(0.0, 1.0),
            diagonal=True,
            note=f"ECE {c.error:.3f}, n {c.n}",
        )
        for c in found
    ]


def calibration_csv(found: list[Confidence]) -> str:
    lines = [(c.model, *line, c.error) for c in found for line in c.bins]
    return charts.csv(
        ("model", "confidence", "share_right", "ci_low", "ci_high", "n", "ece"), lines
    )


def coverage_panels(found: list[Confidence]) -> list[charts.Panel]:
    return [
        charts.panel(
            c.model,
            [(share, right, None, None, "") for share, right in c.coverage],
            x=(0.0, 1.0),
            line=True,
            note=f"all: {c.coverage[-1][1]:.3f}, surest half: {_at_half(c):.3f}",
        )
        for c in found
    ]


def coverage_csv(found: list[Confidence]) -> str:
    return charts.csv(
        ("model", "coverage", "share_right"),
        [(c.model, *line) for c in found for line in c.coverage],
    )


def length_panels(found: list[Length]) -> list[charts.Panel]:
    return [
        charts.panel(
            line.model,
            [
                (float(fifth), mean, low, high, f"fifth {fifth}: {mean:.3f}")
                for fifth, mean, low, high in line.fifths
            ],
            x=(0.5, FIFTHS + 0.5),
            x_ticks=FIFTHS,
            line=True,
            note=f"n {line.n}",
        )
        for line in found
    ]


def length_csv(found: list[Length]) -> str:
    return charts.csv(
        ("model", "fifth", "mean", "ci_low", "ci_high"),
        [(line.model, *fifth) for line in found for fifth in line.fifths],
    )


def _choices(path: Path) -> dict[tuple[str, int], tuple[int, frozenset[int]]]:
    """(task, doc_id) -> number of choices and the right ones, of multiple-choice documents."""
    table = parquet.read(path, REQUESTS, ["task", "doc_id", "kind", "choices", "gold"])
    return {
        (row["task"], row["doc_id"]): (len(row["choices"]), frozenset(row["gold"]))
        for row in table.to_pylist()
        if row["kind"] == "multiple_choice" and len(row["choices"]) > 1 and row["gold"]
    }


def _confidences(
    path: Path, choices: dict[tuple[str, int], tuple[int, frozenset[int]]]
) -> np.ndarray:
    """Documents × (confidence, right) by the plain log-likelihoods."""
    found = []
    for row in parquet.read(path, RESPONSES, ["task", "doc_id", "loglikelihoods"]).to_pylist():
        count, gold = choices.get((row["task"], row["doc_id"]), (0, frozenset()))
        own = row["loglikelihoods"][:count]
        if not own or not all(map(math.isfinite, own)):
            continue
        top = max(own)
        found.append((1 / sum(math.exp(x - top) for x in own), own.index(top) in gold))
    return np.array(found, dtype=float).reshape(-1, 2)


def _calibrate(model: str, documents: np.ndarray) -> Confidence:
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
    return Confidence(
        model, len(sure), error, bins, [(cut / len(sure), float(running[cut - 1])) for cut in cuts]
    )


def _prompt_tokens(results: Path, model: str, benchmark: str) -> dict[tuple[str, int], int]:
    table = parquet.read(
        results / "tokens" / model / f"{benchmark}.parquet", TOKENS, ["task", "doc_id", "contexts"]
    )
    return dict(
        zip(
            _keys(table),
            (max(n, default=0) for n in prompt_lengths(table["contexts"]).to_pylist()),
            strict=True,
        )
    )


def _answer_tokens(results: Path, model: str, benchmark: str) -> dict[tuple[str, int], int]:
    """Of generated answers; the longest where there are several."""
    table = parquet.read(
        results / "responses" / model / f"{benchmark}.parquet",
        RESPONSES,
        ["task", "doc_id", "kind", "n_tokens"],
    )
    lines = table.select(["kind", "n_tokens"]).to_pylist()
    return {
        key: max(line["n_tokens"])
        for key, line in zip(_keys(table), lines, strict=True)
        if line["kind"] == "generate_until" and line["n_tokens"]  # recorded answers do not tell
    }


def _values(
    results: Path, model: str, benchmark: str, leading: dict[tuple[str, str], Row]
) -> dict[tuple[str, int], float]:
    """The documents' scores by the leading metric."""
    table = parquet.read(
        results / "scores" / model / f"{benchmark}.parquet",
        SCORES,
        ["task", "doc_id", "filter", "metric", "value"],
    )
    lines = table.select(["filter", "metric", "value"]).to_pylist()
    return {
        key: line["value"]
        for key, line in zip(_keys(table), lines, strict=True)
        if (lead := leading.get((benchmark, key[0])))
        and (lead.filter, lead.metric) == (line["filter"], line["metric"])
        and line["value"] is not None
    }


def _by_length(
    values: dict[tuple[str, int], float], lengths: dict[tuple[str, int], int]
) -> list[np.ndarray]:
    """Per task: documents × (fifth, score)."""
    held: dict[str, list[tuple[int, float]]] = {}
    for key, value in values.items():
        if key in lengths:
            held.setdefault(key[0], []).append((lengths[key], value))
    found = []
    for pairs in held.values():
        length, value = np.array(pairs, dtype=float).T
        if len(length) >= FIFTHS and length.min() < length.max():
            rank = np.searchsorted(np.sort(length), length, side="left") + np.searchsorted(
                np.sort(length), length, side="right"
            )
            found.append(
                np.stack(
                    [np.minimum(rank * FIFTHS // (2 * len(length)), FIFTHS - 1), value], axis=1
                )
            )
    return found


def _fifths(model: str, documents: np.ndarray) -> Length:
    fifth, value = documents.T
    found = []
    for i in range(FIFTHS):
        own = value[fifth == i]
        if len(own) > 1:
            half = float(intervals.critical()) * float(own.std(ddof=1)) / math.sqrt(len(own))
            found.append(
                (
                    i + 1,
                    float(own.mean()),
                    max(0.0, float(own.mean()) - half),
                    min(1.0, float(own.mean()) + half),
                )
            )
    return Length(model, len(value), found)


def _keys(table: pa.Table) -> list[tuple[str, int]]:
    return list(zip(table["task"].to_pylist(), table["doc_id"].to_pylist(), strict=True))


def _at_half(found: Confidence) -> float:
    return next(right for share, right in found.coverage if share >= 0.5)

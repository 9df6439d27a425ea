"""Scores by the length of prompts and of answers, in tokens."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.files import parquet
from snakeval.schemas.model import RESPONSES, SCORES, TOKENS
from snakeval.statistics import intervals

FIFTHS = 5

Key = tuple[str, int]  # task, doc_id
Files = Mapping[tuple[str, str], Path]  # (model, benchmark) -> file


@dataclass(frozen=True)
class Length:
    """Score of one model by length; fifths within each task keep tasks and lengths apart."""

    model: str
    n: int  # documents
    fifths: list[tuple[int, float, float, float]]  # fifth, mean score, low, high


@dataclass(frozen=True)
class Lengths:
    """The models that have documents of several lengths."""

    prompt: list[Length] = field(default_factory=list)
    answer: list[Length] = field(default_factory=list)


def measure(
    models: Sequence[str],
    benchmarks: Sequence[str],
    tokens: Files,
    responses: Files,
    scores: Files,
    leading: Mapping[tuple[str, str], tuple[str, str]],
) -> Lengths:
    """Scores of each model by the length of its prompts, and of the answers that it generated.

    `leading`: (benchmark, task) -> the filter and metric whose values, from 0 to 1, count. Other
    tasks do not count. A recorded model has no TOKENS, so nothing is known of its prompts.
    """
    found = Lengths()
    for model in models:
        by_prompt: list[np.ndarray] = []
        by_answer: list[np.ndarray] = []
        for benchmark in benchmarks:
            where = (model, benchmark)
            if where not in responses:
                continue
            own = {task: key for (of, task), key in leading.items() if of == benchmark}
            values = _values(scores[where], own)
            if where in tokens:
                by_prompt += by_length(values, _prompt_tokens(tokens[where]))
            by_answer += by_length(values, _answer_tokens(responses[where]))
        if by_prompt:
            found.prompt.append(pooled(model, np.concatenate(by_prompt)))
        if by_answer:
            found.answer.append(pooled(model, np.concatenate(by_answer)))
    return found


def prompt_lengths(contexts: pa.ChunkedArray) -> pa.ListArray:
    """Tokens of each context, one list per document. The ids never become Python objects."""
    lists = contexts.combine_chunks()
    ends = np.cumsum(pc.list_value_length(lists).to_numpy(zero_copy_only=False))
    offsets = pa.array(np.concatenate([[0], ends]), pa.int32())
    return pa.ListArray.from_arrays(offsets, pc.list_value_length(lists.flatten()))


def by_length(values: Mapping[Key, float], lengths: Mapping[Key, int]) -> list[np.ndarray]:
    """For each task with at least five documents of several lengths: documents × (fifth, score)."""
    held: dict[str, list[tuple[int, float]]] = {}
    for key, value in values.items():
        if key in lengths:
            held.setdefault(key[0], []).append((lengths[key], value))
    found = []
    for pairs in held.values():
        length, value = np.array(pairs, dtype=float).T
        if len(length) < FIFTHS or length.min() == length.max():
            continue
        ordered = np.sort(length)
        twice = sum(np.searchsorted(ordered, length, side=side) for side in ("left", "right"))
        fifth = np.minimum(twice * FIFTHS // (2 * len(length)), FIFTHS - 1)
        found.append(np.stack([fifth, value], axis=1))
    return found


def pooled(model: str, documents: np.ndarray) -> Length:
    """Mean score of each fifth, with a normal interval within 0 and 1.

    `documents`: (n, 2), the fifth from 0 to 4 and the score. A fifth of one document is left out.
    """
    fifth, value = documents.T
    found = []
    for i in range(FIFTHS):
        own = value[fifth == i]
        if len(own) > 1:
            mean = float(own.mean())
            half = float(intervals.critical()) * float(own.std(ddof=1)) / math.sqrt(len(own))
            found.append((i + 1, mean, max(0.0, mean - half), min(1.0, mean + half)))
    return Length(model, len(value), found)


def _prompt_tokens(path: Path) -> dict[Key, int]:
    """Tokens of the longest context of each document."""
    table = parquet.read(path, TOKENS, ["task", "doc_id", "contexts"])
    lengths = prompt_lengths(table["contexts"]).to_pylist()
    return {key: max(own, default=0) for key, own in zip(_keys(table), lengths, strict=True)}


def _answer_tokens(path: Path) -> dict[Key, int]:
    """Tokens of the longest generated answer of each document; recorded ones may not say."""
    table = parquet.read(path, RESPONSES, ["task", "doc_id", "kind", "n_tokens"])
    lines = table.select(["kind", "n_tokens"]).to_pylist()
    return {
        key: max(line["n_tokens"])
        for key, line in zip(_keys(table), lines, strict=True)
        if line["kind"] == "generate_until" and line["n_tokens"]
    }


def _values(path: Path, leading: Mapping[str, tuple[str, str]]) -> dict[Key, float]:
    """The documents' scores by the leading metric of their task."""
    table = parquet.read(path, SCORES, ["task", "doc_id", "filter", "metric", "value"])
    lines = table.select(["filter", "metric", "value"]).to_pylist()
    return {
        key: line["value"]
        for key, line in zip(_keys(table), lines, strict=True)
        if leading.get(key[0]) == (line["filter"], line["metric"]) and line["value"] is not None
    }


def _keys(table: pa.Table) -> list[Key]:
    return list(zip(table["task"].to_pylist(), table["doc_id"].to_pylist(), strict=True))

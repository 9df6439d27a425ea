"""The samples of a benchmark as files that the page loads (`snakeval.report.packed`).

- `index.js`: for each document its task, number, first words, and the score and flags of each
  model; and the first document of each of the other files
- `q-{k}.js`: the requests, shared by the models
- `m{i}-{k}.js`: what model i read and answered
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.analysis.answer_health import refuses, repeats
from snakeval.analysis.lengths import prompt_lengths
from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.report import packed
from snakeval.schemas.model import RESPONSES, SCORES, TOKENS
from snakeval.schemas.task import REQUESTS

CHUNK_CHARACTERS = 300_000
"""Of JSON per file: about 50 kB packed, which a browser unpacks in a few milliseconds."""
ROWS = 1024  # read at a time
SNIPPET = 90
FLAGS = {  # view.js knows the same bits
    "truncated": 1,
    "dropped": 2,
    "cut": 4,
    "empty": 8,
    "unextracted": 16,
    "refused": 32,
    "repeating": 64,
}
READ = {  # of a row of tokens; the values are for a recorded model, whose prompts are unknown
    "prompts": [],
    "dropped_shots": 0,
    "truncated_tokens": 0,
    "passage": None,
    "prompt_tokens": [],
    "context": [],
}
ANSWERED = ("greedy", "n_tokens", "texts", "finish_reasons")

Key = tuple[str, int]  # task, doc_id
Value = float | int | str | None


@dataclass(frozen=True)
class Answers:
    """The files of one model and benchmark."""

    responses: Path
    scores: Path
    tokens: Path | None  # None: a recorded model


def write(
    folder: Path,
    requests: Path,
    models: Sequence[str],
    answers: Mapping[str, Answers],
    primary: Mapping[str, tuple[str, str]],
) -> None:
    """Write the samples of a benchmark into `folder`.

    `models`: those of the run, whose places number the files; `answers`: of those that have any.
    `primary`: task -> (filter, metric), the score shown in lists. Raises UserError when a file is
    damaged or the rows of a model do not match the requests.
    """
    table = parquet.read(requests, REQUESTS)
    documents = list(zip(table["task"].to_pylist(), table["doc_id"].to_pylist(), strict=True))
    place = {key: row for row, key in enumerate(documents)}
    tasks = list(dict.fromkeys(task for task, _ in documents))
    number = {task: i for i, task in enumerate(tasks)}
    encoded, snippets = _requests(table)
    by_model: dict[str, dict[str, list]] = {}
    files = {"q": _write_chunks(encoded, folder, "q")}
    for i, model in enumerate(models):
        if model in answers:
            encoded, values, flags = _answered(answers[model], primary, place)
            by_model[model] = {"value": values, "flags": flags}
            files[f"m{i}"] = _write_chunks(encoded, folder, f"m{i}")
    index = {
        "tasks": tasks,
        "task": [number[task] for task, _ in documents],
        "doc": [doc for _, doc in documents],
        "snippet": _distinct(snippets, documents),
        "models": by_model,
        "files": files,
    }
    packed.write(folder / "index.js", packed.json_text(index))


def _requests(requests: pa.Table) -> tuple[list[str], list[str]]:
    """The JSON and the first words of each request."""
    encoded, snippets = [], []
    for batch in requests.to_batches(ROWS):
        for row in batch.to_pylist():
            asked = row["questions"][-1:]
            others = row["segments"] or [each["text"] for each in row["continuations"]]
            text = (asked or others or [""])[0]
            snippets.append(" ".join(text[: 8 * SNIPPET].split())[: 3 * SNIPPET])
            encoded.append(packed.json_text(row))
    return encoded, snippets


def _distinct(snippets: list[str], documents: list[Key]) -> list[str]:
    """The first words without those that all documents of a task share, such as `Question:`."""
    of_task: dict[str, list[str]] = {}
    for (task, _), snippet in zip(documents, snippets, strict=True):
        of_task.setdefault(task, []).append(snippet)
    shared = {
        task: _common_start(own).rfind(" ") + 1 if len(own) > 1 else 0
        for task, own in of_task.items()
    }
    return [
        snippet[shared[task] :][:SNIPPET]
        for (task, _), snippet in zip(documents, snippets, strict=True)
    ]


def _common_start(texts: list[str]) -> str:
    first, last = min(texts), max(texts)
    pairs = enumerate(zip(first, last, strict=False))
    return first[: next((i for i, (x, y) in pairs if x != y), len(first))]


def _answered(
    answers: Answers, primary: Mapping[str, tuple[str, str]], place: Mapping[Key, int]
) -> tuple[list[str], list[Value], list[int | None]]:
    """Per request: what the model read and answered, as JSON; its leading score; its flags.

    A request without an answer has null and None.
    """
    encoded: list[str] = ["null"] * len(place)
    values: list[Value] = [None] * len(place)
    flags: list[int | None] = [None] * len(place)
    scores = _scores(answers.scores)
    responses = _rows(parquet.scan(answers.responses, RESPONSES, ROWS))
    missing: dict[str, Any] = {"task": None, "doc_id": None}
    for token, response in zip_longest(_tokens(answers), responses, fillvalue=missing):
        key = (token["task"], token["doc_id"])
        if key != (response["task"], response["doc_id"]) or key not in place:
            raise UserError(
                f"{answers.responses}: document {response['task']}/{response['doc_id']} does not"
                " match the tokens and requests tables. Delete the file and run again."
            )
        row, own = place[key], scores.get(key, [])
        lead = primary.get(key[0])
        values[row] = next((s["value"] for s in own if (s["filter"], s["metric"]) == lead), None)
        flags[row] = _flags(token, response, own)
        sample = {name: token[name] for name in READ} | {name: response[name] for name in ANSWERED}
        sample["loglikelihoods"] = [_plain(value) for value in response["loglikelihoods"]]
        encoded[row] = packed.json_text(sample | {"scores": own})
    return encoded, values, flags


def _flags(token: dict, response: dict, scores: list[dict]) -> int:
    """The sum of the FLAGS of a document."""
    texts = response["texts"]
    found = {
        "truncated": token["truncated_tokens"] > 0,
        "dropped": token["dropped_shots"] > 0,
        "cut": "length" in response["finish_reasons"],
        "empty": any(not text.strip() for text in texts),
        "unextracted": any(not score["extracted"] for score in scores),
        "refused": any(map(refuses, texts)),
        "repeating": any(map(repeats, texts)),
    }
    return sum(FLAGS[name] for name, holds in found.items() if holds)


def _tokens(answers: Answers) -> Iterator[dict[str, Any]]:
    """What the model read, by document."""
    if answers.tokens is not None:
        return _rows(map(_without_ids, parquet.scan(answers.tokens, TOKENS, ROWS)))
    keys = parquet.read(answers.responses, RESPONSES, ["task", "doc_id"]).to_pylist()
    return (READ | key for key in keys)


def _without_ids(tokens: pa.Table) -> pa.Table:
    """The tokens table with lengths in place of ids."""
    continuations = tokens["continuations"].combine_chunks()
    ends = np.cumsum(pc.list_value_length(continuations).to_numpy(zero_copy_only=False))
    offsets = pa.array(np.concatenate([[0], ends]), pa.int32())
    context = pa.ListArray.from_arrays(offsets, continuations.flatten().field("context"))
    kept = ["task", "doc_id", "prompts", "dropped_shots", "truncated_tokens", "passage"]
    lengths = prompt_lengths(tokens["contexts"])
    table = tokens.select(kept).append_column("prompt_tokens", lengths)
    return table.append_column("context", context)


def _scores(path: Path) -> dict[Key, list[dict]]:
    """The scores of each document."""
    found: dict[Key, list[dict]] = {}
    columns = ("filter", "metric", "prediction", "extracted")
    for row in _rows(parquet.scan(path, SCORES, ROWS)):
        score = {name: row[name] for name in columns} | {"value": _plain(row["value"])}
        found.setdefault((row["task"], row["doc_id"]), []).append(score)
    return found


def _rows(tables: Iterable[pa.Table]) -> Iterator[dict[str, Any]]:
    for table in tables:
        yield from table.to_pylist()


def _plain(value: float | None) -> Value:
    """A number as JSON can hold it, to six decimals; the name of one that is not finite."""
    if value is None or not math.isfinite(value):
        return None if value is None else str(value)
    return int(value) if value == int(value) else round(value, 6)


def _write_chunks(encoded: list[str], folder: Path, stem: str) -> list[int]:
    """Write rows of JSON as files of about CHUNK_CHARACTERS; give the first row of each."""
    starts: list[int] = []
    held: list[str] = []
    size = 0
    for row, text in enumerate(encoded):
        if not held:
            starts.append(row)
        held.append(text)
        size += len(text)
        if size >= CHUNK_CHARACTERS or row == len(encoded) - 1:
            packed.write(folder / f"{stem}-{len(starts) - 1}.js", f"[{','.join(held)}]")
            held, size = [], 0
    return starts

"""Every sample of the run in files beside the page, loaded by it when wanted.

A page from a file:// address may not fetch, but it may load scripts; so each file is one call, `snakevalFile(name, packed)`, whose payload
is base64 of deflated JSON: hostile text never stands in a script as text. Per benchmark of the configuration:

- `index.js`: for each document its task, number, first words, and per model its score and flags; where the other files are cut.
- `q-{k}.js`: what was asked, shared by the models; `m{i}-{k}.js`: what model i read and answered.
"""

import base64
import json
import math
import shutil
import zlib
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.analysis.answer_health import refuses, repeats
from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.schemas.model import RESPONSES, SCORES, TOKENS
from snakeval.schemas.task import REQUESTS

CHUNK_CHARACTERS = (
    300_000  # of JSON per file: about 50 kB packed, which a browser unpacks in a few milliseconds
)
SNIPPET = 90
FLAGS = {
    "truncated": 1,
    "dropped": 2,
    "cut": 4,
    "empty": 8,
    "unextracted": 16,
    "refused": 32,
    "repeating": 64,
}  # static/samples.js knows the same bits

NOT_READ = {  # in place of a row of tokens, where answers were recorded elsewhere and nobody knows what was read
    "prompts": [], "dropped_shots": 0, "truncated_tokens": 0, "passage": None, "prompt_tokens": [], "context": []
}  # fmt: skip

Key = tuple[str, int]  # task, doc_id


def write(
    results: Path,
    benchmarks: list[str],
    models: list[str],
    primary: dict[tuple[str, str], tuple[str, str]],
    folder: Path,
) -> None:
    """Write the samples of all benchmarks into `folder`, replacing what is there.

    `primary` gives (benchmark, task) -> (filter, metric), the score shown in lists. A (model, benchmark) without a responses file is left out.
    Raises UserError when a file is damaged or the tables of a model do not belong to the requests.
    """
    if folder.exists():
        shutil.rmtree(folder)
    for benchmark in benchmarks:
        requests = parquet.read(results / "requests" / f"{benchmark}.parquet", REQUESTS)
        documents = [
            (task, doc)
            for task, doc in zip(
                requests["task"].to_pylist(), requests["doc_id"].to_pylist(), strict=True
            )
        ]
        place = {key: row for row, key in enumerate(documents)}
        tasks = list(dict.fromkeys(task for task, _ in documents))
        number = {task: i for i, task in enumerate(tasks)}
        asked, snippets = _asked(requests)
        by_model: dict[str, dict[str, list]] = {}
        files = {"q": _write_chunks(asked, folder / benchmark, "q")}
        for i, model in enumerate(models):
            if not (results / "responses" / model / f"{benchmark}.parquet").exists():
                continue
            answered, values, flags = _answered(results, model, benchmark, primary, place)
            by_model[model] = {"value": values, "flags": flags}
            files[f"m{i}"] = _write_chunks(answered, folder / benchmark, f"m{i}")
        index = {
            "tasks": tasks,
            "task": [number[task] for task, _ in documents],
            "doc": [doc for _, doc in documents],
            "snippet": _distinct(snippets, documents),
            "models": by_model,
            "files": files,
        }
        _write_file(
            folder / benchmark / "index.js",
            json.dumps(index, ensure_ascii=False, separators=(",", ":")),
        )


def pack(content: str) -> str:
    """Text as base64 of zlib; `static/load.js` undoes it."""
    return base64.b64encode(zlib.compress(content.encode(), 6)).decode()


def prompt_lengths(contexts: pa.ChunkedArray) -> pa.ListArray:
    """Tokens of each context, one list per document (the ids themselves never become Python objects)."""
    lists = contexts.combine_chunks()
    ends = np.cumsum(pc.list_value_length(lists).to_numpy(zero_copy_only=False))
    return pa.ListArray.from_arrays(
        pa.array(np.concatenate([[0], ends]), pa.int32()), pc.list_value_length(lists.flatten())
    )


def _without_ids(tokens: pa.Table) -> pa.Table:
    """The tokens table with lengths for ids."""
    continuations = tokens["continuations"].combine_chunks()
    ends = np.cumsum(pc.list_value_length(continuations).to_numpy(zero_copy_only=False))
    context = pa.ListArray.from_arrays(
        pa.array(np.concatenate([[0], ends]), pa.int32()), continuations.flatten().field("context")
    )
    kept = tokens.select(
        ["task", "doc_id", "prompts", "dropped_shots", "truncated_tokens", "passage"]
    )
    return kept.append_column("prompt_tokens", prompt_lengths(tokens["contexts"])).append_column(
        "context", context
    )


def _asked(requests: pa.Table) -> tuple[list[str], list[str]]:
    """Per request its JSON and its first words."""
    encoded, snippets = [], []
    for batch in requests.to_batches(1024):
        for row in batch.to_pylist():
            text = (
                row["questions"]
                or row["segments"]
                or [c["text"] for c in row["continuations"]]
                or [""]
            )[-1 if row["questions"] else 0]
            snippets.append(" ".join(text[: 8 * SNIPPET].split())[: 3 * SNIPPET])
            encoded.append(_encode(row))
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
    return first[
        : next((i for i, (x, y) in enumerate(zip(first, last, strict=False)) if x != y), len(first))
    ]


def _answered(
    results: Path,
    model: str,
    benchmark: str,
    primary: dict[tuple[str, str], tuple[str, str]],
    place: dict[Key, int],
) -> tuple[list[str], list[float | int | str | None], list[int | None]]:
    """Per request of the benchmark: what the model read, said and scored, as JSON; its leading score; its flags (None: not answered)."""
    encoded: list[str] = ["null"] * len(place)
    values: list[float | int | str | None] = [None] * len(place)
    flags: list[int | None] = [None] * len(place)
    scores = _scores(results / "scores" / model / f"{benchmark}.parquet")
    responses = results / "responses" / model / f"{benchmark}.parquet"
    tokens: Iterator[dict[str, Any]] = (NOT_READ | key for key in _keys(responses))
    if (path := results / "tokens" / model / f"{benchmark}.parquet").exists():
        tokens = _rows(map(_without_ids, parquet.scan(path, TOKENS, 1024)))
    missing: dict[str, Any] = {"task": None, "doc_id": None}
    for token, response in zip_longest(
        tokens, _rows(parquet.scan(responses, RESPONSES, 1024)), fillvalue=missing
    ):
        key = (token["task"], token["doc_id"])
        if key != (response["task"], response["doc_id"]) or key not in place:
            raise UserError(
                f"{results}/responses/{model}/{benchmark}.parquet: document {response['task']}/{response['doc_id']} does not match"
                " the tokens and requests tables; delete the file and run again"
            )
        row, own = place[key], scores.get(key, [])
        lead = primary.get((benchmark, key[0]))
        values[row] = next((s["value"] for s in own if (s["filter"], s["metric"]) == lead), None)
        flags[row] = (
            FLAGS["truncated"] * (token["truncated_tokens"] > 0)
            + FLAGS["dropped"] * (token["dropped_shots"] > 0)
            + FLAGS["cut"] * ("length" in response["finish_reasons"])
            + FLAGS["empty"] * any(not text.strip() for text in response["texts"])
            + FLAGS["unextracted"] * any(not s["extracted"] for s in own)
            + FLAGS["refused"] * any(map(refuses, response["texts"]))
            + FLAGS["repeating"] * any(map(repeats, response["texts"]))
        )
        encoded[row] = _encode(
            {
                name: token[name]
                for name in (
                    "prompts",
                    "dropped_shots",
                    "truncated_tokens",
                    "passage",
                    "prompt_tokens",
                    "context",
                )
            }
            | {name: response[name] for name in ("greedy", "n_tokens", "texts", "finish_reasons")}
            | {
                "loglikelihoods": [_plain(value) for value in response["loglikelihoods"]],
                "scores": own,
            }
        )
    return encoded, values, flags


def _scores(path: Path) -> dict[Key, list[dict]]:
    found: dict[Key, list[dict]] = {}
    columns = ("filter", "metric", "prediction", "extracted")
    for row in _rows(parquet.scan(path, SCORES, 1024)):
        found.setdefault((row["task"], row["doc_id"]), []).append(
            {name: row[name] for name in columns} | {"value": _plain(row["value"])}
        )
    return found


def _keys(path: Path) -> list[dict[str, Any]]:
    return parquet.read(path, RESPONSES, ["task", "doc_id"]).to_pylist()


def _rows(tables: Iterable[pa.Table]) -> Iterator[dict[str, Any]]:
    for table in tables:
        yield from table.to_pylist()


def _encode(row: dict) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _plain(value: float | None) -> float | int | str | None:
    """A number as JSON can hold it, to six decimals; what is not finite as its name."""
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
            _write_file(folder / f"{stem}-{len(starts) - 1}.js", f"[{','.join(held)}]")
            held, size = [], 0
    return starts


def _write_file(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    name = f"{path.parent.name}/{path.stem}"
    path.write_text(
        f'snakevalFile({json.dumps(quote(name))},"{pack(content)}")\n', encoding="ascii"
    )

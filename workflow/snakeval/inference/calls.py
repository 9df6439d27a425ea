"""From the documents of a benchmark to calls.

A model with a known tokenizer is asked with token ids (`from_tokens`). A model without one, behind
a server, is asked with text or chat turns (`from_requests`). An `Input` is the choice between them:

    FROM_TOKENS                                   # rows of TOKENS
    of_requests(chat=True, system_prompt="…")     # rows of REQUESTS
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.backends.calls import EXTRACT, GENERATE, LOGLIKELIHOOD
from snakeval.errors import UserError
from snakeval.files import benchmark_files
from snakeval.prompts import turns
from snakeval.schemas.model import CALLS, TOKENS
from snakeval.schemas.task import REQUESTS

Request = dict[str, Any]
Exploded = tuple[pa.Table, np.ndarray]


@dataclass(frozen=True)
class Input:
    """A table with a row per document, and how its rows become calls."""

    schema: pa.Schema
    columns: list[str]
    """Columns of the table that calls and responses are made from."""
    explode: Callable[[pa.Table], Exploded]
    """CALLS without `key`, document by document, and for each call the row of its document."""

    def read(self, index: str | Path, benchmark: str) -> pa.Table:
        """The rows of a benchmark that `index` lists."""
        return benchmark_files.read(index, benchmark, self.schema, self.columns)

    def scan(self, index: str | Path, benchmark: str) -> Iterator[pa.Table]:
        """The same, as many rows at a time as fit in memory as calls."""
        return benchmark_files.scan(index, benchmark, self.schema, self.columns)


def from_tokens(tokens: pa.Table) -> Exploded:
    """The calls of TOKENS rows: CALLS without `key`, and for each call the row of `tokens`.

    A continuation is one log-likelihood. A document to generate for is one call per sample. A
    passage to extract from is one call per window.
    """
    generates = np.asarray(pc.equal(tokens["kind"], "generate_until"))
    extracts = generates & np.asarray(tokens["offsets"].is_valid())
    pieces = tokens["continuations"].combine_chunks()
    generation = tokens["generation"].combine_chunks()
    samples = pc.struct_field(generation, "samples").fill_null(0).to_numpy()
    per_text = np.where(generates, samples, lengths(pieces))
    counts = np.where(extracts, lengths(tokens["contexts"]), per_text)
    documents = np.repeat(np.arange(len(tokens)), counts)
    # 0, 1, 2 … in each document
    within = np.arange(len(documents)) - np.repeat(np.cumsum(counts) - counts, counts)

    kinds = np.array([LOGLIKELIHOOD, GENERATE, EXTRACT])[generates.astype(int) + extracts]
    scored, generated = ~generates[documents], (generates & ~extracts)[documents]
    context = np.where(extracts[documents], within, 0)
    context[scored] = pc.struct_field(pieces.flatten(), "context").to_numpy()
    ids = pc.struct_field(pieces.flatten(), "ids")
    continuation_lengths = np.zeros(len(documents), np.int32)
    continuation_lengths[scored] = lengths(ids)
    columns = {
        "kind": pa.array(kinds[documents], pa.string()),
        "context": _nested(tokens["contexts"], documents, context),
        "continuation": lists(continuation_lengths, ids.flatten()),
        "token_types": _nested(tokens["token_types"], documents, context),
        "offsets": _nested(tokens["offsets"], documents, context),
        "passage": tokens["passage"].take(pa.array(documents)),
        "generation": tokens["generation"].take(pa.array(documents, mask=~generated)),
        "sample": pa.array(np.where(generated, within, 0), pa.int32()),
    }
    for name in ("text", "continuation_text", "turns"):
        columns[name] = pa.nulls(len(documents), CALLS.field(name).type)
    return pa.table(columns), documents


def from_requests(
    requests: pa.Table,
    *,
    chat: bool = False,
    system_prompt: str | None = None,
    fewshot_as_multiturn: bool = True,
) -> Exploded:
    """The calls of REQUESTS rows, as text or chat turns; no tokenizer is needed.

    A document to generate for is one call per sample: `turns` with `chat`, else `text`. A
    continuation is one log-likelihood, `continuation_text` after `text`; a rolling text is scored
    as a whole. `system_prompt` and `fewshot_as_multiturn` are as in the configuration. Raises
    UserError, which names the task, for log-likelihoods with `chat`.
    """
    found: list[Request] = []
    documents: list[int] = []
    for row, request in enumerate(requests.to_pylist()):
        if request["kind"] != "generate_until":
            if chat:
                raise UserError(
                    f"{request['task']}: it scores log-likelihoods, which a chat does not give. "
                    "Set `chat: false`, or leave the task out."
                )
            calls = _scored(request, system_prompt)
        else:
            said = _said(request, chat, system_prompt, fewshot_as_multiturn)
            of = {"kind": GENERATE, "generation": request["generation"]} | said
            calls = [of | {"sample": sample} for sample in range(of["generation"]["samples"])]
        found += calls
        documents += [row] * len(calls)
    empty = {"context": [], "continuation": [], "sample": 0}
    names = [name for name in CALLS.names if name != "key"]
    schema = pa.schema([CALLS.field(name) for name in names])
    table = pa.Table.from_pylist([empty | call for call in found], schema)
    return table, np.array(documents, np.int64)


def of_requests(
    *, chat: bool = False, system_prompt: str | None = None, fewshot_as_multiturn: bool = True
) -> Input:
    """The input of a model that is asked with text or chat turns: see `from_requests`."""
    explode = partial(
        from_requests,
        chat=chat,
        system_prompt=system_prompt,
        fewshot_as_multiturn=fewshot_as_multiturn,
    )
    return Input(REQUESTS, _OF_REQUESTS, explode)


def first_rows(keys: pa.Array) -> pa.Array:
    """The row where each distinct key comes first, ascending."""
    return pc.unique(pc.index_in(keys, value_set=keys))


def lengths(lists: pa.ListArray | pa.ChunkedArray) -> np.ndarray:
    """The length of each list; 0 for null."""
    return pc.list_value_length(lists).fill_null(0).to_numpy()


def lists(lengths: np.ndarray, values: pa.Array) -> pa.ListArray:
    """Values cut into lists of the given lengths."""
    ends = np.concatenate([[0], np.cumsum(lengths)])
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values)


def _said(
    request: Request, chat: bool, system_prompt: str | None, fewshot_as_multiturn: bool
) -> dict[str, Any]:
    """The prompt of a document to generate for, as `turns` or as `text`."""
    if not chat:
        return {"text": turns.plain(request, system_prompt=system_prompt)[0]}
    messages = turns.messages(request, system_prompt, fewshot_as_multiturn)[0]
    return {"turns": [{"role": each["role"], "text": each["content"]} for each in messages]}


def _scored(request: Request, system_prompt: str | None) -> list[Request]:
    """One call per continuation. White space at the end of a context moves to the continuation."""
    contexts = turns.plain(request, system_prompt=system_prompt)
    rolling = request["kind"] == "loglikelihood_rolling"
    delimiter = "" if rolling else request["target_delimiter"]
    found = []
    for piece in request["continuations"]:
        context = "" if piece["question"] < 0 else contexts[piece["question"]]
        text = context.rstrip()
        continuation = context[len(text) :] + delimiter + piece["text"]
        found.append({"kind": LOGLIKELIHOOD, "text": text, "continuation_text": continuation})
    return found


def _nested(column: pa.ChunkedArray, rows: np.ndarray, positions: np.ndarray) -> pa.Array:
    """column[row][position] of a list of lists, pair by pair; null where column[row] is null."""
    counts = lengths(column)
    places = (np.cumsum(counts) - counts)[rows] + positions
    invalid = ~np.asarray(column.is_valid())[rows]
    return column.combine_chunks().flatten().take(pa.array(places, mask=invalid))


_OF_TOKENS = [
    *("task", "doc_id", "kind", "contexts", "continuations", "token_types", "offsets"),
    *("passage", "generation"),
]
_OF_REQUESTS = [
    *("task", "doc_id", "kind", "preamble", "questions", "question_delimiter", "gen_prefix"),
    *("continuations", "target_delimiter", "generation"),
]
FROM_TOKENS = Input(TOKENS, _OF_TOKENS, from_tokens)

"""From token ids to answers: each distinct request of an entry is sent to the model once, unless the store knows its answer.

The plan of batches is made over all requests of the entry, known or not, and of each batch only what is missing is computed. So a run
that was killed and started again cuts the same batches and gives the same bytes as an undisturbed one.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.engine.protocol import Counters, Engine
from snakeval.errors import UserError
from snakeval.progress import Progress
from snakeval.schemas import ASKS, RESPONSES, TIMINGS
from snakeval.store import Store


def infer(
    tokens: pa.Table, load_engine: Callable[[], Engine], store: Store, *, model: str, entry: str, terminal: TextIO | None = None
) -> tuple[pa.Table, pa.Table]:
    """RESPONSES for the TOKENS rows of one entry, in their order, and one row of TIMINGS.

    `load_engine` is called only if the store lacks an answer, and should return the same engine each time. Answers go to the store as they
    come. Progress is written to `terminal`. Raises UserError when the model answers with something that is not a number.
    """
    started = time.perf_counter()
    asks, documents = explode(tokens)
    keys = store.keys(asks)
    once = asks.append_column("key", keys).select(ASKS.names).take(_first_rows(keys))
    known = store.lookup(once["key"])
    missing = np.asarray(pc.invert(pc.is_in(once["key"], value_set=known["key"].combine_chunks())))
    timings = {"model": model, "entry": entry, "requests": len(asks), "duplicates": len(asks) - len(once), "from_store": len(known)}
    answers, measured = [known], _NOTHING_ASKED
    if missing.any():
        engine = load_engine()
        loaded = time.perf_counter()
        before = replace(engine.counters)
        with Progress(f"{model} {entry}", total=len(once), known=len(known), terminal=terminal) as progress:
            for part in _ask(engine, once, missing):
                _check_numbers(part, keys, tokens, documents)
                store.append(part)
                answers.append(part)
                progress.advance(len(part), _tokens(engine.counters) - _tokens(before) - progress.tokens)
        store.flush()
        measured = {
            "engine": engine.description,
            "device": engine.device,
            "prompt_tokens": engine.counters.prompt_tokens - before.prompt_tokens,
            "computed_tokens": engine.counters.computed_tokens - before.computed_tokens,
            "generated_tokens": engine.counters.generated_tokens - before.generated_tokens,
            "load_seconds": loaded - started,
            "peak_bytes": engine.peak_bytes(),
        }
        started = loaded
    every = pa.concat_tables(answers)
    rows = pc.index_in(keys, value_set=every["key"].combine_chunks())
    if rows.null_count:
        raise RuntimeError(f"{model}, {entry}: the engine left {rows.null_count} of {len(rows)} requests without an answer")
    responses = _assemble(tokens, documents, asks["kind"], every.take(rows))
    timings |= measured | {"seconds": time.perf_counter() - started}
    return responses, pa.Table.from_pylist([timings], TIMINGS)


_NOTHING_ASKED: dict[str, Any] = {
    "engine": None, "device": None, "prompt_tokens": 0, "computed_tokens": 0, "generated_tokens": 0, "load_seconds": 0.0, "peak_bytes": 0
}  # fmt: skip


def explode(tokens: pa.Table) -> tuple[pa.Table, np.ndarray]:
    """The requests that TOKENS rows stand for, document by document: ASKS without `key`, and for each the row of `tokens`.

    A continuation is a log-likelihood; a document to generate for is one request per sample, or per window of its passage.
    """
    generates = np.asarray(pc.equal(tokens["kind"], "generate_until"))
    extracts = generates & np.asarray(tokens["offsets"].is_valid())
    pieces = tokens["continuations"].combine_chunks()
    samples = pc.struct_field(tokens["generation"].combine_chunks(), "samples").fill_null(0).to_numpy()
    windows = _lengths(tokens["contexts"])
    counts = np.where(extracts, windows, np.where(generates, samples, _lengths(pieces)))
    documents = np.repeat(np.arange(len(tokens)), counts)
    within = np.arange(len(documents)) - np.repeat(np.cumsum(counts) - counts, counts)  # 0, 1, 2 … in each document

    kinds = np.array(["loglikelihood", "generate", "extract"])[generates.astype(int) + extracts]
    kind = pa.array(kinds[documents], pa.string())
    scored, generated = ~generates[documents], (generates & ~extracts)[documents]
    context = np.where(extracts[documents], within, 0)
    context[scored] = pc.struct_field(pieces.flatten(), "context").to_numpy()
    ids = pc.struct_field(pieces.flatten(), "ids")
    continuation_lengths = np.zeros(len(documents), np.int32)
    continuation_lengths[scored] = _lengths(ids)
    asks = {
        "kind": kind,
        "context": _nested(tokens["contexts"], documents, context),
        "continuation": _lists(continuation_lengths, ids.flatten()),
        "token_types": _nested(tokens["token_types"], documents, context),
        "offsets": _nested(tokens["offsets"], documents, context),
        "passage": tokens["passage"].take(pa.array(documents)),
        "generation": tokens["generation"].take(pa.array(documents, mask=~generated)),
        "sample": pa.array(np.where(generated, within, 0), pa.int32()),
    }
    return pa.table(asks), documents


def _ask(engine: Engine, asks: pa.Table, missing: np.ndarray) -> Iterator[pa.Table]:
    """Answers to the missing ones of `asks`, in the batches planned for all of them."""
    for batch in engine.plan(asks):
        rows = batch[missing[batch]]
        if len(rows):
            yield from engine.answer(asks.take(pa.array(rows)))


def _assemble(tokens: pa.Table, documents: np.ndarray, kind: pa.ChunkedArray, answers: pa.Table) -> pa.Table:
    """RESPONSES rows from the answers to the exploded requests; of the windows of a passage the most likely answer counts."""
    kept = _best_windows(documents, np.asarray(pc.equal(kind, "extract")), answers["loglikelihood"].to_numpy())
    documents, answers = documents[kept], answers.take(pa.array(kept))
    scored = np.asarray(pc.equal(kind, "loglikelihood"))[kept]

    def per_document(column: str, rows: np.ndarray) -> pa.ListArray:
        return _lists(np.bincount(documents[rows], minlength=len(tokens)), answers[column].filter(pa.array(rows)).combine_chunks())

    columns = {name: tokens[name] for name in ("model", "task", "doc_id", "kind")}
    columns |= {
        "loglikelihoods": per_document("loglikelihood", scored),
        "greedy": per_document("greedy", scored),
        "n_tokens": per_document("n_tokens", np.ones_like(scored)),
        "texts": per_document("text", ~scored),
        "finish_reasons": per_document("finish_reason", ~scored),
    }
    return pa.table(columns).select(RESPONSES.names).cast(RESPONSES)


def _best_windows(documents: np.ndarray, extract: np.ndarray, loglikelihoods: np.ndarray) -> np.ndarray:
    """Rows to keep: all that are not windows, and of the windows of each document the most likely, the first of equals."""
    windows = np.flatnonzero(extract)
    ranked = windows[np.lexsort((windows, -loglikelihoods[windows], documents[windows]))]
    best = ranked[np.unique(documents[ranked], return_index=True)[1]]
    return np.sort(np.concatenate([np.flatnonzero(~extract), best]))


def _check_numbers(answers: pa.Table, keys: pa.Array, tokens: pa.Table, documents: np.ndarray) -> None:
    """Raise UserError, before anything is stored, when a log-likelihood is not a number."""
    bad = answers["key"].filter(pc.is_nan(answers["loglikelihood"]))
    if len(bad):
        row = int(documents[pc.index(keys, bad[0]).as_py()])
        model, task, document = (tokens[name][row].as_py() for name in ("model", "task", "doc_id"))
        raise UserError(
            f"{model}, {task}, document {document}: the log-likelihood is not a number; "
            "the weights are damaged or the dtype overflows: try bfloat16 or float32"
        )


def _tokens(counters: Counters) -> int:
    return counters.prompt_tokens + counters.generated_tokens


def _first_rows(keys: pa.Array) -> pa.Array:
    """The row where each distinct key comes first, ascending."""
    return pc.unique(pc.index_in(keys, value_set=keys))


def _lengths(lists: pa.ListArray | pa.ChunkedArray) -> np.ndarray:
    """The length of each list; 0 for null."""
    return pc.list_value_length(lists).fill_null(0).to_numpy()


def _lists(lengths: np.ndarray, values: pa.Array) -> pa.ListArray:
    """Values cut into lists of the given lengths."""
    return pa.ListArray.from_arrays(pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32()), values)


def _nested(column: pa.ChunkedArray, rows: np.ndarray, positions: np.ndarray) -> pa.Array:
    """column[row][position] of a list of lists, pair by pair; null where column[row] is null."""
    lengths = _lengths(column)
    places = (np.cumsum(lengths) - lengths)[rows] + positions
    return column.combine_chunks().flatten().take(pa.array(places, mask=~np.asarray(column.is_valid())[rows]))

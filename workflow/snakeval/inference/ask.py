"""From token ids to answers: each distinct request of a benchmark is sent to the model once, unless the store knows its answer.

`ask` fills the store, in one job or in several shards at once; `assemble` makes a file of responses from the store alone.

The plan of batches is made over all requests of the benchmark, known or not, and of each batch only what is missing is computed. So a run
that was killed and started again cuts the same batches and gives the same bytes as an undisturbed one. Shards make the same plan and take
whole batches of it, next to each other: shared prefixes stay together, and the number of shards shows in no answer.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.backends.protocol import Counters, Engine
from snakeval.errors import UserError
from snakeval.files import benchmark_files, parquet
from snakeval.inference import energy, low_precision
from snakeval.inference.store import Store
from snakeval.jobs.progress import Progress
from snakeval.schemas.model import CALLS, RESPONSES, TIMINGS, TOKENS

MAXIMA = ("peak_bytes", "peak_flops")  # of TIMINGS: shards do not add up
ASKED = [
    "model",
    "task",
    "doc_id",
    "kind",
    "contexts",
    "continuations",
    "token_types",
    "offsets",
    "passage",
    "generation",
]  # of TOKENS
_NOTHING_ASKED: dict[str, Any] = {
    "engine": None,
    "device": None,
    "precision": None,
    "prompt_tokens": 0,
    "computed_tokens": 0,
    "generated_tokens": 0,
    "flops": 0.0,
    "peak_flops": None,
    "load_seconds": 0.0,
    "prefill_seconds": 0.0,
    "decode_seconds": 0.0,
    "peak_bytes": 0,
    "energy_joules": 0.0,
}


def ask_benchmarks(
    tokens: str | Path,
    output: str | Path,
    folder: Path,
    made_from: Sequence[Any],
    load_engine: Callable[[], Engine],
    store: Store,
    *,
    model: str,
    shard: tuple[int, int],
    alone: int = 0,
    terminal: TextIO | None = None,
) -> None:
    """Ask a model its shard of every benchmark that the index `tokens` lists; TIMINGS go to `folder`, their list to `output`.

    The requests of `alone` documents of a benchmark are asked again, each by itself (see snakeval.inference.low_precision).

    A benchmark that was asked is skipped while its tokens and `made_from` (the model and its settings) are the same.
    """
    fingerprints = {
        benchmark: parquet.fingerprint_of(made_from, digest)
        for benchmark, digest in benchmark_files.digests(tokens).items()
    }
    benchmarks = list(fingerprints)

    @cache
    def keys_of(benchmark: str) -> pa.Array:
        return pc.unique(
            pa.concat_arrays(
                [
                    pa.array([], pa.string()),
                    *(keys(part, store) for part in scan(tokens, benchmark)),
                ]
            )
        )

    def make(benchmark: str) -> pa.Table:
        before = (
            benchmarks[: benchmarks.index(benchmark)] if shard[1] > 1 else []
        )  # other shards may be asking them now
        earlier = pa.concat_arrays([pa.array([], pa.string()), *map(keys_of, before)])
        asked = benchmark_files.read(tokens, benchmark, TOKENS, ASKED)
        who: dict[str, Any] = {
            "model": model,
            "benchmark": benchmark,
            "shard": shard,
            "terminal": terminal,
        }
        timings = ask(asked, load_engine, store, **who, earlier=earlier)
        again = ask_alone(asked, load_engine, store, **who, documents=alone)
        return timings.set_column(
            timings.schema.get_field_index("asked_alone"),
            TIMINGS.field("asked_alone"),
            pa.array([again], pa.int64()),
        )

    benchmark_files.refresh(output, folder, fingerprints, make, TIMINGS)


def ask(
    tokens: pa.Table,
    load_engine: Callable[[], Engine],
    store: Store,
    *,
    model: str,
    benchmark: str,
    shard: tuple[int, int] = (1, 1),
    earlier: pa.Array | None = None,
    terminal: TextIO | None = None,
) -> pa.Table:
    """Put into the store what it lacks of the answers to the TOKENS rows of one benchmark; one row of TIMINGS.

    `shard` (k, n): the k-th of n parts that ask at the same time; the first one counts requests and duplicates. `earlier`: keys of requests
    that benchmarks before this one ask too; those are left to them, as they are when one job calls all. `load_engine` is called only if an
    answer is missing, and should return the same engine each time. Progress is written to `terminal`. Raises UserError when the model
    answers with something that is not a number.
    """
    started = time.perf_counter()
    number, shards = shard
    once, documents = explode(tokens)
    every_key = store.keys(once)
    once, rows = once.append_column("key", every_key).select(CALLS.names), _first_rows(every_key)
    if len(rows) < len(once):
        once = once.take(rows)
    known = store.known(once["key"])
    missing = ~known if earlier is None else ~known & ~_is_in(once["key"], earlier)
    mine = (
        np.arange(len(once)) * shards // max(len(once), 1) == number - 1
    )  # to count them by, where nobody needs a plan
    measured = _NOTHING_ASKED
    if missing.any():
        engine = load_engine()
        loaded = time.perf_counter()
        before = replace(engine.counters)
        plan = engine.plan(once)
        if not np.array_equal(np.sort(np.concatenate(plan)), np.arange(len(once))):
            raise RuntimeError(
                f"{model}, {benchmark}: the engine's plan does not hold each of {len(once)} requests once"
            )
        batches = _share(plan, once, number, shards, benchmark)
        mine = np.isin(np.arange(len(once)), np.concatenate([*batches, []]))
        name = (
            f"{model} {benchmark}" if shards == 1 else f"{model} {benchmark} {number}-of-{shards}"
        )
        total, done = int(mine.sum()), int((mine & ~missing).sum())
        with (
            Progress(name, total=total, known=done, terminal=terminal) as progress,
            energy.metered(engine.device) as joules,
        ):
            for part in _answers(engine, once, batches, missing):
                _check_numbers(part, every_key, tokens, documents)
                store.append(part)
                progress.advance(
                    len(part), _tokens(engine.counters) - _tokens(before) - progress.tokens
                )
        store.flush()
        if progress.done != int((mine & missing).sum()):
            raise RuntimeError(
                f"{model}, {benchmark}: {int((mine & missing).sum())} requests, but {progress.done} answers"
            )
        measured = {
            "engine": engine.description,
            "device": engine.device,
            "precision": engine.precision,
            **{
                name: getattr(engine.counters, name) - getattr(before, name)
                for name in asdict(before)
            },
            "flops": engine.flops_per_token * (_tokens(engine.counters) - _tokens(before)),
            "peak_flops": engine.peak_flops,
            "load_seconds": loaded - started,
            "peak_bytes": engine.peak_bytes(),
            "energy_joules": joules(),
        }
        started = loaded
    duplicates = len(every_key) - len(once)
    counts = (
        {"requests": len(every_key), "duplicates": duplicates}
        if number == 1
        else {"requests": 0, "duplicates": 0}
    )
    counts["from_store"] = int((mine & known).sum())
    counts["stored_tokens"] = int(
        (_lengths(once["context"]) + _lengths(once["continuation"]))[mine & known].sum()
    )
    of_benchmark = {
        "model": model,
        "benchmark": benchmark,
        "identity": store.identity,
        "asked_alone": 0,
    }
    return pa.Table.from_pylist(
        [of_benchmark | counts | measured | {"seconds": time.perf_counter() - started}], TIMINGS
    )


def ask_alone(
    tokens: pa.Table,
    load_engine: Callable[[], Engine],
    store: Store,
    *,
    model: str,
    benchmark: str,
    shard: tuple[int, int] = (1, 1),
    documents: int,
    terminal: TextIO | None = None,
) -> int:
    """Put into the store what it lacks of the answers to requests of some `documents`, each asked alone; how many there are."""
    if not documents:
        return 0
    number, shards = shard
    calls, sampled = _sampled(tokens, store, documents)
    _, place = np.unique(sampled["document"].to_numpy(), return_inverse=True)
    mine = sampled.filter(pa.array(place % shards == number - 1))
    mine = mine.take(_first_rows(mine["key"].combine_chunks()))
    missing = mine.filter(pa.array(~store.known(mine["key"])))
    if not len(missing):
        return len(mine)
    asked = calls.take(missing["row"]).append_column("key", missing["key"]).select(CALLS.names)
    engine = load_engine()
    with Progress(
        f"{model} {benchmark}, requests alone",
        total=len(mine),
        known=len(mine) - len(missing),
        terminal=terminal,
    ) as progress:
        for answer in engine.alone(asked):
            store.append(answer)
            progress.advance(len(answer), pc.sum(answer["n_tokens"]).as_py())
    store.flush()
    return len(mine)


def batches_against_alone(
    tokens: pa.Table, store: Store, *, model: str, benchmark: str, documents: int
) -> list[dict[str, Any]]:
    """A row of NUMERICS where requests of the benchmark were asked alone, else none."""
    if not documents:
        return []
    calls, sampled = _sampled(tokens, store, documents)
    keys = store.keys(calls.take(sampled["row"]))
    batched, alone = store.lookup(keys), store.lookup(sampled["key"])
    rows = pc.index_in(keys, value_set=batched["key"].combine_chunks())
    return (
        low_precision.compare(sampled, alone, batched.take(rows), model=model, benchmark=benchmark)
        if len(alone)
        else []
    )


def _sampled(tokens: pa.Table, store: Store, count: int) -> tuple[pa.Table, pa.Table]:
    """The requests of some documents of a benchmark, and the sample of them that is asked alone."""
    at_once = benchmark_files.DOCUMENTS_AT_ONCE
    if len(tokens) > at_once:  # the sample of all is that of the samples of parts
        parts = [tokens.slice(start, at_once) for start in range(0, len(tokens), at_once)]
        tokens = pa.concat_tables(
            part.take(pc.unique(_sample(part, store, count)[1]["document"])) for part in parts
        )
    return _sample(tokens, store, count)


def _sample(tokens: pa.Table, store: Store, count: int) -> tuple[pa.Table, pa.Table]:
    calls, documents = explode(tokens)
    decides = np.asarray(
        pc.is_in(tokens["kind"], value_set=pa.array(["multiple_choice", "loglikelihood"]))
    )[documents]
    return calls, low_precision.sample(calls, store.keys(calls), documents, decides, count)


def who_answered(timings: pa.Table) -> str:
    """The identity that all shards of a benchmark (TIMINGS rows) asked as; the job that gathers may run in another environment.

    Raises UserError when they differ.
    """
    identities = timings["identity"].unique().to_pylist()
    if len(identities) > 1:
        model, benchmark = timings["model"][0], timings["benchmark"][0]
        raise UserError(
            f"{model}, {benchmark}: shards answered with different versions of torch, transformers or the engine; "
            f"give all nodes one environment, delete results/index/calls/{model} and run again"
        )
    return identities[0]


def assemble(tokens: pa.Table, store: Store, *, asked: str) -> pa.Table:
    """RESPONSES for TOKENS rows, in their order.

    Raises UserError when the store lacks an answer; `asked` names the files that say that it was asked.
    """
    calls, documents = explode(tokens)
    keys = store.keys(calls)
    known = store.lookup(keys)
    rows = pc.index_in(keys, value_set=known["key"].combine_chunks())
    if rows.null_count:
        raise UserError(
            f"{store.folder}: {rows.null_count} of {len(rows)} answers are missing; parts of the store were deleted or damaged. "
            f"Delete {asked} and run again: only what is missing is asked"
        )
    return _assemble(tokens, documents, calls["kind"], known.take(rows))


def scan(tokens: str | Path, benchmark: str) -> Iterator[pa.Table]:
    """The TOKENS rows of a benchmark that the index `tokens` lists, as many at a time as fit in memory as requests."""
    return benchmark_files.scan(tokens, benchmark, TOKENS, ASKED)


def summed(timings: Sequence[pa.Table]) -> pa.Table:
    """One row of TIMINGS for the shards of one benchmark: counts, seconds and energy add up, of memory the largest counts."""
    rows = pa.concat_tables(timings)
    texts = ("model", "benchmark", "identity", "engine", "device", "precision")
    first = {
        name: next((value for value in rows[name].to_pylist() if value is not None), None)
        for name in texts
    }
    sums = {
        name: pc.sum(rows[name], skip_nulls=False).as_py()
        for name in TIMINGS.names
        if name not in (*texts, *MAXIMA)
    }
    maxima = {name: pc.max(rows[name]).as_py() for name in MAXIMA}
    return pa.Table.from_pylist([first | sums | maxima], TIMINGS)


def keys(tokens: pa.Table, store: Store) -> pa.Array:
    """The distinct keys of the requests that TOKENS rows stand for."""
    return pc.unique(store.keys(explode(tokens)[0]))


def explode(tokens: pa.Table) -> tuple[pa.Table, np.ndarray]:
    """The requests that TOKENS rows stand for, document by document: CALLS without `key`, and for each the row of `tokens`.

    A continuation is a log-likelihood; a document to generate for is one request per sample, or per window of its passage.
    """
    generates = np.asarray(pc.equal(tokens["kind"], "generate_until"))
    extracts = generates & np.asarray(tokens["offsets"].is_valid())
    pieces = tokens["continuations"].combine_chunks()
    samples = (
        pc.struct_field(tokens["generation"].combine_chunks(), "samples").fill_null(0).to_numpy()
    )
    windows = _lengths(tokens["contexts"])
    counts = np.where(extracts, windows, np.where(generates, samples, _lengths(pieces)))
    documents = np.repeat(np.arange(len(tokens)), counts)
    within = np.arange(len(documents)) - np.repeat(
        np.cumsum(counts) - counts, counts
    )  # 0, 1, 2 … in each document

    kinds = np.array(["loglikelihood", "generate", "extract"])[generates.astype(int) + extracts]
    kind = pa.array(kinds[documents], pa.string())
    scored, generated = ~generates[documents], (generates & ~extracts)[documents]
    context = np.where(extracts[documents], within, 0)
    context[scored] = pc.struct_field(pieces.flatten(), "context").to_numpy()
    ids = pc.struct_field(pieces.flatten(), "ids")
    continuation_lengths = np.zeros(len(documents), np.int32)
    continuation_lengths[scored] = _lengths(ids)
    calls = {
        "kind": kind,
        "context": _nested(tokens["contexts"], documents, context),
        "continuation": _lists(continuation_lengths, ids.flatten()),
        "token_types": _nested(tokens["token_types"], documents, context),
        "offsets": _nested(tokens["offsets"], documents, context),
        "passage": tokens["passage"].take(pa.array(documents)),
        "generation": tokens["generation"].take(pa.array(documents, mask=~generated)),
        "sample": pa.array(np.where(generated, within, 0), pa.int32()),
    }
    return pa.table(calls), documents


def _share(
    batches: list[np.ndarray], calls: pa.Table, number: int, shards: int, benchmark: str
) -> list[np.ndarray]:
    """The batches of one shard: a run of neighbours with about 1/shards of the tokens.

    A batch belongs where the middle of its tokens falls. Which shard takes the first run differs by benchmark, so that a hundred benchmarks of
    one batch each are spread too.
    """
    if shards == 1 or not batches:
        return batches
    generation = (
        pc.struct_field(calls["generation"].combine_chunks(), "max_new_tokens")
        .fill_null(0)
        .to_numpy(zero_copy_only=False)
    )
    tokens = _lengths(calls["context"]) + _lengths(calls["continuation"]) + generation
    sizes = np.array([tokens[batch].sum() for batch in batches], float)
    middles = np.cumsum(sizes) - sizes / 2
    first = int.from_bytes(hashlib.sha256(benchmark.encode()).digest()[:8]) % shards
    owner = (np.floor(middles / max(sizes.sum(), 1) * shards).astype(int) + first) % shards
    return [batch for batch, shard in zip(batches, owner, strict=True) if shard == number - 1]


def _answers(
    engine: Engine, calls: pa.Table, batches: list[np.ndarray], missing: np.ndarray
) -> Iterator[pa.Table]:
    """Answers to the missing ones of `calls`, batch by batch as planned for all of them."""
    for batch in batches:
        rows = batch[missing[batch]]
        if len(rows):
            yield from engine.answer(calls.take(pa.array(rows)))


def _is_in(values: pa.Array | pa.ChunkedArray, of: pa.Array | pa.ChunkedArray) -> np.ndarray:
    of = of.combine_chunks() if isinstance(of, pa.ChunkedArray) else of
    return np.asarray(pc.is_in(values, value_set=of))


def _assemble(
    tokens: pa.Table, documents: np.ndarray, kind: pa.ChunkedArray, answers: pa.Table
) -> pa.Table:
    """RESPONSES rows from the answers to the exploded requests; of the windows of a passage the most likely answer counts."""
    empty = np.asarray(pc.equal(answers["text"], "").fill_null(False))
    kept = _best_windows(
        documents, np.asarray(pc.equal(kind, "extract")), empty, answers["loglikelihood"].to_numpy()
    )
    documents, answers = documents[kept], answers.take(pa.array(kept))
    scored = np.asarray(pc.equal(kind, "loglikelihood"))[kept]

    def per_document(column: str, rows: np.ndarray) -> pa.ListArray:
        return _lists(
            np.bincount(documents[rows], minlength=len(tokens)),
            answers[column].filter(pa.array(rows)).combine_chunks(),
        )

    columns = {name: tokens[name] for name in ("model", "task", "doc_id", "kind")}
    columns |= {
        "loglikelihoods": per_document("loglikelihood", scored),
        "greedy": per_document("greedy", scored),
        "n_tokens": per_document("n_tokens", np.ones_like(scored)),
        "texts": per_document("text", ~scored),
        "finish_reasons": per_document("finish_reason", ~scored),
    }
    return pa.table(columns).select(RESPONSES.names).cast(RESPONSES)


def _best_windows(
    documents: np.ndarray, extract: np.ndarray, empty: np.ndarray, loglikelihoods: np.ndarray
) -> np.ndarray:
    """Rows to keep: all that are not windows, and of the windows of each document the most likely, the first of equals.

    A window without the answer surely says that there is none, so an empty answer counts where no window holds another one.
    """
    windows = np.flatnonzero(extract)
    ranked = windows[
        np.lexsort((windows, -loglikelihoods[windows], empty[windows], documents[windows]))
    ]
    best = ranked[np.unique(documents[ranked], return_index=True)[1]]
    return np.sort(np.concatenate([np.flatnonzero(~extract), best]))


def _check_numbers(
    answers: pa.Table, keys: pa.Array, tokens: pa.Table, documents: np.ndarray
) -> None:
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
    return pa.ListArray.from_arrays(
        pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32()), values
    )


def _nested(column: pa.ChunkedArray, rows: np.ndarray, positions: np.ndarray) -> pa.Array:
    """column[row][position] of a list of lists, pair by pair; null where column[row] is null."""
    lengths = _lengths(column)
    places = (np.cumsum(lengths) - lengths)[rows] + positions
    return (
        column.combine_chunks()
        .flatten()
        .take(pa.array(places, mask=~np.asarray(column.is_valid())[rows]))
    )

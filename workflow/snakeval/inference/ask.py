"""Asking a model: each distinct call of a benchmark is sent once, unless the store has its output.

`ask` fills the store, in one job or in several shards at once. `snakeval.inference.assemble` makes
a file of responses from the store alone.

Batches are planned over all calls of the benchmark, known or not, and of each batch only the
missing calls are sent. So a run that was killed and started again cuts the same batches, and gives
the same bytes as an undisturbed one.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.backends.protocol import Engine
from snakeval.errors import UserError
from snakeval.files import benchmark_files
from snakeval.inference import energy, low_precision, shards, timings
from snakeval.inference.calls import FROM_TOKENS, Input, first_rows, lengths
from snakeval.inference.store import Store
from snakeval.jobs.progress import Progress
from snakeval.schemas.model import CALLS, TIMINGS

NO_KEYS = pa.array([], pa.string())


def ask_benchmarks(
    index: str | Path,
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
    source: Input = FROM_TOKENS,
) -> None:
    """Ask a model its shard of every benchmark that `index` lists, a table of `source` for each.

    TIMINGS are written to `folder`, and their list to `output`. The calls of `alone` documents of a
    benchmark are asked again, each by itself (see snakeval.inference.low_precision).

    A benchmark is skipped while its rows and `made_from` (the model and its settings) are the same.
    """
    fingerprints = benchmark_files.fingerprints(index, *made_from)
    benchmarks = list(fingerprints)

    @cache
    def keys_of(benchmark: str) -> pa.Array:
        parts = (distinct_keys(part, store, source) for part in source.scan(index, benchmark))
        return pc.unique(pa.concat_arrays([NO_KEYS, *parts]))

    def make(benchmark: str) -> pa.Table:
        # Other shards may be asking the benchmarks before this one now.
        before = benchmarks[: benchmarks.index(benchmark)] if shard[1] > 1 else []
        earlier = pa.concat_arrays([NO_KEYS, *map(keys_of, before)])
        rows = source.read(index, benchmark)
        who: dict[str, Any] = {"model": model, "benchmark": benchmark}
        who |= {"shard": shard, "source": source}
        spent = ask(rows, load_engine, store, **who, earlier=earlier, terminal=terminal)
        again = ask_alone(rows, load_engine, store, **who, documents=alone, terminal=terminal)
        return timings.with_asked_alone(spent, again)

    benchmark_files.refresh(output, folder, fingerprints, make, TIMINGS)


def ask(
    rows: pa.Table,
    load_engine: Callable[[], Engine],
    store: Store,
    *,
    model: str,
    benchmark: str,
    shard: tuple[int, int] = (1, 1),
    earlier: pa.Array | None = None,
    terminal: TextIO | None = None,
    source: Input = FROM_TOKENS,
) -> pa.Table:
    """Put the missing outputs of one benchmark into the store; gives one row of TIMINGS.

    `rows`: the benchmark's table of `source`. `shard` (k, n): the k-th of n parts that ask at the
    same time; the first one counts requests and duplicates. `earlier`: keys of calls that are left
    to earlier benchmarks, as when one job asks all. `load_engine` is called only if an output is
    missing. Progress is written to `terminal`. Raises UserError for a log-likelihood of NaN.
    """
    started = time.perf_counter()
    calls, documents = source.explode(rows)
    every_key = store.keys(calls)
    calls = _distinct(calls, every_key)
    known = store.known(calls["key"])
    missing = ~known if earlier is None else ~known & ~_is_in(calls["key"], earlier)
    mine = shards.evenly(len(calls), shard)
    measured = timings.Measured()
    if missing.any():
        engine = load_engine()
        loaded = time.perf_counter()
        before = replace(engine.counters)
        plan = _plan(engine, calls, f"{model}, {benchmark}")
        batches = shards.share(plan, calls, shard, benchmark)
        mine = np.isin(np.arange(len(calls)), np.concatenate([*batches, []]))
        work = _Work(calls, batches, missing, mine, model, benchmark, shard)
        with energy.metered(engine.device) as joules:
            for outputs in _answer(engine, work, terminal):
                _check_numbers(outputs, every_key, rows, documents, model)
                store.append(outputs)
            store.flush()
            spent = joules()
        measured = timings.measure(engine, before, loaded - started, spent)
        started = loaded
    tokens = lengths(calls["context"]) + lengths(calls["continuation"])
    first = shard[0] == 1
    requests, duplicates = len(every_key) * first, (len(every_key) - len(calls)) * first
    from_store, stored_tokens = int((mine & known).sum()), int(tokens[mine & known].sum())
    counts = timings.Counts(requests, duplicates, from_store, stored_tokens)
    who = {"model": model, "benchmark": benchmark, "identity": store.identity}
    return timings.row(counts, measured, **who, seconds=time.perf_counter() - started)


def ask_alone(
    rows: pa.Table,
    load_engine: Callable[[], Engine],
    store: Store,
    *,
    model: str,
    benchmark: str,
    shard: tuple[int, int] = (1, 1),
    documents: int,
    terminal: TextIO | None = None,
    source: Input = FROM_TOKENS,
) -> int:
    """Put into the store what it lacks of the outputs of `documents` documents, each call alone.

    Gives the number of such calls.
    """
    if not documents:
        return 0
    number, parts = shard
    calls, sampled = low_precision.sampled(rows, store, documents, source)
    _, place = np.unique(sampled["document"].to_numpy(), return_inverse=True)
    mine = sampled.filter(pa.array(place % parts == number - 1))
    mine = mine.take(first_rows(mine["key"].combine_chunks()))
    missing = mine.filter(pa.array(~store.known(mine["key"])))
    if not len(missing):
        return len(mine)
    chosen = calls.take(missing["row"]).append_column("key", missing["key"]).select(CALLS.names)
    engine = load_engine()
    name, known = f"{model} {benchmark}, requests alone", len(mine) - len(missing)
    with Progress(name, total=len(mine), known=known, terminal=terminal) as progress:
        for outputs in engine.alone(chosen):
            store.append(outputs)
            progress.advance(len(outputs), pc.sum(outputs["n_tokens"]).as_py())
    store.flush()
    return len(mine)


def distinct_keys(rows: pa.Table, store: Store, source: Input = FROM_TOKENS) -> pa.Array:
    """The distinct keys of the calls of rows of an input."""
    return pc.unique(store.keys(source.explode(rows)[0]))


@dataclass(frozen=True, eq=False)
class _Work:
    """The distinct calls of a benchmark, and what one shard has to do for them."""

    calls: pa.Table
    batches: list[np.ndarray]  # of this shard
    missing: np.ndarray  # which calls have no output
    mine: np.ndarray  # which calls this shard counts
    model: str
    benchmark: str
    shard: tuple[int, int]

    @property
    def name(self) -> str:
        number, shards = self.shard
        part = "" if shards == 1 else f" {number}-of-{shards}"
        return f"{self.model} {self.benchmark}{part}"


def _plan(engine: Engine, calls: pa.Table, where: str) -> list[np.ndarray]:
    """The engine's plan. Raises RuntimeError, naming `where`, if it leaves calls out."""
    plan = engine.plan(calls)
    if not np.array_equal(np.sort(np.concatenate(plan)), np.arange(len(calls))):
        raise RuntimeError(
            f"{where}: the engine's plan does not hold each of {len(calls)} requests once"
        )
    return plan


def _answer(engine: Engine, work: _Work, terminal: TextIO | None) -> Iterator[pa.Table]:
    """Outputs of the missing calls, batch by batch as planned for all calls."""
    wanted = int((work.mine & work.missing).sum())
    total, known = int(work.mine.sum()), int((work.mine & ~work.missing).sum())
    before = timings.read_or_written(engine.counters)
    with Progress(work.name, total=total, known=known, terminal=terminal) as progress:
        for batch in work.batches:
            rows = batch[work.missing[batch]]
            if not len(rows):
                continue
            for outputs in engine.answer(work.calls.take(pa.array(rows))):
                yield outputs
                tokens = timings.read_or_written(engine.counters) - before
                progress.advance(len(outputs), tokens - progress.tokens)
    if progress.done != wanted:
        where = f"{work.model}, {work.benchmark}"
        raise RuntimeError(f"{where}: {wanted} requests, but {progress.done} answers")


def _check_numbers(
    outputs: pa.Table, keys: pa.Array, rows: pa.Table, documents: np.ndarray, model: str
) -> None:
    """Raise UserError, before anything is stored, when a log-likelihood is not a number."""
    bad = outputs["key"].filter(pc.is_nan(outputs["loglikelihood"]))
    if len(bad):
        row = int(documents[pc.index(keys, bad[0]).as_py()])
        task, document = rows["task"][row].as_py(), rows["doc_id"][row].as_py()
        raise UserError(
            f"{model}, {task}, document {document}: the log-likelihood is not a number. "
            "The weights are damaged, or the dtype overflows. Try bfloat16 or float32."
        )


def _distinct(calls: pa.Table, keys: pa.Array) -> pa.Table:
    """CALLS, the first call of each key."""
    rows = first_rows(keys)
    keyed = calls.append_column("key", keys).select(CALLS.names)
    return keyed.take(rows) if len(rows) < len(keyed) else keyed


def _is_in(values: pa.ChunkedArray, known: pa.Array) -> np.ndarray:
    return np.asarray(pc.is_in(values, value_set=known))

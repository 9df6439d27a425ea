"""All responses of one model, from the store, and what batches changed in them."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from snakeval.files import benchmark_files, parquet
from snakeval.files.layout import Layout
from snakeval.inference import low_precision, shards
from snakeval.inference.assemble import assemble
from snakeval.inference.calls import FROM_TOKENS
from snakeval.inference.store import Store
from snakeval.schemas.model import NUMERICS, RESPONSES, TIMINGS


def gather(
    index: str,
    parts: Sequence[str],
    output: str,
    layout: Layout,
    made_from: Sequence[Any],
    *,
    model: str,
    tokenizer: str,
    documents: int,
) -> pa.Table:
    """Write RESPONSES to every benchmark that `index` lists, and their list to `output`.

    `parts`: the lists of what each shard asked. `tokenizer`: the identity of the model's tokenizer.
    Files made from the same as now are kept. Returns NUMERICS of the first `documents` documents of
    each benchmark whose calls were asked alone too. Raises UserError for outputs that are missing.
    """
    called = f"{layout.of_model('calls', model)} and {layout.of_model('index/calls', model)}"
    digests = benchmark_files.digests(index)
    timings = {benchmark: _timings(parts, benchmark) for benchmark in digests}
    who = {benchmark: shards.who_answered(rows) for benchmark, rows in timings.items()}

    @cache
    def store_of(identity: str) -> Store:  # a store reads every part whole, so there is one
        return Store(layout.store(), identity, tokenizer)

    def responses(benchmark: str) -> Iterator[pa.Table]:
        for part in FROM_TOKENS.scan(index, benchmark):
            yield assemble(part, store_of(who[benchmark]), model=model, called=called)

    # Who answered counts: another engine gives other answers to the same tokens.
    fingerprints = {
        benchmark: parquet.fingerprint_of(*made_from, who[benchmark], digest)
        for benchmark, digest in digests.items()
    }
    folder = layout.of_model("responses", model)
    benchmark_files.refresh(output, folder, fingerprints, responses, RESPONSES)
    compared: list[dict[str, Any]] = []
    for benchmark, rows in timings.items():
        if pc.sum(rows["asked_alone"]).as_py():
            tokens, store = FROM_TOKENS.read(index, benchmark), store_of(who[benchmark])
            compared += low_precision.batches_against_alone(
                tokens, store, model=model, benchmark=benchmark, documents=documents
            )
    return pa.Table.from_pylist(compared, NUMERICS)


def _timings(parts: Sequence[str], benchmark: str) -> pa.Table:
    return pa.concat_tables(benchmark_files.read(part, benchmark, TIMINGS) for part in parts)

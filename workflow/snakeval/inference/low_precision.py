"""How much batches change outputs: in lower precision than float32 it matters which calls are
computed together.

Kernels sum in another order for another shape. In float32 that shows in the seventh digit, in
bfloat16 in the second, and a choice or a text may flip (Yuan et al. 2025, arXiv:2506.09501). So
some documents of every benchmark are asked again: each call alone, with the plain strategy. These
outputs are kept in the store as all others are, under keys of their own, so they are asked once.
"""

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.backends.calls import GENERATE
from snakeval.files import benchmark_files
from snakeval.inference.calls import FROM_TOKENS, Input
from snakeval.inference.store import Store
from snakeval.schemas.model import NUMERICS

# A text alone takes as long as this many documents of log-likelihoods, so fewer texts are asked.
PER_TEXT = 4


def batches_against_alone(
    rows: pa.Table,
    store: Store,
    *,
    model: str,
    benchmark: str,
    documents: int,
    source: Input = FROM_TOKENS,
) -> list[dict[str, Any]]:
    """A row of NUMERICS where calls of the benchmark were asked alone; otherwise none.

    `rows`: the benchmark's table of `source`. `documents`: how many were asked alone.
    """
    if not documents:
        return []
    calls, alone = sampled(rows, store, documents, source)
    keys = store.keys(calls.take(alone["row"]))
    batched, known = store.lookup(keys), store.lookup(alone["key"])
    if not len(known):
        return []
    batched = batched.take(pc.index_in(keys, value_set=batched["key"].combine_chunks()))
    return compare(alone, known, batched, model=model, benchmark=benchmark)


def sampled(
    rows: pa.Table, store: Store, count: int, source: Input = FROM_TOKENS
) -> tuple[pa.Table, pa.Table]:
    """The calls of some documents of a benchmark, and the sample of them that is asked alone.

    The sample has the columns of `sample`.
    """
    at_once = benchmark_files.DOCUMENTS_AT_ONCE
    if len(rows) > at_once:  # the sample of all rows is that of the samples of their parts
        parts = [rows.slice(start, at_once) for start in range(0, len(rows), at_once)]
        chosen = [pc.unique(_sample(part, store, count, source)[1]["document"]) for part in parts]
        rows = pa.concat_tables(part.take(its) for part, its in zip(parts, chosen, strict=True))
    return _sample(rows, store, count, source)


def sample(
    calls: pa.Table, keys: pa.Array, documents: np.ndarray, decides: np.ndarray, count: int
) -> pa.Table:
    """The calls to ask again alone: those of `count` documents.

    `keys`, `documents` and `decides` belong to `calls`, one each: its key, its document, and
    whether the log-likelihoods of the document decide something. Columns of the result: `row` in
    `calls`, `document`, `decides`, and the `key` under which the output of the call alone is kept.

    The choice of documents depends on the keys alone, not on the order of documents, the number of
    shards or what the store has. Texts that are drawn at random are left out, because they are
    meant to differ.
    """
    generates = np.asarray(pc.equal(calls["kind"], GENERATE))
    do_sample = pc.struct_field(calls["generation"].combine_chunks(), "do_sample")
    greedy = generates & ~np.asarray(do_sample.fill_null(False))
    chosen: list[int] = []
    for kind, number in ((~generates, count), (greedy, -(-count // PER_TEXT))):
        rows = np.flatnonzero(kind)
        first = rows[np.unique(documents[rows], return_index=True)[1]]
        in_order = sorted(first.tolist(), key=lambda row: keys[row].as_py())[:number]
        chosen += np.flatnonzero(kind & np.isin(documents, documents[in_order])).tolist()
    rows = np.sort(np.array(chosen, np.int64))
    alone = [_key_alone(key) for key in keys.take(pa.array(rows)).to_pylist()]
    columns = {"row": rows, "document": documents[rows], "decides": decides[rows]}
    return pa.table(columns | {"key": pa.array(alone, pa.string())})


def compare(
    alone: pa.Table, known: pa.Table, batched: pa.Table, *, model: str, benchmark: str
) -> list[dict[str, Any]]:
    """At most one row of NUMERICS: outputs of calls alone against those in batches.

    `alone`: a sample (see `sample`). `known`: OUTPUTS of some of its calls alone. `batched`:
    OUTPUTS of all its calls in batches, in its order.
    """
    keys = known["key"].combine_chunks()
    there = pc.is_in(alone["key"], value_set=keys)
    alone, batched = alone.filter(there), batched.filter(there)
    if not len(alone):
        return []
    again = known.take(pc.index_in(alone["key"], value_set=keys))
    changes = np.abs(again["loglikelihood"].to_numpy() - batched["loglikelihood"].to_numpy())
    per_token = changes / np.maximum(again["n_tokens"].to_numpy(), 1)
    flips = _flips(alone["document"].to_numpy(), alone["decides"].to_numpy(), batched, again)
    texts = np.asarray(again["text"].is_valid())  # their changes are not a number
    changed = np.asarray(pc.not_equal(again["text"], batched["text"]).fill_null(False))
    scored = bool((~texts).any())
    row = {
        "model": model,
        "benchmark": benchmark,
        "documents": len(pc.unique(alone["document"])),
        "loglikelihoods": int((~texts).sum()),
        "largest_change": float(np.nanmax(changes)) if scored else None,
        "largest_change_per_token": float(np.nanmax(per_token)) if scored else None,
        "decisions": len(flips),
        "flipped_decisions": sum(flips),
        "texts": int(texts.sum()),
        "changed_texts": int(changed.sum()),
    }
    return [{name: row[name] for name in NUMERICS.names}]


def _sample(rows: pa.Table, store: Store, count: int, source: Input) -> tuple[pa.Table, pa.Table]:
    calls, documents = source.explode(rows)
    deciding = pa.array(["multiple_choice", "loglikelihood"])
    decides = np.asarray(pc.is_in(rows["kind"], value_set=deciding))[documents]
    return calls, sample(calls, store.keys(calls), documents, decides, count)


def _key_alone(key: str) -> str:
    return hashlib.sha256(b"alone:" + key.encode()).hexdigest()


def _flips(
    documents: np.ndarray, decides: np.ndarray, batched: pa.Table, again: pa.Table
) -> list[bool]:
    """Whether each decision that log-likelihoods make is another one alone.

    Of several continuations the likeliest is chosen. Of a single one it counts whether it is what
    the model would have written.
    """
    scored = decides & np.asarray(again["text"].is_null())
    flips = []
    for document in np.unique(documents[scored]):
        rows = pa.array(np.flatnonzero(scored & (documents == document)))
        column = "loglikelihood" if len(rows) > 1 else "greedy"
        before, now = (outputs[column].take(rows).to_pylist() for outputs in (batched, again))
        if len(rows) > 1:
            flips.append(int(np.argmax(before)) != int(np.argmax(now)))
        else:
            flips.append(before != now)
    return flips

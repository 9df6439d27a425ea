"""What a batch does to an answer: in lower precision than float32 it depends on which requests were computed together.

Kernels sum in another order for another shape. In float32 that shows in the seventh digit, in bfloat16 in the second, and a choice or a
text may flip (Yuan et al. 2025, arXiv:2506.09501). So some documents of every benchmark are asked again: each request alone, on the plain
path. These answers lie in the response store like all others, under keys of their own, so they too are asked once.
"""

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.schemas.model import NUMERICS

PER_TEXT = 4  # a text alone takes as long as this many times as many documents of log-likelihoods, so that many fewer are asked


def sample(
    calls: pa.Table, keys: pa.Array, documents: np.ndarray, decides: np.ndarray, count: int
) -> pa.Table:
    """The requests of a benchmark to ask again alone, those of `count` documents: `row` in `calls`, `document`, whether its log-likelihoods
    decide something (`decides`), and `key` to know the answer by.

    `keys` are those of `calls`, `documents` and `decides` tell the document of each and whether it is a choice. Which documents are taken
    depends on the keys alone, so not on the order of documents, the number of shards or what is known. Texts that are drawn at random
    are left out: they are meant to differ.
    """
    generates = np.asarray(pc.equal(calls["kind"], "generate"))
    sampled = np.asarray(
        pc.struct_field(calls["generation"].combine_chunks(), "do_sample").fill_null(False)
    )
    chosen: list[int] = []
    for kind, number in ((~generates, count), (generates & ~sampled, -(-count // PER_TEXT))):
        rows = np.flatnonzero(kind)
        first = rows[np.unique(documents[rows], return_index=True)[1]]
        in_order = sorted(first.tolist(), key=lambda row: keys[row].as_py())[:number]
        chosen += np.flatnonzero(kind & np.isin(documents, documents[in_order])).tolist()
    rows = np.sort(np.array(chosen, np.int64))
    alone = [
        hashlib.sha256(b"alone:" + key.encode()).hexdigest()
        for key in keys.take(pa.array(rows)).to_pylist()
    ]
    return pa.table(
        {
            "row": rows,
            "document": documents[rows],
            "decides": decides[rows],
            "key": pa.array(alone, pa.string()),
        }
    )


def compare(
    alone: pa.Table, known: pa.Table, batched: pa.Table, *, model: str, benchmark: str
) -> list[dict[str, Any]]:
    """At most one row of NUMERICS: the OUTPUTS of a `sample` alone (`known`, some of them) against those in batches.

    `batched` are those of the sample's rows, in its order.
    """
    there = pc.is_in(alone["key"], value_set=known["key"].combine_chunks())
    alone, batched = alone.filter(there), batched.filter(there)
    if not len(alone):
        return []
    again = known.take(pc.index_in(alone["key"], value_set=known["key"].combine_chunks()))
    changes = np.abs(
        again["loglikelihood"].to_numpy() - batched["loglikelihood"].to_numpy()
    )  # of texts: not a number
    flips = _flips(alone["document"].to_numpy(), alone["decides"].to_numpy(), batched, again)
    texts = np.asarray(again["text"].is_valid())
    changed = np.asarray(pc.not_equal(again["text"], batched["text"]).fill_null(False))
    row = {
        "model": model,
        "benchmark": benchmark,
        "documents": len(pc.unique(alone["document"])),
        "loglikelihoods": int((~texts).sum()),
        "largest_change": float(np.nanmax(changes)) if (~texts).any() else None,
        "largest_change_per_token": float(
            np.nanmax(changes / np.maximum(again["n_tokens"].to_numpy(), 1))
        )
        if (~texts).any()
        else None,
        "decisions": len(flips),
        "flipped_decisions": sum(flips),
        "texts": int(texts.sum()),
        "changed_texts": int(changed.sum()),
    }
    return [{name: row[name] for name in NUMERICS.names}]


def _flips(
    documents: np.ndarray, decides: np.ndarray, batched: pa.Table, again: pa.Table
) -> list[bool]:
    """Per decision that log-likelihoods make, whether it is another one alone.

    Of several continuations the likeliest is chosen; of a single one it counts whether it is what the model would have written.
    """
    scored = decides & np.asarray(again["text"].is_null())
    flips = []
    for document in np.unique(documents[scored]):
        rows = pa.array(np.flatnonzero(scored & (documents == document)))
        column = "loglikelihood" if len(rows) > 1 else "greedy"
        before, now = (answers[column].take(rows).to_pylist() for answers in (batched, again))
        flips.append(
            int(np.argmax(before)) != int(np.argmax(now)) if len(rows) > 1 else before != now
        )
    return flips

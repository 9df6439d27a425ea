"""From the store to responses: what was asked for a document, put together again."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.backends.calls import EXTRACT, LOGLIKELIHOOD
from snakeval.errors import UserError
from snakeval.inference.calls import FROM_TOKENS, Input, lists
from snakeval.inference.store import Store
from snakeval.schemas.model import RESPONSES


def assemble(
    rows: pa.Table, store: Store, *, model: str, called: str, source: Input = FROM_TOKENS
) -> pa.Table:
    """RESPONSES for the rows of an input, in their order.

    `called` names the files that record which calls were asked. Raises UserError when the store
    lacks an output.
    """
    calls, documents = source.explode(rows)
    keys = store.keys(calls)
    known = store.lookup(keys)
    places = pc.index_in(keys, value_set=known["key"].combine_chunks())
    if places.null_count:
        raise UserError(
            f"{store.folder}: {places.null_count} of {len(places)} outputs are missing, because "
            "parts of the store were deleted or damaged. "
            f"Delete {called} and run again: only missing outputs are asked for."
        )
    outputs = known.take(places)
    extract = np.asarray(pc.equal(calls["kind"], EXTRACT))
    kept = _without_worse_windows(documents, extract, outputs)
    documents, outputs = documents[kept], outputs.take(pa.array(kept))
    scored = np.asarray(pc.equal(calls["kind"], LOGLIKELIHOOD))[kept]

    def per_document(column: str, chosen: np.ndarray) -> pa.ListArray:
        counts = np.bincount(documents[chosen], minlength=len(rows))
        return lists(counts, outputs[column].filter(pa.array(chosen)).combine_chunks())

    columns = {"model": pa.array([model] * len(rows), pa.string())}
    columns |= {name: rows[name] for name in ("task", "doc_id", "kind")}
    columns |= {
        "loglikelihoods": per_document("loglikelihood", scored),
        "greedy": per_document("greedy", scored),
        "n_tokens": per_document("n_tokens", np.ones_like(scored)),
        "texts": per_document("text", ~scored),
        "finish_reasons": per_document("finish_reason", ~scored),
    }
    return pa.table(columns).select(RESPONSES.names).cast(RESPONSES)


def _without_worse_windows(
    documents: np.ndarray, extract: np.ndarray, outputs: pa.Table
) -> np.ndarray:
    """Rows to keep: all but the windows of a passage that are not its most likely one.

    Of equally likely windows the first stays. A window without the answer is very sure that there
    is none, so an empty text counts only where all windows are empty.
    """
    windows = np.flatnonzero(extract)
    empty = np.asarray(pc.equal(outputs["text"], "").fill_null(False))[windows]
    loglikelihoods = outputs["loglikelihood"].to_numpy()[windows]
    ranked = windows[np.lexsort((windows, -loglikelihoods, empty, documents[windows]))]
    best = ranked[np.unique(documents[ranked], return_index=True)[1]]
    return np.sort(np.concatenate([np.flatnonzero(~extract), best]))

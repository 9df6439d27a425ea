"""One document's tokens, and the TOKENS table of many."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from snakeval.schemas.columns import GENERATION
from snakeval.schemas.model import TOKENS


@dataclass
class Row:
    """The columns of TOKENS for one document, without its keys."""

    prompts: list[str] = field(default_factory=list)
    contexts: list[np.ndarray] = field(default_factory=list)
    continuations: list[tuple[int, np.ndarray]] = field(default_factory=list)
    """Index of the context, token ids."""
    token_types: list[np.ndarray] | None = None
    offsets: list[np.ndarray] | None = None
    passage: str | None = None
    generation: dict[str, Any] | None = None
    dropped_shots: int = 0
    truncated_tokens: int = 0


def table(rows: Sequence[Row], requests: pa.Table, model: str) -> pa.Table:
    """TOKENS for rows of REQUESTS.

    It is built from flat arrays: lists of Python integers would take minutes for long prompts.
    """
    pieces = [piece for row in rows for piece in row.continuations]
    continuations = pa.StructArray.from_arrays(
        [
            pa.array([context for context, _ in pieces], pa.int32()),
            _int_lists([ids for _, ids in pieces]),
        ],
        fields=list(TOKENS.field("continuations").type.value_type),
    )
    columns = {
        "model": pa.array([model] * len(rows), pa.string()),
        **{name: requests[name] for name in ("task", "doc_id", "kind")},
        "prompts": pa.array([row.prompts for row in rows], TOKENS.field("prompts").type),
        "contexts": _nested([row.contexts for row in rows]),
        "continuations": _cut([len(row.continuations) for row in rows], continuations),
        "token_types": _nested([row.token_types for row in rows]),
        "offsets": _nested([row.offsets for row in rows]),
        "passage": pa.array([row.passage for row in rows], pa.string()),
        "generation": pa.array([row.generation for row in rows], GENERATION),
        "dropped_shots": pa.array([row.dropped_shots for row in rows], pa.int32()),
        "truncated_tokens": pa.array([row.truncated_tokens for row in rows], pa.int32()),
    }
    return pa.table({name: columns[name] for name in TOKENS.names}).cast(TOKENS)


def _int_lists(lists: list[np.ndarray]) -> pa.ListArray:
    values = np.concatenate(lists) if lists else np.empty(0, np.int32)
    return _cut([len(ids) for ids in lists], pa.array(values, pa.int32()))


def _nested(rows: list[list[np.ndarray] | None]) -> pa.ListArray:
    inner = _int_lists([ids for row in rows for ids in row or []])
    return _cut(
        [len(row or []) for row in rows], inner, pa.array([row is None for row in rows], pa.bool_())
    )


def _cut(lengths: list[int], values: pa.Array, nulls: pa.Array | None = None) -> pa.ListArray:
    """Values cut into lists of the given lengths."""
    return pa.ListArray.from_arrays(
        pa.array(np.cumsum([0, *lengths]), pa.int32()), values, mask=nulls
    )

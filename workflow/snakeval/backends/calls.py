"""Calls as objects and outputs as tables: the edge between Arrow and the arithmetic."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from snakeval.schemas.model import OUTPUTS

LOGLIKELIHOOD, GENERATE, EXTRACT = "loglikelihood", "generate", "extract"


@dataclass(frozen=True, eq=False)
class Call:
    """One row of CALLS."""

    key: str
    kind: str
    context: np.ndarray  # int32
    continuation: np.ndarray  # int32
    token_types: np.ndarray | None
    offsets: np.ndarray | None
    passage: str | None
    generation: dict[str, Any] | None
    sample: int

    @property
    def inputs(self) -> np.ndarray:
        """The tokens a causal model reads to score the continuation: all but the last."""
        return np.concatenate([self.context, self.continuation[:-1]])

    @property
    def length(self) -> int:
        """Number of `inputs`; for generation and encoders, of the context."""
        return len(self.context) + max(len(self.continuation) - 1, 0)


@dataclass(frozen=True)
class Output:
    """One row of OUTPUTS."""

    key: str
    n_tokens: int
    loglikelihood: float | None = None
    greedy: bool | None = None
    text: str | None = None
    finish_reason: str | None = None


def read_calls(table: pa.Table, kinds: tuple[str, ...], max_length: int) -> list[Call]:
    """The rows of a CALLS table. Raises ValueError for a call that no engine of these kinds could answer."""
    columns = [
        table["key"].to_pylist(),
        table["kind"].to_pylist(),
        _token_lists(table["context"]),
        _token_lists(table["continuation"]),
        _token_lists(table["token_types"]),
        _token_lists(table["offsets"]),
        table["passage"].to_pylist(),
        table["generation"].to_pylist(),
        table["sample"].to_pylist(),
    ]
    calls = [Call(*row) for row in zip(*columns, strict=True)]
    for call in calls:
        if call.kind not in kinds:
            raise ValueError(
                f"call {call.key}: {call.kind} is not for this family of models, which answers {', '.join(kinds)}"
            )
        if not len(call.context):
            raise ValueError(f"call {call.key}: empty context")
        if call.length > max_length:
            raise ValueError(
                f"call {call.key}: {call.length} tokens, more than the model's {max_length}"
            )
    return calls


def write_outputs(answers: list[Output]) -> pa.Table:
    """An OUTPUTS table."""
    return pa.table(
        {name: [getattr(answer, name) for answer in answers] for name in OUTPUTS.names},
        schema=OUTPUTS,
    )


def cut(sizes: list[int], order: list[int], budget: int) -> list[np.ndarray]:
    """Cut rows, taken in `order`, into batches whose padded size (rows × the largest size) stays within `budget`; at least one row each.

    A batch cut again by itself, whole or in part, stays one batch.
    """
    batches: list[list[int]] = []
    largest = 0
    for row in order:
        largest = max(largest, sizes[row])
        if batches and (len(batches[-1]) + 1) * largest <= budget:
            batches[-1].append(row)
        else:
            batches.append([row])
            largest = sizes[row]
    return [np.array(batch, np.int64) for batch in batches]


def _token_lists(column: pa.ChunkedArray) -> list[np.ndarray | None]:
    """Views of a list<int32> column, one per row, without a copy."""
    views: list[np.ndarray | None] = []
    for chunk in column.chunks:
        values = chunk.values.to_numpy(zero_copy_only=False)
        bounds = chunk.offsets.to_numpy()
        valid = np.asarray(chunk.is_valid())
        views.extend(
            values[start:end] if ok else None
            for start, end, ok in zip(bounds[:-1], bounds[1:], valid, strict=True)
        )
    return views

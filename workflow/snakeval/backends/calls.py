"""Calls as objects and outputs as tables: the edge between Arrow and the arithmetic."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from snakeval.schemas.model import OUTPUTS

LOGLIKELIHOOD, GENERATE, EXTRACT = "loglikelihood", "generate", "extract"  # kinds of calls
TOKENS, TEXT, TURNS = "tokens", "text", "turns"  # forms in which a call is sent


@dataclass(frozen=True, eq=False)
class Call:
    """One row of CALLS."""

    key: str
    kind: str
    context: np.ndarray  # int32
    continuation: np.ndarray  # int32
    token_types: np.ndarray | None = None
    offsets: np.ndarray | None = None
    passage: str | None = None
    generation: dict[str, Any] | None = None
    sample: int = 0
    text: str | None = None
    continuation_text: str | None = None
    turns: list[dict[str, str]] | None = None

    @property
    def form(self) -> str:
        """How the call is sent: TOKENS, TEXT or TURNS."""
        if self.turns is not None:
            return TURNS
        return TOKENS if self.text is None else TEXT

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


def read_calls(
    table: pa.Table, kinds: tuple[str, ...], max_length: int, forms: tuple[str, ...] = (TOKENS,)
) -> list[Call]:
    """The rows of a CALLS table.

    `kinds` and `forms` are those that the engine answers; `max_length` is in tokens. Raises
    ValueError, which names the call, for any other call.
    """
    columns = {
        "context": _token_lists(table["context"]),
        "continuation": _token_lists(table["continuation"]),
        "token_types": _token_lists(table["token_types"]),
        "offsets": _token_lists(table["offsets"]),
    }
    names = list(Call.__dataclass_fields__)
    values = [columns.get(name) or table[name].to_pylist() for name in names]
    calls = [Call(*row) for row in zip(*values, strict=True)]
    for call in calls:
        if wrong := _why_not(call, kinds, max_length, forms):
            raise ValueError(f"call {call.key}: {wrong}")
    return calls


def write_outputs(outputs: list[Output]) -> pa.Table:
    """An OUTPUTS table."""
    columns = {name: [getattr(output, name) for output in outputs] for name in OUTPUTS.names}
    return pa.table(columns, schema=OUTPUTS)


def cut(sizes: list[int], order: list[int], budget: int) -> list[np.ndarray]:
    """Cut rows, taken in `order`, into batches of at most `budget` tokens, padding included.

    The padded size of a batch is its number of rows times its largest size. Each batch has at
    least one row. A batch that is cut again by itself, whole or in part, stays one batch.
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


def _why_not(
    call: Call, kinds: tuple[str, ...], max_length: int, forms: tuple[str, ...]
) -> str | None:
    """Why an engine cannot answer a call, or None."""
    if call.form not in forms:
        return f"is sent as {call.form}, but this engine takes {', '.join(forms)}"
    if call.kind not in kinds:
        return f"{call.kind} is not for this family of models, which answers {', '.join(kinds)}"
    if call.form == TOKENS and not len(call.context):
        return "empty context"
    if call.length > max_length:
        return f"{call.length} tokens, more than the model's {max_length}"
    return None


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

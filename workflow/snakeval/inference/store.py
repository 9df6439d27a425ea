"""The response store: a model's outputs, found by content, so that no call is asked twice.

The key of a call is the sha256 of everything that determines its output, and of nothing else:

    the model's identity (snakeval.models.identity), the kind, the token ids of context and
    continuation, segment ids, and
    generate: the tokenizer's files, stop strings in any order, length limit, repetition penalty,
              and if it samples: temperature, top-p, top-k, seed and the index of the sample
    extract:  the passage, and the characters of its tokens
    text, chat: the text and its continuation, or the turns

Names of models, tasks and documents do not count: equal content under other names is known.

Outputs are kept in `{root}/{identity[:16]}/*.parquet`. These parts are written once, under a
temporary name that is then renamed, and never changed. So the following holds, also for many
writers on a shared file system and without any lock:

- A part is whole or absent. A process that is killed at any moment loses at most SECONDS_AT_RISK
  seconds or ROWS_AT_RISK outputs.
- An output that was in the store stays in it. Compaction renames the merged part into place before
  it removes the parts it merged.
- A reader that finds a listed part gone lists again: its rows are in the merged part.
- Rows that arrived together are in one part together, so a batch is known whole or not at all.
- A part that fails its checksum is named in a warning and left alone. Its outputs are computed
  again.
- Failures are not outputs and are never stored.
"""

import hashlib
import logging
import os
import struct
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.schemas.model import OUTPUTS

ROWS_AT_RISK = 1000
SECONDS_AT_RISK = 30.0
PARTS_TO_COMPACT = 16
ROWS_OF_A_LARGE_PART = 65536  # merging these again would cost more than it saves
_FORMAT = b"snakeval request 1"  # changes when the meaning of a key does
_CALLS_AT_ONCE = 10_000  # bounds the memory that making keys takes

logger = logging.getLogger(__name__)


def keys(calls: pa.Table, identity: str, tokenizer: str) -> pa.Array:
    """Content addresses (64 hex digits) of CALLS rows; a `key` column, if any, is not read.

    `identity` and `tokenizer` are those of snakeval.models.identity.
    """
    start = _field(_FORMAT) + _field(identity.encode())
    some = (calls.slice(row, _CALLS_AT_ONCE) for row in range(0, calls.num_rows, _CALLS_AT_ONCE))
    parts = [pa.array(_digests(part, start, tokenizer), pa.string()) for part in some]
    return pa.concat_arrays([pa.array([], pa.string()), *parts])


def _digests(calls: pa.Table, start: bytes, tokenizer: str) -> list[str]:
    numbers = ("context", "continuation", "token_types", "offsets")
    columns = [_strings(calls["kind"]), *(_int_lists(calls[name]) for name in numbers)]
    columns += [_strings(calls["passage"]), _settings(calls, tokenizer), _words(calls)]
    rows = zip(*columns, strict=True)
    return [hashlib.sha256(start + b"".join(parts)).hexdigest() for parts in rows]


def _field(value: bytes | None) -> bytes:
    """A value with its length before it. So no two sequences of values give the same bytes."""
    return b"-" if value is None else b"%d:" % len(value) + value


def _strings(column: pa.ChunkedArray) -> list[bytes]:
    return [_field(None if value is None else value.encode()) for value in column.to_pylist()]


def _int_lists(column: pa.ChunkedArray) -> list[bytes]:
    """Each list as bytes, four per number.

    They are cut from the column's one buffer, because lists of Python integers would take minutes.
    """
    if column.null_count == len(column):
        return [_field(None)] * len(column)
    array = column.combine_chunks()
    values = array.flatten().to_numpy().astype("<i4").tobytes()  # without values under nulls
    ends = np.cumsum(array.value_lengths().fill_null(0).to_numpy()) * 4
    spans = zip([0, *ends[:-1].tolist()], ends.tolist(), array.is_valid().to_pylist(), strict=True)
    return [_field(values[start:end] if valid else None) for start, end, valid in spans]


def _settings(calls: pa.Table, tokenizer: str) -> list[bytes]:
    """The part of each call's generation settings that determines its output."""
    if calls["generation"].null_count == calls.num_rows:
        return [_field(None)] * calls.num_rows
    rows = zip(calls["generation"].to_pylist(), calls["sample"].to_pylist(), strict=True)
    return [
        _field(None if settings is None else _generation(settings, sample, tokenizer))
        for settings, sample in rows
    ]


def _words(calls: pa.Table) -> list[bytes]:
    """Text or turns of each call; empty for a call of token ids, whose key does not change so."""
    columns = [calls[name] for name in ("text", "continuation_text", "turns")]
    if all(column.null_count == len(column) for column in columns):
        return [b""] * len(calls)
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    return [b"" if row == (None, None, None) else _said(*row) for row in rows]


def _said(text: str | None, continuation: str | None, turns: list[dict] | None) -> bytes:
    fields = [text, continuation]
    fields += [turn[name] for turn in turns or [] for name in ("role", "text")]
    return b"".join(_field(None if value is None else value.encode()) for value in fields)


def _generation(settings: dict, sample: int, tokenizer: str) -> bytes:
    limits = struct.pack("<id", settings["max_new_tokens"], settings["repetition_penalty"])
    parts = [_field(tokenizer.encode()), limits]
    if settings["do_sample"]:
        names = ("temperature", "top_p", "top_k", "seed")
        parts.append(struct.pack("<ddiqi", *(settings[name] for name in names), sample))
    parts += [_field(text.encode()) for text in sorted(set(settings["until"]))]
    return b"".join(parts)


class Store:
    """The outputs of one model.

    A context manager: leaving it writes what is held back and merges small parts. Several processes
    may use one store at once; one object belongs to one thread.
    """

    def __init__(self, root: Path | str, identity: str, tokenizer: str = ""):
        self.folder = Path(root) / identity[:16]
        self.identity = identity
        self.tokenizer = tokenizer
        self._parts: dict[str, pa.Array] = {}  # keys of each part, in its order
        self._damaged: set[str] = set()
        self._held: list[pa.Table] = []
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._failure: Exception | None = None

    def keys(self, calls: pa.Table) -> pa.Array:
        """Content addresses of CALLS rows for this model."""
        return keys(calls, self.identity, self.tokenizer)

    def lookup(self, wanted: pa.Array | pa.ChunkedArray) -> pa.Table:
        """The OUTPUTS of those `wanted` keys that are known, a row each, in no particular order."""
        while True:
            self._refresh()
            try:
                return self._read(pc.unique(wanted))
            except FileNotFoundError:  # merged by another process since the folder was listed
                continue

    def known(self, keys: pa.Array | pa.ChunkedArray) -> np.ndarray:
        """Which of `keys` have an output. Outputs are not read."""
        self._refresh()
        return np.asarray(pc.is_in(keys, value_set=self._every_key()))

    def append(self, outputs: pa.Table) -> None:
        """Keep OUTPUTS rows; rows of one call of this function stay together.

        They are on disk when ROWS_AT_RISK are held, or after SECONDS_AT_RISK. Raises UserError when
        they cannot be written.
        """
        with self._lock:
            if self._failure:
                raise self._failure
            self._held.append(outputs.select(OUTPUTS.names).cast(OUTPUTS))
            if sum(table.num_rows for table in self._held) >= ROWS_AT_RISK:
                self._write()
            elif self._timer is None:
                self._timer = threading.Timer(SECONDS_AT_RISK, self._write_late)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Write what is held back. Raises UserError when it cannot be written."""
        with self._lock:
            if self._failure:
                raise self._failure
            self._write()

    def compact(self) -> None:
        """Merge small parts into one when there are PARTS_TO_COMPACT of them.

        Of equal keys the oldest output stays.
        """
        parquet.remove_abandoned(self.folder)
        self._refresh()
        parts = sorted(self._parts.items())
        names = [name for name, part in parts if len(part) < ROWS_OF_A_LARGE_PART]
        if len(names) < PARTS_TO_COMPACT:
            return
        # The merged part takes the first one's time, so that the oldest output stays the first.
        merged = self.folder / f"{names[0].partition('-')[0]}-{uuid.uuid4().hex[:16]}.parquet"
        try:
            parquet.write(self._merged(names), merged, OUTPUTS)
        except FileNotFoundError:  # another process is merging the same parts
            return
        with merged.open("rb") as file:
            os.fsync(file.fileno())
        for name in names:
            (self.folder / name).unlink(missing_ok=True)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, error_type: type | None, *_: object) -> None:
        self.flush()
        if error_type is None:
            self.compact()

    def _write(self) -> None:
        """Write what is held as a part of its own. The caller holds the lock."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._held:
            name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:16]}.parquet"
            rows = pa.concat_tables(self._held).combine_chunks()
            parquet.write(rows, self.folder / name, OUTPUTS)
            self._held = []

    def _write_late(self) -> None:
        """Run by the timer. An error is raised later, when the store is used next."""
        with self._lock:
            try:
                self._write()
            except Exception as error:
                self._failure = error

    def _refresh(self) -> None:
        """List the folder, and read the keys of parts not seen before."""
        present = {path.name for path in self.folder.glob("[!.]*.parquet")} - self._damaged
        self._parts = {name: part for name, part in self._parts.items() if name in present}
        for name in sorted(present - self._parts.keys()):
            try:
                # This checks every byte of the part first.
                keys = parquet.read(self.folder / name, OUTPUTS, ["key"])["key"].combine_chunks()
                if pq.read_schema(self.folder / name).names == OUTPUTS.names:
                    self._parts[name] = keys
                    continue
            except (UserError, OSError):
                logger.debug("%s: cannot be read", name, exc_info=True)
            if (self.folder / name).exists():  # else another process has just merged it
                self._damaged.add(name)
                logger.warning(
                    "%s: damaged; its outputs are computed again. Delete it to stop this message.",
                    self.folder / name,
                )

    def _read(self, wanted: pa.Array) -> pa.Table:
        """Rows with distinct `wanted` keys, the oldest of each, from the parts listed last.

        Raises FileNotFoundError when a part is gone.
        """
        names = sorted(self._parts)
        starts = np.cumsum([0, *(len(self._parts[name]) for name in names)])
        which = pc.index_in(self._every_key(), value_set=wanted).fill_null(-1).to_numpy()
        rows = np.flatnonzero(which >= 0)
        first = np.unique(which[rows], return_index=True)[1]  # of several equal keys
        rows = np.sort(rows[first])
        cuts = np.searchsorted(rows, starts)
        spans = zip(names, starts, cuts, cuts[1:], strict=False)
        found = [
            _rows(self.folder / name, rows[low:high] - start)
            for name, start, low, high in spans
            if low < high
        ]
        return pa.concat_tables([OUTPUTS.empty_table(), *found])

    def _every_key(self) -> pa.Array:
        """The keys of all parts, the oldest part first."""
        parts = [self._parts[name] for name in sorted(self._parts)]
        return pa.concat_arrays([pa.array([], pa.string()), *parts])

    def _merged(self, names: list[str]) -> Iterator[pa.Table]:
        """The rows of parts, each key once, one part at a time."""
        every = np.concatenate([self._parts[name].to_numpy(zero_copy_only=False) for name in names])
        first = np.zeros(len(every), bool)
        first[np.unique(every.astype("S64"), return_index=True)[1]] = True
        start = 0
        for name in names:
            end = start + len(self._parts[name])
            yield _rows(self.folder / name, np.flatnonzero(first[start:end]))
            start = end


def _rows(path: Path, rows: np.ndarray) -> pa.Table:
    """Rows of a part by ascending index. Only the row groups that hold them are read.

    Raises FileNotFoundError when the part is gone.
    """
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        groups, starts = np.unique(rows // parquet.ROWS_PER_GROUP, return_index=True)
        spans = zip(groups.tolist(), np.split(rows, starts[1:]), strict=True) if len(rows) else []
        found = [
            file.read_row_group(group, use_threads=False).take(
                inside - group * parquet.ROWS_PER_GROUP
            )
            for group, inside in spans
        ]
    return pa.concat_tables(
        [OUTPUTS.empty_table(), *(table.select(OUTPUTS.names).cast(OUTPUTS) for table in found)]
    )

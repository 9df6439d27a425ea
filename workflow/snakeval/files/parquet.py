"""The one way a table is written and read.

A file is written under a temporary name and renamed, so that it is whole or absent. The same rows
give the same bytes: row groups have a fixed size, and no time or machine is recorded. The footer
carries

- `fingerprint`: of everything the file depends on; if it is equal, the file is kept;
- `digest`: sha256 of all bytes before the footer; files made from this one depend on it;
- `footer`: sha256 of the footer itself, with zeros in this place.

A reader checks both digests first, so it reports an altered file and never uses it.
"""

import errno
import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from snakeval.errors import UserError
from snakeval.files import atomic

ROWS_PER_GROUP = 8192
_KEY = b"snakeval"
_ABANDONED_SECONDS = 86400.0  # age at which a temporary file cannot belong to a living writer
_UNSEALED = "0" * 64  # in place of the footer's own digest, until it is known
_NOTED = re.compile(
    rb'\{"digest": "[0-9a-f]{64}", "fingerprint": "[^"]*", "footer": "(?P<footer>[0-9a-f]{64})"\}'
)


def write(
    tables: pa.Table | Iterable[pa.Table],
    path: str | Path,
    schema: pa.Schema | None,
    fingerprint: str = "",
) -> None:
    """Write rows to `path`; with a schema, columns are put in its order and checked against it.

    `tables` may be an iterator: then at most one row group is held in memory. Raises UserError
    when the disk is full or the folder cannot be written, ValueError when rows do not fit the
    schema.

        parquet.write(pa.Table.from_pylist(rows, SCORES), path, SCORES, fingerprint_of(settings))
    """
    path = Path(path)
    groups = _row_groups([tables] if isinstance(tables, pa.Table) else tables, schema)
    writer: pq.ParquetWriter | None = None
    with (
        _replacing(path) as temporary,
        temporary.open("wb") as file,
        closing(_HashingSink(file)) as sink,
    ):
        for group in groups:
            writer = writer or pq.ParquetWriter(
                sink, group.schema, compression="zstd", write_page_checksum=True
            )
            writer.write_table(group, row_group_size=ROWS_PER_GROUP)
        if writer is None:
            raise ValueError(f"{path}: no table to write")
        digest = sink.sha256.hexdigest()
        footer = {"digest": digest, "fingerprint": fingerprint, "footer": _UNSEALED}
        writer.add_key_value_metadata({_KEY: json.dumps(footer, sort_keys=True).encode()})
        writer.close()
        file.flush()
        _seal(temporary)


def read(
    path: str | Path, schema: pa.Schema | None = None, columns: list[str] | None = None
) -> pa.Table:
    """The table in `path`.

    Raises UserError when it is missing, altered since it was written, or not of `schema`.
    """
    with _reading(path):
        _check(path)
        # One thread is as fast, and keeps the job to its one core. With a memory limit, no thread
        # may start, and a read with threads would hang.
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read(columns, use_threads=False)
    if schema is None:
        return table
    return _conform(table.replace_schema_metadata(None), _select(schema, columns), path)


def scan(
    path: str | Path,
    schema: pa.Schema,
    rows: int = ROWS_PER_GROUP,
    columns: list[str] | None = None,
) -> Iterator[pa.Table]:
    """The table in `path`, at most `rows` rows at a time, for files larger than memory.

    A file without rows gives one empty table. Errors as `read`.
    """
    with _reading(path):
        _check(path)
    with _reading(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        schema = _select(schema, columns)
        if not file.metadata.num_rows:
            yield schema.empty_table()
        for batch in file.iter_batches(rows, columns=columns, use_threads=False):
            table = pa.Table.from_batches([batch])
            yield _conform(table.replace_schema_metadata(None), schema, path)


def fingerprint(path: str | Path) -> str | None:
    """The fingerprint that `write` got; None when the file is missing or its footer was altered."""
    return _footer(path).get("fingerprint") if Path(path).exists() else None


def digest(path: str | Path) -> str:
    """The digest of the content, from the footer.

    Raises UserError when the file is missing or the footer was altered.
    """
    with _reading(path):
        found = _footer(path).get("digest")
    if found is None:
        raise _altered(path)
    return found


def verify(path: str | Path) -> bool:
    """Whether every byte is as it was written. Raises FileNotFoundError for a missing file."""
    recorded = _footer(path)
    if not recorded:
        return False
    sha256 = hashlib.sha256()
    with Path(path).open("rb") as file:
        start, _ = _split(file)
        file.seek(0)
        while file.tell() < start:
            sha256.update(file.read(min(start - file.tell(), 1 << 20)))
    return sha256.hexdigest() == recorded["digest"]


def remove_abandoned(folder: Path) -> None:
    """Remove temporary files of writers that were killed."""
    for path in folder.glob(".*.tmp"):
        try:
            if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                path.unlink()
        except FileNotFoundError:  # renamed or removed by its owner
            continue


def fingerprint_of(*parts: object) -> str:
    """A fingerprint of plain values (JSON), independent of the order of keys."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def fresh(path: str | Path, wanted: str) -> bool:
    """Whether the file at `path` has the fingerprint `wanted` and holds what was written."""
    return fingerprint(path) == wanted and verify(path)


class _HashingSink:
    """A file that hashes what passes through it.

    Once closed it ignores what comes: a Parquet writer that failed still writes its footer when
    the interpreter collects it.
    """

    def __init__(self, file):
        self._file = file
        self.sha256 = hashlib.sha256()
        self.closed = False

    def write(self, data) -> int:
        if self.closed:
            return len(data)
        self.sha256.update(data)
        return self._file.write(data)

    def tell(self) -> int:
        return self._file.tell()

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self.closed = True


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """As `atomic.replacing`, with UserError for errors of the disk."""
    try:
        with atomic.replacing(path) as temporary:
            yield temporary
    except OSError as error:
        raise _disk_error(path, error) from error


def _disk_error(path: Path, error: OSError) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(
            f"{path}: no space left on the device. Free some and run again: finished work is kept."
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UserError(
            f"{path}: cannot be written ({error.strerror}). "
            "Make the results folder writable and run again."
        )
    return error


@contextmanager
def _reading(path: str | Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{path}: not a readable Parquet file ({reason}). Delete it and run again."
        ) from None


def _check(path: str | Path) -> None:
    if not verify(path):
        raise _altered(path)


def _altered(path: str | Path) -> UserError:
    return UserError(
        f"{path}: altered since it was written, or not a table of this workflow. "
        "Delete it and run again."
    )


def _split(file: IO[bytes]) -> tuple[int, bytes]:
    """Where the footer of an open Parquet file begins, and its bytes to the end of the file."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - 8, 0))
    start = max(size - 8 - int.from_bytes(file.read(4), "little"), 0)
    file.seek(start)
    return start, file.read()


def _seal(path: Path) -> None:
    """Put the footer's digest into its place."""
    with path.open("r+b") as file:
        start, footer = _split(file)
        place = _noted(footer).start("footer")  # type: ignore[union-attr]
        file.seek(start + place)
        file.write(hashlib.sha256(footer).hexdigest().encode())


def _noted(footer: bytes) -> re.Match[bytes] | None:
    """What `write` noted: the last match, for statistics of columns before it may hold any text."""
    return max(_NOTED.finditer(footer), key=re.Match.start, default=None)


def _footer(path: str | Path) -> dict[str, str]:
    """What `write` noted in the footer; empty if the footer was altered.

    The footer's digest is checked before any of it is parsed.
    """
    with Path(path).open("rb") as file:
        _, footer = _split(file)
    if not (noted := _noted(footer)):
        return {}
    unsealed = footer[: noted.start("footer")] + _UNSEALED.encode() + footer[noted.end("footer") :]
    if hashlib.sha256(unsealed).hexdigest().encode() != noted["footer"]:
        return {}
    return json.loads(noted[0])


def _row_groups(tables: Iterable[pa.Table], schema: pa.Schema | None) -> Iterator[pa.Table]:
    """The rows of `tables` in tables of ROWS_PER_GROUP rows; at least one table, perhaps empty."""
    held: pa.Table | None = None
    written = False
    for table in tables:
        table = _conform(table, schema, "table to write") if schema else table
        held = table if held is None else pa.concat_tables([held, table])
        while held.num_rows > ROWS_PER_GROUP:
            yield held.slice(0, ROWS_PER_GROUP)
            held, written = held.slice(ROWS_PER_GROUP), True
    if held is not None and (held.num_rows or not written):
        yield held


def _select(schema: pa.Schema, columns: list[str] | None) -> pa.Schema:
    return pa.schema([schema.field(name) for name in columns]) if columns else schema


def _conform(table: pa.Table, schema: pa.Schema, where: str | Path) -> pa.Table:
    if set(table.column_names) != set(schema.names):
        odd = sorted(set(table.column_names) ^ set(schema.names))
        raise UserError(
            f"{where}: columns {', '.join(odd)} missing or unknown. Another version may have "
            "written it. Delete it and run again."
        )
    for field in schema:
        if not field.nullable and table[field.name].null_count:
            raise ValueError(f"{where}: column {field.name} holds nulls")
    return table.select(schema.names).cast(schema)

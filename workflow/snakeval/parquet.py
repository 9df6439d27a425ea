"""The one way a table is written and read.

A file is written under a temporary name and renamed, so that it is whole or absent. The same rows give the same bytes: row groups have a
fixed size and nothing of the moment (time, machine) is kept. The footer carries

- `fingerprint`: of everything the file depends on; equal means the file need not be made again;
- `digest`: sha256 of all bytes before the footer, checked by `verify`; it also stands for the content where a later file depends on it.
"""

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from snakeval.errors import UserError

ROWS_PER_GROUP = 8192
_KEY = b"snakeval"


def write(tables: pa.Table | Iterable[pa.Table], path: str | Path, schema: pa.Schema | None, fingerprint: str = "") -> None:
    """Write rows to `path`; with a schema, columns are put in its order and checked against it.

    `tables` may be an iterator: then at most one row group is held in memory. Raises UserError when the disk is full or the folder
    cannot be written, ValueError when rows do not fit the schema.
    """
    path = Path(path)
    with _replacing(path) as temporary, temporary.open("wb") as file, closing(_HashingSink(file)) as sink:
        writer: pq.ParquetWriter | None = None
        for group in _row_groups([tables] if isinstance(tables, pa.Table) else tables, schema):
            writer = writer or pq.ParquetWriter(sink, group.schema, compression="zstd", write_page_checksum=True)
            writer.write_table(group, row_group_size=ROWS_PER_GROUP)
        if writer is None:
            raise ValueError(f"{path}: no table to write")
        footer = {"digest": sink.sha256.hexdigest(), "fingerprint": fingerprint}
        writer.add_key_value_metadata({_KEY: json.dumps(footer, sort_keys=True).encode()})
        writer.close()


def read(path: str | Path, schema: pa.Schema | None = None, columns: list[str] | None = None) -> pa.Table:
    """The table in `path`. Raises UserError when it is missing, damaged, or not of `schema`."""
    with _reading(path):
        table = pq.read_table(path, columns=columns, page_checksum_verification=True, partitioning=None)
    return _conform(table.replace_schema_metadata(None), _select(schema, columns), path) if schema else table


def scan(path: str | Path, schema: pa.Schema, rows: int = ROWS_PER_GROUP) -> Iterator[pa.Table]:
    """The table in `path`, at most `rows` rows at a time, for files larger than memory."""
    with _reading(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
        for batch in file.iter_batches(rows):
            yield _conform(pa.Table.from_batches([batch]).replace_schema_metadata(None), schema, path)


def fingerprint(path: str | Path) -> str | None:
    """What `write` was given, or None when there is no such file or it cannot be read."""
    return _footer(path).get("fingerprint")


def digest(path: str | Path) -> str:
    """The content digest recorded in the footer. Raises UserError when the file is missing or damaged."""
    found = _footer(path).get("digest")
    if found is None:
        raise UserError(f"{path}: not a table of this workflow, or damaged; delete it and run again")
    return found


def verify(path: str | Path) -> bool:
    """Whether the bytes before the footer are those that were written."""
    recorded = _footer(path).get("digest")
    if recorded is None:
        return False
    with Path(path).open("rb") as file:
        file.seek(-8, os.SEEK_END)
        footer_length = int.from_bytes(file.read(4), "little")
        remaining = file.tell() - 4 - footer_length
        file.seek(0)
        sha256 = hashlib.sha256()
        while remaining > 0 and (block := file.read(min(remaining, 1 << 20))):
            sha256.update(block)
            remaining -= len(block)
    return sha256.hexdigest() == recorded


def fingerprint_of(*parts: object) -> str:
    """A fingerprint of plain values (JSON), independent of the order of keys."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def keep(path: str | Path, wanted: str) -> bool:
    """Whether the file at `path` has the fingerprint `wanted`; then it is marked as made now.

    Otherwise Snakemake would take it for older than its inputs, and run the job again.
    """
    if fingerprint(path) != wanted:
        return False
    os.utime(path)
    return True


class _HashingSink:
    """A file that hashes what passes through it.

    Once closed it swallows what comes: a Parquet writer that was given up after an error still writes its footer when it is collected.
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
    """A temporary name in the same folder, renamed to `path` on success and removed on failure."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise _disk_error(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _disk_error(path: Path, error: OSError) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(f"{path}: no space left on the device; free some and run again, finished work is kept")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UserError(f"{path}: cannot be written ({error.strerror}); make the results folder writable and run again")
    return error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def _reading(path: str | Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0]}); delete it and run again") from None


def _footer(path: str | Path) -> dict[str, str]:
    try:
        return json.loads((pq.read_metadata(path).metadata or {}).get(_KEY, b"{}"))
    except (pa.ArrowException, OSError):
        return {}


def _row_groups(tables: Iterable[pa.Table], schema: pa.Schema | None) -> Iterator[pa.Table]:
    """The rows of `tables`, in tables of ROWS_PER_GROUP, however they came cut; at least one table, perhaps empty."""
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


def _select(schema: pa.Schema | None, columns: list[str] | None) -> pa.Schema | None:
    return pa.schema([schema.field(name) for name in columns]) if schema and columns else schema


def _conform(table: pa.Table, schema: pa.Schema, where: str | Path) -> pa.Table:
    if set(table.column_names) != set(schema.names):
        odd = sorted(set(table.column_names) ^ set(schema.names))
        raise UserError(f"{where}: columns {', '.join(odd)} missing or unknown; written by another version? delete it and run again")
    for field in schema:
        if not field.nullable and table[field.name].null_count:
            raise ValueError(f"{where}: column {field.name} holds nulls")
    return table.select(schema.names).cast(schema)

"""Reading and writing tables: whole or absent, the same rows the same bytes, damage noticed."""

import errno
import os

import pyarrow as pa
import pytest

from snakeval import parquet
from snakeval.errors import UserError

SCHEMA = pa.schema([pa.field("name", pa.string(), nullable=False), pa.field("value", pa.float64())])


def rows(n=20_000):
    return pa.table({"value": pa.array([i / 7 if i % 3 else None for i in range(n)]), "name": [f"row {i}" for i in range(n)]})


def test_round_trip_puts_columns_in_order(tmp_path):
    parquet.write(rows(), tmp_path / "a.parquet", SCHEMA, "print")
    table = parquet.read(tmp_path / "a.parquet", SCHEMA)
    assert table.equals(rows().select(["name", "value"]).cast(SCHEMA))
    assert parquet.read(tmp_path / "a.parquet", SCHEMA, columns=["value"]).column_names == ["value"]


def test_bytes_do_not_depend_on_how_rows_came(tmp_path):
    parquet.write(rows(), tmp_path / "whole.parquet", SCHEMA)
    parquet.write((rows().slice(start, 777) for start in range(0, 20_000, 777)), tmp_path / "pieces.parquet", SCHEMA)
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "pieces.parquet").read_bytes()


def test_scan_reads_in_bounded_pieces(tmp_path):
    parquet.write(rows(), tmp_path / "a.parquet", SCHEMA)
    pieces = list(parquet.scan(tmp_path / "a.parquet", SCHEMA, rows=3_000))
    assert max(piece.num_rows for piece in pieces) <= 3_000
    assert pa.concat_tables(pieces).equals(parquet.read(tmp_path / "a.parquet", SCHEMA))


def test_an_empty_table_keeps_its_schema(tmp_path):
    parquet.write(SCHEMA.empty_table(), tmp_path / "a.parquet", SCHEMA)
    assert parquet.read(tmp_path / "a.parquet", SCHEMA).schema.equals(SCHEMA)


def test_nulls_and_odd_columns_are_refused(tmp_path):
    with pytest.raises(ValueError, match="column name holds nulls"):
        parquet.write(pa.table({"name": [None], "value": [1.0]}), tmp_path / "a.parquet", SCHEMA)
    with pytest.raises(UserError, match="columns odd, value missing or unknown"):
        parquet.write(pa.table({"name": ["x"], "odd": [1.0]}), tmp_path / "a.parquet", SCHEMA)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("offset", [40, 1_000, 30_000])
def test_a_flipped_bit_is_found(tmp_path, offset):
    path = tmp_path / "a.parquet"
    parquet.write(rows(), path, SCHEMA)
    assert parquet.verify(path)
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)
    assert not parquet.verify(path)
    with pytest.raises(UserError, match=r"not a readable Parquet file .*; delete it and run again"):
        parquet.read(path, SCHEMA)


@pytest.mark.parametrize("size", [0, 3, 200])
def test_a_truncated_file_is_found(tmp_path, size):
    path = tmp_path / "a.parquet"
    parquet.write(rows(), path, SCHEMA, "print")
    path.write_bytes(path.read_bytes()[:size])
    assert not parquet.verify(path)
    assert not parquet.keep(path, "print")
    for use in (parquet.read, parquet.digest):
        with pytest.raises(UserError, match="delete it and run again"):
            use(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        parquet.read(tmp_path / "absent.parquet")
    assert not parquet.keep(tmp_path / "absent.parquet", "print")


def test_keep_marks_as_new_what_is_still_right(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write(rows(10), path, SCHEMA, "print")
    os.utime(path, (1, 1))
    assert not parquet.keep(path, "another")
    assert path.stat().st_mtime == 1
    assert parquet.keep(path, "print")
    assert path.stat().st_mtime > 1


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write(rows(10), path, SCHEMA)
    before = path.read_bytes()

    def breaks_off():
        yield rows(9_000)
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        parquet.write(breaks_off(), path, SCHEMA)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.parquet"]


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(parquet._HashingSink, "write", full)
    with pytest.raises(UserError, match="no space left on the device"):
        parquet.write(rows(10), tmp_path / "a.parquet", SCHEMA)
    assert list(tmp_path.iterdir()) == []


def test_fingerprints_do_not_depend_on_the_order_of_keys():
    assert parquet.fingerprint_of({"a": 1, "b": 2}) == parquet.fingerprint_of({"b": 2, "a": 1})
    assert parquet.fingerprint_of({"a": 1, "b": 2}) != parquet.fingerprint_of({"a": 2, "b": 1})

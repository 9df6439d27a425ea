"""Reading and writing tables: whole or absent, the same rows the same bytes, damage noticed."""

import errno
import json

import pyarrow as pa
import pytest

from snakeval.errors import UserError
from snakeval.files import parquet

SCHEMA = pa.schema([pa.field("name", pa.string(), nullable=False), pa.field("value", pa.float64())])


def rows(n=20_000):
    return pa.table(
        {
            "value": pa.array([i / 7 if i % 3 else None for i in range(n)]),
            "name": [f"row {i}" for i in range(n)],
        }
    )


def test_round_trip_puts_columns_in_order(tmp_path):
    parquet.write(rows(), tmp_path / "a.parquet", SCHEMA, "print")
    table = parquet.read(tmp_path / "a.parquet", SCHEMA)
    assert table.equals(rows().select(["name", "value"]).cast(SCHEMA))
    assert parquet.read(tmp_path / "a.parquet", SCHEMA, columns=["value"]).column_names == ["value"]


def test_bytes_do_not_depend_on_how_rows_came(tmp_path):
    parquet.write(rows(), tmp_path / "whole.parquet", SCHEMA)
    parquet.write(
        (rows().slice(start, 777) for start in range(0, 20_000, 777)),
        tmp_path / "pieces.parquet",
        SCHEMA,
    )
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


def test_every_flipped_bit_is_found(tmp_path):
    """In pages, their headers and the footer: read refuses the file, `fresh` has it made again."""
    path = tmp_path / "a.parquet"
    parquet.write(rows(40), path, SCHEMA, "print")
    assert parquet.verify(path) and parquet.fresh(path, "print")
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(
            whole[:position] + bytes([whole[position] ^ 1 << position % 8]) + whole[position + 1 :]
        )
        assert not parquet.verify(path), position
        assert not parquet.fresh(path, "print"), position
        with pytest.raises(UserError, match="Delete it and run again"):
            parquet.read(path, SCHEMA)


def test_text_that_looks_like_a_footer_is_only_text(tmp_path):
    path = tmp_path / "a.parquet"
    text = json.dumps({"digest": "0" * 64, "fingerprint": "", "footer": "0" * 64}, sort_keys=True)
    parquet.write(pa.table({"name": [text, "0" * 64], "value": [1.0, 2.0]}), path, SCHEMA, "print")
    assert parquet.verify(path) and parquet.fingerprint(path) == "print"
    assert parquet.read(path, SCHEMA)["name"][0].as_py() == text


def test_an_extended_file_is_found(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write(rows(40), path, SCHEMA)
    path.write_bytes(path.read_bytes() + b"\0")
    assert not parquet.verify(path)
    with pytest.raises(UserError, match=r"altered since it was written.*. Delete it and run again"):
        parquet.read(path, SCHEMA)


@pytest.mark.parametrize("size", [0, 3, 200])
def test_a_truncated_file_is_found(tmp_path, size):
    path = tmp_path / "a.parquet"
    parquet.write(rows(), path, SCHEMA, "print")
    path.write_bytes(path.read_bytes()[:size])
    assert not parquet.verify(path)
    assert not parquet.fresh(path, "print")
    for use in (parquet.read, parquet.digest):
        with pytest.raises(UserError, match="Delete it and run again"):
            use(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        parquet.read(tmp_path / "absent.parquet")
    assert not parquet.fresh(tmp_path / "absent.parquet", "print")


def test_a_file_is_fresh_while_it_is_what_was_written(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write(rows(10), path, SCHEMA, "print")
    assert parquet.fresh(path, "print")
    assert not parquet.fresh(path, "another")
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    assert not parquet.fresh(path, "print")


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


def test_a_full_disk_is_reported(tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(parquet._HashingSink, "write", full)
    with pytest.raises(UserError, match="no space left on the device"):
        parquet.write(rows(10), tmp_path / "a.parquet", SCHEMA)
    assert list(tmp_path.iterdir()) == []


def test_fingerprints_do_not_depend_on_the_order_of_keys():
    assert parquet.fingerprint_of({"a": 1, "b": 2}) == parquet.fingerprint_of({"b": 2, "a": 1})
    assert parquet.fingerprint_of({"a": 1, "b": 2}) != parquet.fingerprint_of({"a": 2, "b": 1})

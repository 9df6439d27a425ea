"""Documents in Parquet, JSON, JSON Lines, CSV, TSV and plain text, each but Parquet also gzipped.

CSV and TSV values are text, exactly as they stand: whether "007", "1e5" or "None" is a number must not depend on the other rows. A column
of numbers is converted when `types` asks for it (`types: {label: int}`). TSV has no quoting (IANA text/tab-separated-values), CSV has
(RFC 4180).
"""

import csv
import dataclasses
import gzip
import io
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from snakeval.errors import UserError
from snakeval.sources import documents

SUFFIXES = {
    ".parquet": "parquet",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "text",
}
_ARTICLE = re.compile(r"(?:^|(?<=\n))(?=[ \t]*\n = (?!= )[^\n]*[^= \n] = \n[ \t]*\n)")


@dataclass(frozen=True)
class Reading:
    """How to read files, where their content does not say."""

    format: str | None = None  # a value of SUFFIXES; None: by the file's suffix
    columns: tuple[str, ...] | None = (
        None  # of a CSV or TSV file without a header; the one column of plain text
    )
    field: str | None = (
        None  # key of a JSON document under which its records stand; dots lead deeper
    )
    text: str = "line"  # what is a document of plain text: line, file or article
    types: Mapping[str, str] = dataclasses.field(
        default_factory=dict
    )  # CSV columns that are not text: int, float or bool


def kind(file: Path) -> str | None:
    """The format that a file's name tells; None for a file that is no data."""
    return SUFFIXES.get(Path(file.name.removesuffix(".gz")).suffix.lower())


def stem(file: Path) -> str:
    """A file's name without the suffixes of its format."""
    return Path(file.name.removesuffix(".gz")).stem


def read(file: Path, reading: Reading) -> pa.Table:
    """The documents of a file. Raises UserError that names the file, and the line or byte, where it is damaged or cannot be understood."""
    format_ = reading.format or kind(file)
    if format_ == "parquet":
        return _parquet(file)
    if format_ not in _READERS:
        raise UserError(
            f"{file}: unknown format; known are {', '.join(SUFFIXES)}, each also with .gz, or set `format`"
        )
    return _READERS[format_](_text(file), file, reading)


def _parquet(file: Path) -> pa.Table:
    with _opened(file):
        try:
            with pq.ParquetFile(file, page_checksum_verification=True) as parquet:
                return parquet.read().replace_schema_metadata(None)
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, FileNotFoundError | PermissionError):
                raise
            raise UserError(
                f"{file}: not a readable Parquet file ({str(error).splitlines()[0]}); copy or download it again"
            ) from None


def _json(text: str, file: Path, reading: Reading) -> pa.Table:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        if (
            isinstance(error, json.JSONDecodeError)
            and error.msg == "Extra data"
            and text.lstrip().startswith("{")
        ):
            return _json_lines(text, file, reading)  # many publish JSON Lines as .json
        raise UserError(
            f"{file}{_position(error)}: not JSON ({_reason(error)}); correct the file"
        ) from None
    return documents.table(_records(value, file, reading.field), str(file))


def _records(value: Any, file: Path, key: str | None) -> list[dict[str, Any]]:
    """The records of a JSON document: a list of objects, found under `key`; plain values become a column `value`."""
    for step in key.split(".") if key else []:
        if not isinstance(value, dict) or step not in value:
            there = ", ".join(value) if isinstance(value, dict) else "a list"
            raise UserError(f"{file}: no key {step!r} on the way to field {key!r}; there: {there}")
        value = value[step]
    if isinstance(value, dict):
        lists = [name for name, item in value.items() if isinstance(item, list)]
        hint = f"set `field: {lists[0]}`" if lists else "give a list of objects"
        raise UserError(
            f"{file}: one JSON object with keys {', '.join(list(value)[:8])}, not a list of documents; {hint}"
        )
    if not isinstance(value, list):
        raise UserError(f"{file}: the JSON is no list of documents; give a list of objects")
    if value and not any(isinstance(record, dict | list) for record in value):
        return [{"value": record} for record in value]
    odd = next((index for index, record in enumerate(value) if not isinstance(record, dict)), None)
    if odd is not None:
        raise UserError(
            f"{file}: record {odd} (from 0) is no JSON object; every document must be one"
        )
    return value


def _json_lines(text: str, file: Path, reading: Reading) -> pa.Table:
    records = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"{file}, line {number}: not JSON ({_reason(error)}); correct or remove the line"
            ) from None
        if not isinstance(record, dict):
            raise UserError(f"{file}, line {number}: no JSON object; every line must be one")
        records.append(record)
    return documents.table(records, str(file))


def _csv(text: str, file: Path, reading: Reading, *, tabs: bool = False) -> pa.Table:
    csv.field_size_limit(sys.maxsize)
    lines = io.StringIO(text, newline="")
    rows = (
        csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        if tabs
        else csv.reader(lines, strict=True)
    )
    header = list(reading.columns) if reading.columns else None
    values: list[list[str]] = []
    try:
        for row in rows:
            if not row:
                continue
            if header is None:
                header = row
            elif len(row) != len(header):
                raise UserError(
                    f"{file}, line {rows.line_num}: {len(row)} values where {len(header)} columns are named; correct the line or `columns`"
                )
            else:
                values.append(row)
    except csv.Error as error:
        raise UserError(
            f"{file}, line {rows.line_num}: not CSV ({error}); correct the quotes"
        ) from None
    header = header or []
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise UserError(
            f"{file}: column {twice[0]!r} stands twice in the header; if there is no header, name the `columns`"
        )
    if unknown := sorted(set(reading.types) - set(header)):
        raise UserError(
            f"{file}: no column {unknown[0]!r}, which `types` names; there: {', '.join(header)}"
        )
    columns = zip(*values, strict=True) if values else [[] for _ in header]
    return pa.table(
        {
            name: _typed(column, reading.types.get(name), f"{file}: column {name}")
            for name, column in zip(header, columns, strict=True)
        }
    )


def _typed(values: Any, type_: str | None, where: str) -> pa.Array:
    """A CSV column as text, or converted; then an empty value is null."""
    if type_ is None:
        return pa.array(values, pa.string())
    convert, arrow = _TYPES[type_]
    converted = []
    for number, value in enumerate(values):
        try:
            converted.append(convert(value.strip()) if value.strip() else None)
        except (ValueError, KeyError):
            raise UserError(
                f"{where}, row {number} (from 0): {value!r} is not {type_}; correct it or leave the column text"
            ) from None
    try:
        return pa.array(converted, arrow)
    except OverflowError:
        largest = max((value for value in converted if value is not None), key=abs)
        raise UserError(
            f"{where}: {largest} takes more than 64 bits; correct it or leave the column text"
        ) from None


def _plain(text: str, file: Path, reading: Reading) -> pa.Table:
    text = text.replace("\r\n", "\n")
    if reading.text == "line":
        parts = text.removesuffix("\n").split("\n") if text else []
    elif reading.text == "article":
        parts = [part for part in _ARTICLE.split(text) if part.strip()]
    else:
        parts = [text] if text else []
    if reading.columns and len(reading.columns) != 1:
        raise UserError(
            f"{file}: plain text has one column, but `columns` names {len(reading.columns)}"
        )
    return pa.table(
        {reading.columns[0] if reading.columns else "text": pa.array(parts, pa.string())}
    )


_READERS: dict[str, Callable[[str, Path, Reading], pa.Table]] = {
    "json": _json,
    "jsonl": _json_lines,
    "csv": _csv,
    "tsv": lambda text, file, reading: _csv(text, file, reading, tabs=True),
    "text": _plain,
}
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
_TYPES: dict[str, tuple[Callable[[str], Any], pa.DataType]] = {
    "int": (int, pa.int64()),
    "float": (float, pa.float64()),
    "bool": (lambda value: _BOOLEANS[value.lower()], pa.bool_()),
}


def _text(file: Path) -> str:
    """The text of a file, unpacked if it is gzipped."""
    with _opened(file):
        content = file.read_bytes()
    if file.name.endswith(".gz"):
        try:
            content = gzip.decompress(content)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise UserError(
                f"{file}: damaged gzip file ({error}); copy or download it again"
            ) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{file}, line {line}: not UTF-8 text (byte {error.start}); save the file as UTF-8"
        ) from None


@contextmanager
def _opened(file: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{file}: no such file") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None


def _position(error: Exception) -> str:
    return f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""


def _reason(error: Exception) -> str:
    """What is wrong, of errors of json.loads: also a number of more digits than Python reads is a ValueError."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg}, column {error.colno}"
    return (
        "nested too deep"
        if isinstance(error, RecursionError)
        else "a number of thousands of digits"
    )

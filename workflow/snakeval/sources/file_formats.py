"""Documents in Parquet, JSON, JSON Lines, CSV, TSV and plain text. All but Parquet may be gzipped.

CSV and TSV values are text, exactly as written: whether "007", "1e5" or "None" is a number must not
depend on the other rows. `types` converts a column (`types: {label: int}`). TSV has no quoting
(IANA text/tab-separated-values), CSV has (RFC 4180).
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
    """How to read files, where their content does not show it."""

    format: str | None = None
    """A value of SUFFIXES; None: by the file's suffix."""
    columns: tuple[str, ...] | None = None
    """Of a CSV or TSV file without a header; the one column of plain text."""
    field: str | None = None
    """Key of a JSON document that leads to its records; dots lead deeper."""
    text: str = "line"
    """What one document of plain text is: line, file or article."""
    types: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """CSV columns that are not text: int, float or bool."""


def kind(file: Path) -> str | None:
    """The format that a file's name shows; None for a file without documents."""
    return SUFFIXES.get(Path(file.name.removesuffix(".gz")).suffix.lower())


def stem(file: Path) -> str:
    """A file's name without the suffixes of its format."""
    return Path(file.name.removesuffix(".gz")).stem


def read(file: Path, reading: Reading) -> pa.Table:
    """The documents of a file.

    Raises UserError for a file that is damaged or cannot be understood. The message names the file,
    and the line or byte.
    """
    format_ = reading.format or kind(file)
    if format_ == "parquet":
        return _parquet(file)
    if format_ not in _READERS:
        raise UserError(
            f"{file}: unknown format. Known are {', '.join(SUFFIXES)}, also with .gz. "
            "Rename the file or set `format`."
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
                f"{file}: not a readable Parquet file ({str(error).splitlines()[0]}). "
                "Copy or download it again."
            ) from None


def _json(text: str, file: Path, reading: Reading) -> pa.Table:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        several = isinstance(error, json.JSONDecodeError) and error.msg == "Extra data"
        if several and text.lstrip().startswith("{"):
            return _json_lines(text, file, reading)  # many publish JSON Lines as .json
        raise UserError(
            f"{file}{_position(error)}: not JSON ({_reason(error)}). Correct the file."
        ) from None
    return documents.table(_records(value, file, reading.field), str(file))


def _records(value: Any, file: Path, key: str | None) -> list[dict[str, Any]]:
    """The records of a JSON document: a list of objects, at `key`.

    A list of plain values becomes a column `value`.
    """
    for step in key.split(".") if key else []:
        if not isinstance(value, dict) or step not in value:
            there = ", ".join(value) if isinstance(value, dict) else "a list"
            raise UserError(
                f"{file}: no key {step!r} on the way to field {key!r}. Found: {there}. "
                "Correct `field`."
            )
        value = value[step]
    if isinstance(value, dict):
        lists = [name for name, item in value.items() if isinstance(item, list)]
        hint = f"Set `field: {lists[0]}`." if lists else "Give a list of objects."
        raise UserError(
            f"{file}: one JSON object with keys {', '.join(list(value)[:8])}, "
            f"not a list of documents. {hint}"
        )
    if not isinstance(value, list):
        raise UserError(f"{file}: the JSON is not a list of documents. Give a list of objects.")
    if value and not any(isinstance(record, dict | list) for record in value):
        return [{"value": record} for record in value]
    odd = next((index for index, record in enumerate(value) if not isinstance(record, dict)), None)
    if odd is not None:
        raise UserError(
            f"{file}: record {odd} (from 0) is not a JSON object. "
            "Write every document as an object."
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
                f"{file}, line {number}: not JSON ({_reason(error)}). Correct or remove the line."
            ) from None
        if not isinstance(record, dict):
            raise UserError(
                f"{file}, line {number}: not a JSON object. Write every document as an object."
            )
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
                    f"{file}, line {rows.line_num}: {len(row)} values for {len(header)} columns. "
                    "Correct the line or `columns`."
                )
            else:
                values.append(row)
    except csv.Error as error:
        raise UserError(
            f"{file}, line {rows.line_num}: not CSV ({error}). Correct the quotes."
        ) from None
    header = header or []
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise UserError(
            f"{file}: column {twice[0]!r} is twice in the header. Rename one. "
            "If the file has no header, set `columns`."
        )
    if unknown := sorted(set(reading.types) - set(header)):
        raise UserError(
            f"{file}: `types` names column {unknown[0]!r}, which does not exist. "
            f"Use one of {', '.join(header)}."
        )
    columns = zip(*values, strict=True) if values else [[] for _ in header]
    return pa.table(
        {
            name: _typed(column, reading.types.get(name), f"{file}: column {name}")
            for name, column in zip(header, columns, strict=True)
        }
    )


def _typed(values: Any, type_: str | None, where: str) -> pa.Array:
    """A CSV column as text, or converted. In a converted column an empty value is null."""
    if type_ is None:
        return pa.array(values, pa.string())
    convert, arrow = _TYPES[type_]
    converted = []
    for number, value in enumerate(values):
        try:
            converted.append(convert(value.strip()) if value.strip() else None)
        except (ValueError, KeyError):
            raise UserError(
                f"{where}, row {number} (from 0): {value!r} is not {type_}. "
                "Correct it, or read the column as text."
            ) from None
    try:
        return pa.array(converted, arrow)
    except OverflowError:
        largest = max((value for value in converted if value is not None), key=abs)
        raise UserError(
            f"{where}: {largest} needs more than 64 bits. Correct it, or read the column as text."
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
            f"{file}: plain text has one column, not the {len(reading.columns)} of `columns`. "
            "Give one."
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
                f"{file}: damaged gzip file ({error}). Copy or download it again."
            ) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{file}, line {line}: not UTF-8 text (byte {error.start}). Save the file as UTF-8."
        ) from None


@contextmanager
def _opened(file: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{file}: no such file. Correct the path.") from None
    except OSError as error:
        raise UserError(
            f"{file}: cannot be read ({error.strerror}). Check its permissions."
        ) from None


def _position(error: Exception) -> str:
    return f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""


def _reason(error: Exception) -> str:
    """What an error of json.loads means. A number with too many digits is a plain ValueError."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg}, column {error.colno}"
    deep = isinstance(error, RecursionError)
    return "nested too deep" if deep else "a number of thousands of digits"

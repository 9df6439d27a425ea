"""Documents as Python dictionaries and as Arrow tables, without change on the way there and back.

A column that no Arrow type holds exactly is kept as JSON text, in Arrow's own JSON type. Examples
are mixed types, and dictionaries whose keys differ from row to row. `datasets` does the same.
"""

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from snakeval.errors import UserError


def table(documents: list[dict[str, Any]], where: str) -> pa.Table:
    """A table with one row per document. A key that a document lacks becomes null.

    Raises UserError, which begins with `where`, for half a surrogate pair in a key or text: JSON
    can write it, UTF-8 cannot.
    """
    columns = {}
    for name in dict.fromkeys(name for document in documents for name in document):
        try:
            str(name).encode()
            columns[name] = _column([document.get(name) for document in documents])
        except UnicodeEncodeError as error:
            text = error.object[max(0, error.start - 20) : error.end + 20]
            raise UserError(
                f"{where}: key {name!r}: {text!r} holds half a surrogate pair, which is not text. "
                "Correct it."
            ) from None
    return pa.table(columns)


def rows(documents: pa.Table) -> list[dict[str, Any]]:
    """The documents of a table as plain dictionaries, JSON columns decoded."""
    columns = []
    for name in documents.column_names:
        values = documents.column(name).to_pylist()
        decode = _decoder(documents.schema.field(name).type)
        columns.append([decode(value) for value in values] if decode else values)
    return [
        dict(zip(documents.column_names, row, strict=True)) for row in zip(*columns, strict=True)
    ]


def _column(values: list) -> pa.Array:
    try:
        if _uniform(values):
            column = pa.array(values)
            if _same(column.to_pylist(), values):
                return column
    except (pa.ArrowException, OverflowError):
        pass  # no Arrow type for these values
    return pa.array(
        [None if value is None else json.dumps(value, ensure_ascii=False) for value in values],
        pa.json_(),
    )


def _uniform(values: list) -> bool:
    """Whether all dictionaries at the same place have the same keys, at least one.

    Otherwise Arrow would add nulls, or Parquet would refuse the column.
    """
    dictionaries = [value for value in values if isinstance(value, dict)]
    if dictionaries:
        keys = dictionaries[0].keys()
        if not keys or any(dictionary.keys() != keys for dictionary in dictionaries):
            return False
        return all(_uniform([dictionary[key] for dictionary in dictionaries]) for key in keys)
    items = [item for value in values if isinstance(value, list) for item in value]
    return not items or _uniform(items)


def _same(left: list, right: list) -> bool:
    """Whether two lists are equal and of the same types: to Python 1, 1.0 and True are equal."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def _decoder(type_: pa.DataType) -> Callable[[Any], Any] | None:
    """A function that decodes the JSON inside values of a type; None for a type without JSON."""
    if isinstance(type_, pa.JsonType):
        return lambda value: None if value is None else json.loads(value)
    if pa.types.is_struct(type_):
        decoders = {field.name: decode for field in type_ if (decode := _decoder(field.type))}

        def decoded(value: dict[str, Any] | None) -> dict[str, Any] | None:
            keep = lambda item: item  # noqa: E731
            return value and {key: decoders.get(key, keep)(item) for key, item in value.items()}

        return decoded if decoders else None
    types = pa.types
    if types.is_list(type_) or types.is_large_list(type_) or types.is_fixed_size_list(type_):
        inner = _decoder(type_.value_type)
        if inner:
            return lambda value: value and [inner(item) for item in value]
    return None

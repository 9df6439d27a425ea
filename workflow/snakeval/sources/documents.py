"""Documents as Python dictionaries and as Arrow tables, without change on the way there and back.

A column that no Arrow type holds exactly (mixed types, dictionaries whose keys differ from row to row) is kept as JSON text, in Arrow's own
JSON type; `datasets` does the same.
"""

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from snakeval.errors import UserError


def table(documents: list[dict[str, Any]], where: str) -> pa.Table:
    """A table of one row per document; a key that a document lacks becomes null.

    Raises UserError, which begins with `where`, for half a surrogate pair in a key or text: JSON can write it, UTF-8 cannot.
    """
    columns = {}
    for name in dict.fromkeys(name for document in documents for name in document):
        try:
            str(name).encode()
            columns[name] = _column([document.get(name) for document in documents])
        except UnicodeEncodeError as error:
            text = error.object[max(0, error.start - 20) : error.end + 20]
            raise UserError(
                f"{where}: key {name!r}: {text!r} holds half a surrogate pair, which is no valid text; correct it"
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
    """Whether all dictionaries at the same place have the same keys, and some: else Arrow would add nulls, or Parquet refuse."""
    dictionaries = [value for value in values if isinstance(value, dict)]
    if dictionaries:
        keys = dictionaries[0].keys()
        if not keys or any(dictionary.keys() != keys for dictionary in dictionaries):
            return False
        return all(_uniform([dictionary[key] for dictionary in dictionaries]) for key in keys)
    items = [item for value in values if isinstance(value, list) for item in value]
    return not items or _uniform(items)


def _same(left: list, right: list) -> bool:
    """Equal also in what Python takes for equal: 1, 1.0 and true."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def _decoder(type_: pa.DataType) -> Callable[[Any], Any] | None:
    """A function that decodes the JSON inside values of a type; None where there is none."""
    if isinstance(type_, pa.JsonType):
        return lambda value: None if value is None else json.loads(value)
    if pa.types.is_struct(type_):
        decoders = {field.name: decode for field in type_ if (decode := _decoder(field.type))}
        if decoders:
            return lambda value: (
                value
                and {
                    name: decoders[name](item) if name in decoders else item
                    for name, item in value.items()
                }
            )
    elif (
        pa.types.is_list(type_)
        or pa.types.is_large_list(type_)
        or pa.types.is_fixed_size_list(type_)
    ):
        inner = _decoder(type_.value_type)
        if inner:
            return lambda value: value and [inner(item) for item in value]
    return None

"""Documents that a task's own function makes (`custom_dataset: !function module.name`)."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from snakeval.errors import UserError
from snakeval.sources import documents, published
from snakeval.sources.scheme import Subset
from snakeval.tasks import functions


def tables(
    function: Mapping[str, Any], subsets: Mapping[str, Subset]
) -> Iterator[tuple[str, str, pa.Table]]:
    """(subset, split, table) of every split of `subsets`.

    The function returns {split: datasets.Dataset or list of dictionaries}; its arguments are the
    subset's `kwargs`. Raises UserError when it fails or returns something else.
    """
    make = functions.load(dict(function))
    where = f"{function['file']}: custom_dataset: !function {function['!function']}"
    for name, subset in subsets.items():
        try:
            made = make(**subset.kwargs)
        except UserError:
            raise
        except Exception as error:  # a task's function may fail in any way
            raise UserError(f"{where} raised {type(error).__name__}: {error}") from error
        wanted = ", ".join(subset.splits)
        if not isinstance(made, Mapping):
            raise UserError(
                f"{where} returned {type(made).__name__}, not a dict with {wanted}. "
                "Correct the function."
            )
        if set(subset.splits) - made.keys():
            raise UserError(
                f"{where} returned splits {', '.join(made)}, not a dict with {wanted}. "
                "Correct the function."
            )
        for split in subset.splits:
            rows = made[split]
            is_list = isinstance(rows, list)
            table = documents.table(rows, where) if is_list else published.as_table(rows)
            yield name, split, table

"""The documents of a split, after the task's `process_docs`. Rows are read when they are used."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa

from snakeval.sources import documents

Document = dict[str, Any]
_ROWS = 1024  # turned into Python objects at a time


class Pool(Sequence[Document]):
    """Rows of a table, or of what a task's `process_docs` made of it."""

    def __init__(self, source: Any):
        """`source`: an Arrow table, a datasets.Dataset, or a list of dicts."""
        self._source = source
        self._rows: dict[int, Document] = {}

    @property
    def columns(self) -> list[str]:
        if isinstance(self._source, list):
            return list(self._source[0]) if self._source else []
        return list(self._source.column_names)

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, row):
        """The document in a row. It is kept, since few-shot examples are read many times."""
        if row not in self._rows:
            table = isinstance(self._source, pa.Table)
            self._rows[row] = (
                documents.rows(self._source.slice(row, 1))[0] if table else self._source[row]
            )
        return self._rows[row]

    def first(self, limit: int | None) -> Iterator[Document]:
        """The first `limit` documents, or all."""
        if not isinstance(self._source, pa.Table):
            yield from islice(self._source, limit)
            return
        end = len(self) if limit is None else min(limit, len(self))
        for start in range(0, end, _ROWS):
            yield from documents.rows(self._source.slice(start, min(_ROWS, end - start)))


def process(split: Any, function: Callable[[Any], Any] | None) -> Pool:
    """The documents of a split, which is an Arrow table or a datasets.Dataset.

    `function` takes and returns a datasets.Dataset.
    """
    if function is None:
        return Pool(split)
    import datasets

    datasets.disable_progress_bars()
    return Pool(function(datasets.Dataset(split) if isinstance(split, pa.Table) else split))

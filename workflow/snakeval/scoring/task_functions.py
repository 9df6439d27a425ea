"""Scores by Python of a task: its `process_results`, its metric functions, metrics of `evaluate`.

Such a function may fail in any way, or give something else than it should. The error then names the
document.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow as pa

from snakeval.errors import UserError
from snakeval.metrics.aggregation import Item
from snakeval.metrics.external import callback_of
from snakeval.sandbox.execution import Runner
from snakeval.scoring.task_metrics import TaskMetric
from snakeval.tasks import functions

RowFunction = Callable[[int, Any], Any]  # (row, result) -> a dict of items by metric name


def items_by_metric(
    results: list[list[Any]],
    function: RowFunction,
    name: str,
    doc_ids: pa.ChunkedArray,
    runner: Runner | None = None,
) -> Iterable[tuple[str, list[list[Item]]]]:
    """Items by metric name of a function; `results`: for each document, of each of its answers."""

    def values_of(given: tuple[int, Any]) -> Mapping[str, Item]:
        where = f"document {doc_ids[given[0]]}: {name}"
        try:
            values = function(*given)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
        except Exception as error:
            raise UserError(
                f"{where} fails: {type(error).__name__}: {error}. Correct the function."
            ) from error
        if not isinstance(values, Mapping):
            raise UserError(
                f"{where} gives {values!r}. Make it give a dict of metric names and values."
            )
        return values

    found: dict[str, list[list[Item]]] = {}
    pairs = [(row, answer) for row, answers in enumerate(results) for answer in answers]
    each = runner.map if runner else map
    for (row, _), values in zip(pairs, each(values_of, pairs), strict=True):
        for metric, item in values.items():
            found.setdefault(metric, [[] for _ in results])[row].append(item)
    return found.items()


def metric_function(item: TaskMetric, references: list[list[str]]) -> tuple[RowFunction, str]:
    """A metric that is a task's own function or one of `evaluate`, and its name for errors."""
    call = callback_of(item.name, item.reference, item.options)
    return lambda row, answer: call(answer, references[row]), f"metric {item.name}"


def process_results(requests: pa.Table, reference: dict[str, Any]) -> tuple[RowFunction, str]:
    """A task's process_results, and its name for errors; documents are those of `requests`."""
    function, documents = functions.load(reference), requests["document"]

    def call(row: int, results: Any) -> Any:
        return function(json.loads(documents[row].as_py()), results)

    return call, f"!function {reference['!function']}"


def first_function(settings: Any) -> Mapping[str, Any] | None:
    """The first `!function` anywhere in settings."""
    if isinstance(settings, Mapping):
        if "!function" in settings:
            return settings
        settings = list(settings.values())
    if isinstance(settings, list):
        return next((found for found in map(first_function, settings) if found), None)
    return None

"""Scores by Python of a task's own: its `process_results`, and metrics that are its functions or those of `evaluate`.

Such a function may fail in any way, or give something else than it should; the error then names the document.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow as pa

from snakeval.errors import UserError
from snakeval.metrics import registry
from snakeval.metrics.aggregation import Item
from snakeval.metrics.external import callback_of
from snakeval.sandbox.execution import Runner
from snakeval.tasks import metric_names

Settings = Mapping[str, Any]


def items_by_metric(
    results: list[list[Any]],
    function: Callable[[int, Any], Any],
    name: str,
    doc_ids: pa.ChunkedArray,
    runner: Runner | None = None,
) -> Iterable[tuple[str, list[list[Item]]]]:
    """Items by metric name of `function(row, result)`, which gives a dict of them; `results`: for each document, of each answer."""

    def values_of(given: tuple[int, Any]) -> Mapping[str, Item]:
        where = f"document {doc_ids[given[0]]}: {name}"
        try:
            values = function(*given)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
        except Exception as error:
            raise UserError(f"{where} failed: {type(error).__name__}: {error}") from error
        if not isinstance(values, Mapping):
            raise UserError(
                f"{where} gave {values!r}; it must give a dict of metric names and values"
            )
        return values

    found: dict[str, list[list[Item]]] = {}
    pairs = [(row, answer) for row, answers in enumerate(results) for answer in answers]
    for (row, _), values in zip(
        pairs, (runner.map if runner else map)(values_of, pairs), strict=True
    ):
        for metric, item in values.items():
            found.setdefault(metric, [[] for _ in results])[row].append(item)
    return found.items()


def metric_function(
    item: Settings, references: list[list[str]]
) -> tuple[Callable[[int, Any], Any], str]:
    """A metric that is a task's own function or one of `evaluate` as a function of (row, answer), and its name."""
    name = metric_names.name_of(item)
    call = callback_of(name, item, registry.options_of(item))
    return lambda row, answer: call(answer, references[row]), f"metric {name}"


def process_results(
    requests: pa.Table, settings: Settings
) -> tuple[Callable[[int, Any], Any], str]:
    """A task's process_results as a function of (row, results), and its name; documents are those of `requests`."""
    from snakeval.tasks import functions

    reference = settings["process_results"]
    function, documents = functions.load(dict(reference)), requests["document"]
    return lambda row, results: function(
        json.loads(documents[row].as_py()), results
    ), f"!function {reference['!function']}"


def first_function(settings: Any) -> Mapping[str, Any] | None:
    """The first `!function` anywhere in settings."""
    if isinstance(settings, Mapping):
        if "!function" in settings:
            return settings
        settings = list(settings.values())
    if isinstance(settings, list):
        return next((found for found in map(first_function, settings) if found), None)
    return None

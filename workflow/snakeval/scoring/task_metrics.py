"""The metrics of a task: each item of its `metric_list`, resolved once."""

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from snakeval.errors import UserError
from snakeval.metrics import aggregation, registry
from snakeval.metrics.aggregation import Aggregation
from snakeval.metrics.metric import Metric
from snakeval.tasks import functions
from snakeval.tasks.metric_names import name_of
from snakeval.tasks.scoring_settings import ScoringSettings

_OWN_KEYS = ("metric", "aggregation", "higher_is_better", "hf_evaluate", "of")


@dataclass(frozen=True)
class TaskMetric:
    """An item of `metric_list`, resolved."""

    name: str  # in the table of scores
    metric: Metric | None  # None: `reference` is a function of the task or a metric of `evaluate`
    reference: str | dict[str, Any]  # the value of `metric`: a name or a !function
    options: dict[str, Any]
    higher_is_better: bool | None  # None: as the aggregation has it
    proportion: bool
    build: Callable[[], Aggregation]

    @cached_property
    def aggregation(self) -> Aggregation:
        """How documents' items become the task's score, with the direction that counts.

        Made when it is first needed, as it may import a package or a module of the task. Raises
        UserError for an aggregation that does not exist or does not take the options.
        """
        found = self.build()
        direction = self.higher_is_better
        return replace(
            found,
            higher_is_better=found.higher_is_better if direction is None else direction,
            proportion=self.proportion,
        )

    def check_options(self) -> None:
        """Raise UserError for an option that a metric of generated outputs does not take.

        Metrics of log-likelihoods ignore unknown options: task files of lm-eval hold many.
        """
        if self.metric is None or self.metric.kind != "generate_until":
            return
        own = {"document": None} if self.metric.with_document else {}
        try:
            inspect.signature(self.metric.function).bind(None, None, **self.options, **own)
        except TypeError as error:
            raise UserError(
                f"metric {self.name}: {error}. Correct the options in metric_list."
            ) from None


@dataclass(frozen=True)
class TaskMetrics:
    """All items of a task's `metric_list`, in their order."""

    items: tuple[TaskMetric, ...]
    process_results: bool  # the task scores by a function of its own
    names: tuple[str, ...]  # of all metrics for the task's kind of request

    def aggregation_of(self, name: str, names: Collection[str] = ()) -> Aggregation:
        """How the rows of metric `name` become a task's score; `names`: all metrics of its rows.

        The item of that name decides. A name without an item comes from a function that gives
        several values: its item decides, and of `process_results` the values take their mean. That
        function is the first one that has no rows of its own name.
        """
        item = next((item for item in self.items if item.name == name), self._source(names))
        return item.aggregation if item else aggregation.mean()

    def _source(self, names: Collection[str]) -> TaskMetric | None:
        if self.process_results:
            return None
        own = [item for item in self.items if item.metric is None]
        return min(own, key=lambda item: item.name in names, default=None)


def resolve(settings: ScoringSettings) -> TaskMetrics:
    """The metrics of a task: those of its extensions go first, then the library's.

    `hf_evaluate: true` counts for generated outputs alone, and not for exact_match, which is ours.
    Raises UserError for an extension that is wrong.
    """
    known = registry.known(settings.extensions)
    items = tuple(_resolved(item, settings, known) for item in settings.metric_list)
    names = tuple(known.names(settings.output_type))
    return TaskMetrics(items, bool(settings.process_results), names)


def _resolved(
    item: Mapping[str, Any], settings: ScoringSettings, known: registry.Known
) -> TaskMetric:
    kind, name = settings.output_type, item["metric"]
    of_evaluate = item.get("hf_evaluate") and kind == "generate_until" and name != "exact_match"
    metric = (
        known.metric(kind, name, item.get("of"))
        if isinstance(name, str) and not of_evaluate
        else None
    )
    options = {key: value for key, value in item.items() if key not in _OWN_KEYS}
    wanted = item.get("aggregation") or (metric.aggregation if metric else "mean")
    higher = item.get("higher_is_better")
    if higher is None and metric is not None:
        higher = metric.higher_is_better
    return TaskMetric(
        name=name_of(item),
        metric=metric,
        reference=name,
        options=options,
        higher_is_better=higher,
        proportion=metric is not None and metric.proportion and not settings.process_results,
        build=partial(_aggregation, name_of(item), wanted, options, known.aggregations),
    )


def _aggregation(
    metric: str,
    wanted: str | dict[str, Any],
    options: Mapping[str, Any],
    aggregations: Mapping[str, Callable[..., Aggregation]],
) -> Aggregation:
    if isinstance(wanted, Mapping):
        return aggregation.of_function(wanted["!function"], functions.load(dict(wanted)))
    if wanted not in aggregations:
        raise UserError(
            f"metric {metric}: there is no aggregation {wanted!r}. "
            f"Use one of {', '.join(sorted(aggregations))}."
        )
    try:
        return aggregations[wanted](**options)
    except TypeError as error:
        why = re.sub(r"^.*__init__", wanted, str(error))
        raise UserError(f"metric {metric}: {why}. Remove the option from metric_list.") from None

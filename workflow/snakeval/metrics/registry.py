"""The metrics and aggregations that task files can name, found by listing this folder.

A module of the folder declares what it has at its top level, as an extension of the user does:

    METRICS = (Metric("same_start", "generate_until", same_start),)     # or a MetricFamily
    AGGREGATIONS = {"median": median}       # name -> function of the options, gives an Aggregation

Each metric states its formula, source and edge cases where it is defined.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from snakeval.errors import UserError
from snakeval.files import extensions
from snakeval.files.neighbours import neighbours
from snakeval.metrics.aggregation import Aggregation
from snakeval.metrics.metric import Kind, Metric, MetricFamily

_DECLARED = [metric for module in neighbours(__name__, "METRICS") for metric in module.METRICS]
METRICS: dict[tuple[str, str], Metric] = {
    (metric.kind, metric.name): metric for metric in _DECLARED if isinstance(metric, Metric)
}
FAMILIES = tuple(family for family in _DECLARED if isinstance(family, MetricFamily))
AGGREGATIONS: dict[str, Callable[..., Aggregation]] = {
    name: function
    for module in neighbours(__name__, "AGGREGATIONS")
    for name, function in module.AGGREGATIONS.items()
}


@dataclass(frozen=True)
class Known:
    """What a task can name: the kinds of its extensions and of the library; extensions go first."""

    metrics: Mapping[tuple[str, str], Metric]
    families: tuple[MetricFamily, ...]
    aggregations: Mapping[str, Callable[..., Aggregation]]

    def metric(self, kind: str, name: str, of: str | None = None) -> Metric | None:
        """The metric of a name such as `acc` or `pass@10`; None: there is none.

        `of` names the metric that a family builds on. Raises UserError where it does not exist.
        """
        if (kind, name) in self.metrics:
            return self.metrics[kind, name]
        for family in self.families:
            number = family.number(name) if family.kind == kind else None
            if number is None:
                continue
            if family.of is None:
                return family.build(number)
            one = self.metrics.get((kind, of or family.of))
            if one is None:
                raise UserError(
                    f"metric {name}: of: {of!r} is not a metric. "
                    "Name one of docs/reference/metrics.md."
                )
            return family.build(number, one)
        return None

    def names(self, kind: str) -> list[str]:
        """Names of the metrics of a kind of request, in alphabetical order."""
        return sorted(
            [name for of, name in self.metrics if of == kind]
            + [family.name for family in self.families if family.kind == kind]
        )


def known(own: Iterable[Mapping[str, str]] = ()) -> Known:
    """The metrics and aggregations of the library and of extensions (items of `file` and `digest`).

    Raises UserError for an extension that cannot be loaded or whose declarations are wrong.
    """
    own = list(own)
    metrics: dict[tuple[str, str], Metric] = {}
    families: list[MetricFamily] = []
    aggregations: dict[str, Callable[..., Aggregation]] = {}
    for file, value in extensions.declared(own, "METRICS"):
        for metric in _checked(file, value):
            if isinstance(metric, MetricFamily):
                families.append(metric)
            else:
                metrics[metric.kind, metric.name] = metric
    for file, table in extensions.declared(own, "AGGREGATIONS"):
        aggregations |= extensions.functions_of(file, "AGGREGATIONS", table)
    return Known(METRICS | metrics, (*families, *FAMILIES), AGGREGATIONS | aggregations)


def _checked(file: str, value: Any) -> Iterable[Metric | MetricFamily]:
    """What a file declares as METRICS. Raises UserError where it is something else."""
    if not isinstance(value, list | tuple) or not all(
        isinstance(metric, Metric | MetricFamily) for metric in value
    ):
        raise UserError(
            f"{file}: METRICS is not a tuple of metrics. "
            "Write METRICS = (Metric(name, kind, function),)."
        )
    for metric in value:
        if metric.kind not in get_args(Kind):
            raise UserError(
                f"{file}: METRICS: {metric.name}: {metric.kind!r} is not a kind of request. "
                f"Use one of {', '.join(get_args(Kind))}."
            )
    return value

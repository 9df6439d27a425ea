"""What a metric is, and a family of metrics whose names hold a number."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from snakeval.errors import UserError
from snakeval.metrics.aggregation import Item

Kind = Literal["multiple_choice", "loglikelihood", "loglikelihood_rolling", "generate_until"]


@dataclass(frozen=True)
class Metric:
    """A name and a function from outputs to items; `aggregation` names how items become a score.

    The function's arguments depend on the kind of request. Options come from `metric_list`:

    - generate_until: `(prediction: str, references: list[str], **options) -> item`, for one output.
      With `all_samples` the first argument is the list of a document's outputs. With
      `with_document` the option `document` is the document.
    - multiple_choice: `(choices: Choices, **options) -> (chosen, items)`: for each document the
      index of the chosen choice, and an item.
    - loglikelihood: `(targets: Targets, **options) -> items`.
    - loglikelihood_rolling: `(texts: Texts, **options) -> items`.

    docs/how-to/add-a-metric.md shows how to add one, to the library or as your own.
    """

    name: str
    kind: Kind
    function: Callable[..., Any]
    aggregation: str = "mean"
    higher_is_better: bool = True
    proportion: bool = False  # an output scores 0 or 1
    value: Callable[[Item], float] | None = None  # the number in an item that is not a number
    all_samples: bool = False
    runs_code: bool = False  # takes `run`, a snakeval.sandbox.execution.Runner
    with_document: bool = False


@dataclass(frozen=True)
class MetricFamily:
    """Metrics whose names end in a whole number from 1, such as pass@1, pass@2 …: `name` is pass@K.

    `build(number)` gives a metric. Where `of` is a name, `build(number, metric)` makes it from a
    metric of one output: the one that the option `of` of `metric_list` names, else this one.
    """

    name: str
    kind: Kind
    build: Callable[..., Metric]
    of: str | None = None

    def number(self, name: str) -> int | None:
        """The number in a metric's name; None where the name does not belong to the family."""
        found = re.fullmatch(re.escape(self.name.removesuffix("K")) + r"([1-9]\d*)", name)
        return int(found[1]) if found else None


def require_recorded(values: np.ndarray | None, what: str) -> np.ndarray:
    """`values`, which recorded responses may lack. Raises UserError where they do."""
    if values is None:
        raise UserError(
            f"the recorded responses do not hold {what}, which the metric needs. "
            "Remove the metric from metric_list."
        )
    return values

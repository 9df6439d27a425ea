"""What a metric is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from snakeval.errors import UserError
from snakeval.metrics.aggregation import Item

Kind = Literal["multiple_choice", "loglikelihood", "loglikelihood_rolling", "generate_until"]


def told(values: np.ndarray | None, what: str) -> np.ndarray:
    """`values`, which recorded answers may lack. Raises UserError where they do."""
    if values is None:
        raise UserError(
            f"the recorded answers do not tell {what}, which the metric needs; remove it from metric_list"
        )
    return values


@dataclass(frozen=True)
class Metric:
    """A name and a function from answers to items; `aggregation` names how the items become a task's score (see `aggregation`).

    The function's arguments depend on the kind of request; options come from the task's `metric_list`:

    - generate_until: `(prediction: str, references: list[str], **options) -> item`, one answer at a time; with `all_samples` the first
      argument is the list of a document's answers, with `with_document` the option `document` is the document;
    - multiple_choice: `(choices: Choices, **options) -> (chosen, items)`: index of the chosen choice, and item, for each document;
    - loglikelihood: `(targets: Targets, **options) -> items`; loglikelihood_rolling: `(texts: Texts, **options) -> items`.

    To add one, put a function and a `Metric` of it into a Python file and name the file in the configuration:

        from snakeval.metrics import Metric

        def same_start(prediction, references, letters=1):
            return float(any(prediction[:letters] == reference[:letters] for reference in references))

        METRIC = Metric("same_start", "generate_until", same_start, proportion=True)
    """

    name: str
    kind: Kind
    function: Callable[..., Any]
    aggregation: str = "mean"
    higher_is_better: bool = True
    proportion: bool = False  # an answer scores 0 or 1
    value: Callable[[Item], float] | None = None  # the number in an item that is not itself one
    all_samples: bool = False
    runs_code: bool = False  # takes `run`, a snakeval.sandbox.execution.Runner
    with_document: bool = False

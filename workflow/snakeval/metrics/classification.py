"""F1, precision, recall, accuracy and Matthews correlation as functions of per-class counts.

Items are (right label, predicted label). A label is a whole number, a truth value or a text. A
prediction of None is an answer that names no class: a miss, but not a class of its own. The classes
are the labels that are right somewhere, and predicted numbers, which are choices although never
right. A text that is not a right answer of any document is not a class. For each class three counts
are summed: right and predicted, predicted, right. They give, with scikit-learn's definitions:

- f1, precision, recall: `average` is binary (class `pos_label`, 1 by default), macro, weighted or
  micro;
- balanced_accuracy: mean recall of the classes that occur;
- accuracy; matthews_corrcoef, for several classes Gorodkin's R_K (2004,
  doi:10.1016/j.compbiolchem.2004.09.006).

As in scikit-learn, a quotient whose denominator is 0 is 0, and the averages leave out classes that
are neither right nor predicted.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from snakeval.errors import UserError
from snakeval.metrics.aggregation import Aggregation, Item

# both, predicted, right: (..., classes) -> (...)
Counts = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

LABEL_METRICS = {  # metrics whose items are (right, predicted), and their aggregations
    "f1": "f1",
    "precision": "precision",
    "recall": "recall",
    "balanced_accuracy": "balanced_accuracy",
    "mcc": "matthews_corrcoef",
}


def f1(average: str = "binary", pos_label: Any = 1, **_: Any) -> Aggregation:
    """Harmonic mean of precision and recall, 2 both / (predicted + right)."""

    def per_class(both: np.ndarray, predicted: np.ndarray, right: np.ndarray) -> np.ndarray:
        return _quotient(2 * both, predicted + right)

    return _averaged("f1", per_class, average, pos_label)


def precision(average: str = "binary", pos_label: Any = 1, **_: Any) -> Aggregation:
    """Share of the predictions of a class that are right."""
    return _averaged(
        "precision", lambda both, predicted, _: _quotient(both, predicted), average, pos_label
    )


def recall(average: str = "binary", pos_label: Any = 1, **_: Any) -> Aggregation:
    """Share of a class that is predicted."""
    return _averaged("recall", lambda both, _, right: _quotient(both, right), average, pos_label)


def accuracy(**_: Any) -> Aggregation:
    """Share of right predictions."""
    return _over_classes("accuracy", lambda both, _, right: _quotient(both.sum(-1), right.sum(-1)))


def balanced_accuracy(**_: Any) -> Aggregation:
    """Mean over the classes that occur of the share that is predicted right."""
    return _over_classes(
        "balanced_accuracy",
        lambda both, _, right: _quotient(_quotient(both, right).sum(-1), (right > 0).sum(-1)),
    )


def matthews_corrcoef(**_: Any) -> Aggregation:
    """Correlation of right and predicted class, in [-1, 1]; 0 where one of them never varies."""

    def correlation(both: np.ndarray, predicted: np.ndarray, right: np.ndarray) -> np.ndarray:
        n = right.sum(-1)
        without_class = n - predicted.sum(-1)
        covariance = both.sum(-1) * n - (predicted * right).sum(-1)
        spread = (n**2 - (predicted**2).sum(-1) - without_class**2) * (n**2 - (right**2).sum(-1))
        return _quotient(covariance, np.sqrt(np.maximum(spread, 0)))

    return _over_classes("matthews_corrcoef", correlation)


def _averaged(name: str, per_class: Counts, average: str, pos_label: Any) -> Aggregation:
    match average:
        case "binary":
            return _over_classes(name, lambda *counts: per_class(*counts)[..., 0], pos_label)
        case "micro":
            return _over_classes(name, lambda *counts: per_class(*(c.sum(-1) for c in counts)))
        case "macro":
            weights: Counts = lambda both, predicted, right: (predicted + right > 0).astype(float)  # noqa: E731
        case "weighted":
            weights = lambda both, predicted, right: right  # noqa: E731
        case _:
            raise UserError(
                f"metric {name}: average: {average!r}. Use binary, macro, weighted or micro."
            )

    def weighted(*counts: np.ndarray) -> np.ndarray:
        weight = weights(*counts)
        return _quotient((per_class(*counts) * weight).sum(-1), weight.sum(-1))

    return _over_classes(name, weighted)


def _over_classes(name: str, of_counts: Counts, pos_label: Any = None) -> Aggregation:
    def statistics(items: Sequence[Item]) -> np.ndarray:
        golds, predictions = (
            [_label(gold) for gold, _ in items],
            [_label(made) for _, made in items],
        )
        classes = _classes(golds, predictions)
        if pos_label is not None:
            _check_binary(name, classes, pos_label)
            classes = [pos_label]
        index = {label: i for i, label in enumerate(classes)}
        gold = _one_hot([index.get(label) for label in golds], len(classes))
        predicted = _one_hot([index.get(label) for label in predictions], len(classes))
        return np.hstack([gold * predicted, predicted, gold])

    def of_sums(sums: np.ndarray) -> np.ndarray:
        return of_counts(*np.split(np.asarray(sums, float), 3, axis=-1))

    return Aggregation(name, "sums", statistics=statistics, of_sums=of_sums)


def _check_binary(name: str, classes: list, pos_label: Any) -> None:
    if len(classes) > 2:
        raise UserError(
            f"metric {name}: average: binary, but there are {len(classes)} classes. "
            "Set average: macro, weighted or micro."
        )
    if classes and isinstance(classes[0], str) and pos_label not in classes:
        raise UserError(f"metric {name}: pos_label: {pos_label!r}. Use one of {classes}.")


def _label(label: Any) -> Any:
    """Truth values and numpy's numbers as plain ones: True, 1 and np.int64(1) are one class."""
    label = label.item() if isinstance(label, np.generic) else label
    return int(label) if isinstance(label, bool) else label


def _classes(golds: list, predictions: list) -> list:
    numbers = {label for label in predictions if label is not None and not isinstance(label, str)}
    return sorted(set(golds) | numbers, key=lambda label: (isinstance(label, str), label))


def _one_hot(indices: list[int | None], classes: int) -> np.ndarray:
    chosen = np.array([-1 if index is None else index for index in indices], dtype=np.int64)
    return (chosen[:, None] == np.arange(classes)).astype(float)


def _quotient(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Elementwise quotient, 0 where the denominator is 0."""
    above, below = np.asarray(numerator, float), np.asarray(denominator, float)
    shape = np.broadcast_shapes(above.shape, below.shape)
    return np.divide(above, below, out=np.zeros(shape), where=below > 0)


AGGREGATIONS = {
    "f1": f1,
    "precision": precision,
    "recall": recall,
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "matthews_corrcoef": matthews_corrcoef,
}

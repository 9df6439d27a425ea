"""Metrics from Python files of the user."""

import hashlib
import importlib.util
from functools import cache
from pathlib import Path

from snakeval.errors import UserError
from snakeval.metrics.metric import Metric

_PREFIX = "snakeval_metrics_"  # of the names of modules


def is_own(metric: Metric) -> bool:
    """Whether a metric comes from a file of the user."""
    return metric.function.__module__.startswith(_PREFIX)


@cache
def metrics_in(path: str, digest: str) -> dict[tuple[str, str], Metric]:
    """The metrics that a file defines at its top level, by kind and name; `digest` is the sha256 of its content, in hexadecimal.

    The file is run. Raises UserError when it is missing, no `.py` file, has another content, cannot be run or defines no metric.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file; extensions names Python files that define metrics")
    if Path(path).suffix != ".py":
        raise UserError(f"{path}: no Python file by its name; let it end in .py")
    if hashlib.sha256(Path(path).read_bytes()).hexdigest() != digest:
        raise UserError(f"{path}: has changed since the run was planned; start it again")
    spec = importlib.util.spec_from_file_location(f"{_PREFIX}{Path(path).stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"{path}: cannot be imported: {type(error).__name__}: {error}") from error
    found = [value for value in vars(module).values() if isinstance(value, Metric)]
    if not found:
        raise UserError(
            f"{path}: defines no metric; write NAME = Metric(name, kind, function) at its top level"
        )
    return {(metric.kind, metric.name): metric for metric in found}

"""Metrics that are callables from elsewhere: a task's own (`!function`), or of `evaluate`.

They are called as lm-eval calls them: with `(references=[reference], predictions=[answer],
**options)`, or with the list `[reference, answer]` where they do not take these arguments. They
give a number, a dict of several named values, or an item for the task's own aggregation. With
several references the largest number counts. (lm-eval counts 1 where any is not 0, which is the
same for values of 0 and 1.)
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from snakeval.errors import UserError
from snakeval.metrics import local_files
from snakeval.metrics.aggregation import Item

Callback = Callable[[Any, Sequence[str]], dict[str, Item]]  # (answer, references) -> items by name


def callback_of(name: str, reference: str | dict[str, Any], options: Mapping[str, Any]) -> Callback:
    """What to call for a metric that is not one of ours; `name` is what its rows are called.

    `reference`: the value of `metric` in `metric_list`. Raises UserError when there is no such
    function, or `evaluate` has no such metric on this machine: nothing is downloaded here.
    """
    if isinstance(reference, str):
        function = _of_evaluate(reference)
    else:
        from snakeval.tasks import functions  # with YAML, which few metrics need

        function = functions.load(reference)
    named = _takes_names(function, options)

    def result(answer: Any, reference: Any) -> Any:
        if named:
            return function(references=[reference], predictions=[answer], **options)
        return function([reference, answer])

    def call(answer: Any, references: Sequence[str]) -> dict[str, Item]:
        results = [result(answer, _like(answer, reference)) for reference in references]
        return _best([one if isinstance(one, dict) else {name: one} for one in results], name)

    return call


def _like(answer: Any, reference: str) -> Any:
    """The reference as a number where filters made the answer one."""
    return type(answer)(reference) if type(answer) in (int, float) else reference


def _best(results: list[dict[str, Item]], name: str) -> dict[str, Item]:
    if len(results) == 1:
        return results[0]
    if not all(_is_number(value) for result in results for value in result.values()):
        raise UserError(
            f"metric {name}: it does not give a number, and the document has {len(results)} "
            "references. Give the document one reference."
        )
    return {key: max(result[key] for result in results) for key in results[0]}


def _is_number(value: Any) -> bool:
    try:
        return not math.isnan(float(value))
    except (TypeError, ValueError):
        return False


def _takes_names(function: Callable[..., Any], options: Mapping[str, Any]) -> bool:
    try:
        inspect.signature(function).bind(references=[], predictions=[], **options)
    except TypeError:
        return False
    return True


def evaluate_module(name: str) -> Path:
    """The Python file of a metric of `evaluate`, from the hub where the machine does not hold it.

    Raises UserError when there is none of that name or the hub cannot be reached.
    """
    import evaluate

    try:
        return Path(inspect.getfile(type(evaluate.load(name, keep_in_memory=True))))
    except (OSError, ImportError, ValueError, TypeError) as error:
        raise UserError(
            f"metric {name}: evaluate cannot load it ({str(error).splitlines()[0]}). "
            "Run where there is a network."
        ) from None


@cache
def _of_evaluate(name: str) -> Callable[..., Any]:
    """`compute` of a metric of `evaluate`.

    It is in a local folder or file, in `metrics/{name}` of a bundle, or among those that `evaluate`
    has loaded before.
    """
    import evaluate
    from evaluate.loading import CachedEvaluationModuleFactory, import_main_class

    if path := local_files.module(name):
        return evaluate.load(str(path.resolve()), keep_in_memory=True).compute
    for kind in ("metric", "comparison", "measurement"):
        folder = f"evaluate-{kind}--{name.replace('/', '--')}"
        try:
            module = CachedEvaluationModuleFactory(folder).get_module()
        except FileNotFoundError:
            continue
        return import_main_class(module.module_path)(hash=module.hash, keep_in_memory=True).compute
    raise UserError(
        f"metric {name}: it is neither a metric of ours nor one of `evaluate` on this machine, "
        f"and scoring downloads nothing. Run evaluate.load({name!r}) in Python once with a "
        "network, or name a local folder."
    )

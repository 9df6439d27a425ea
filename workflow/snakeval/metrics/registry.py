"""Metrics: what an answer of a document scores, and how a task's score follows.

A metric is a function from answers to items (`Metric`), an aggregation makes a task's score of the items (`Aggregation`). Both are found by
name here; each is defined once, in the module of its kind, which states its formula, source and edge cases.
"""

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from snakeval.errors import UserError
from snakeval.metrics import (
    aggregation,
    answers,
    bertscore,
    choice,
    classification,
    contrast,
    likelihood,
    mathematics,
    meteor,
    overlap,
    programs,
    ranking,
    sampling,
    translation,
)
from snakeval.metrics.aggregation import Aggregation, items_of, score, statistics_of
from snakeval.metrics.extension import metrics_in
from snakeval.metrics.external import evaluate_module
from snakeval.metrics.metric import Metric
from snakeval.tasks.metric_names import name_of

__all__ = [
    "AGGREGATIONS",
    "METRICS",
    "Aggregation",
    "Metric",
    "aggregation_of",
    "evaluate_module",
    "items_of",
    "metric_of",
    "name_of",
    "score",
    "statistics_of",
]

METRICS: dict[tuple[str, str], Metric] = {
    (metric.kind, metric.name): metric
    for module in (
        choice,
        ranking,
        likelihood,
        answers,
        overlap,
        meteor,
        bertscore,
        contrast,
        mathematics,
        programs,
    )
    for metric in module.METRICS
}

AGGREGATIONS: dict[str, Callable[..., Aggregation]] = {
    "mean": aggregation.mean,
    "nanmean": aggregation.nanmean,
    "bypass": aggregation.bypass,
    "median": aggregation.median,
    "perplexity": aggregation.perplexity,
    "weighted_perplexity": aggregation.weighted_perplexity,
    "bits_per_byte": aggregation.bits_per_byte,
    "brier_score": choice.brier_score,
    "f1": classification.f1,
    "precision": classification.precision,
    "recall": classification.recall,
    "accuracy": classification.accuracy,
    "balanced_accuracy": classification.balanced_accuracy,
    "matthews_corrcoef": classification.matthews_corrcoef,
    "bleu": translation.bleu,
    "chrf": translation.chrf,
    "chrf++": translation.chrf_plus_plus,
    "ter": translation.ter,
    "ece": ranking.ece,
    "adaptive_ece": ranking.adaptive_ece,
    "roc_auc": ranking.roc_auc,
    "average_precision": ranking.average_precision,
    "aurc": ranking.aurc,
}

_SAMPLED = re.compile(r"(pass|maj)@([1-9]\d*)")
_RECALL = re.compile(r"recall@([1-9]\d*)")
_OWN_KEYS = ("metric", "aggregation", "higher_is_better", "hf_evaluate", "of")


def options_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """What an item of `metric_list` says beyond name, aggregation and direction."""
    return {key: value for key, value in item.items() if key not in _OWN_KEYS}


def checked_options(metric: Metric, item: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an item of `metric_list`. Raises UserError for one that a metric of generated answers does not take.

    Metrics of log-likelihoods have few and leave out what they do not know: task files of lm-eval give them options in plenty.
    """
    options = options_of(item)
    if metric.kind == "generate_until":
        try:
            inspect.signature(metric.function).bind(
                None, None, **options, **({"document": None} if metric.with_document else {})
            )
        except TypeError as error:
            raise UserError(f"metric {metric.name}: {error}; mend metric_list") from None
    return options


def metric_of(item: Mapping[str, Any], settings: Mapping[str, Any]) -> Metric | None:
    """The metric that an item of `metric_list` names; None for a `!function` and one of `evaluate`.

    Metrics in the files of the user go first: `extensions`, a list of {"file": path, "digest": sha256}. `hf_evaluate: true` counts for
    generated answers; its exact_match is ours.
    """
    kind, name = settings["output_type"], item["metric"]
    if not isinstance(name, str) or (
        item.get("hf_evaluate") and kind == "generate_until" and name != "exact_match"
    ):
        return None
    for source in settings.get("extensions") or ():
        if metric := metrics_in(source["file"], source["digest"]).get((kind, name)):
            return metric
    if kind == "generate_until" and (sampled := _SAMPLED.fullmatch(name)):
        of = METRICS.get((kind, item.get("of", "exact_match")))
        if of is None:
            raise UserError(f"metric {name}: of: no metric {item['of']!r}")
        return {"pass": sampling.pass_at, "maj": sampling.maj_at}[sampled[1]](int(sampled[2]), of)
    if kind == "multiple_choice" and (recall := _RECALL.fullmatch(name)):
        return ranking.recall_at(int(recall[1]))
    return METRICS.get((kind, name))


def aggregation_of(
    name: str, settings: Mapping[str, Any], names: Collection[str] = ()
) -> Aggregation:
    """How the rows of metric `name` become a task's score; `settings` are the task's scoring settings, `names` all metrics of its rows.

    The item of `metric_list` decides, then the metric's own default. A name that is not in the list comes from a function that gives
    several values: such values take the aggregation of that function's item, and those of `process_results` their mean. That function
    is the first one without rows of its own name.

    Raises UserError for an aggregation that is not known.
    """
    items = settings.get("metric_list") or []
    item = next((item for item in items if name_of(item) == name), None) or _source(
        items, settings, names
    )
    if item is None:
        return aggregation.mean()
    metric = metric_of(item, settings)
    wanted = item.get("aggregation") or (metric.aggregation if metric else "mean")
    if isinstance(wanted, Mapping):
        from snakeval.tasks import (
            functions,  # imports a module that a task names: only where one does
        )

        found = aggregation.of_function(wanted["!function"], functions.load(dict(wanted)))
    elif wanted in AGGREGATIONS:
        found = _built(wanted, options_of(item), name)
    else:
        raise UserError(
            f"metric {name}: no aggregation {wanted!r}; known: {', '.join(sorted(AGGREGATIONS))}"
        )
    higher = item.get("higher_is_better")
    if higher is None:
        higher = metric.higher_is_better if metric else found.higher_is_better
    binary = metric is not None and metric.proportion and not settings.get("process_results")
    return replace(found, higher_is_better=higher, proportion=binary)


def _source(
    items: list[Mapping[str, Any]], settings: Mapping[str, Any], names: Collection[str]
) -> Mapping[str, Any] | None:
    """The first item of `metric_list` whose function may give several values, of those whose own name is not among `names` if there are."""
    if settings.get("process_results"):
        return None
    functions = [item for item in items if metric_of(item, settings) is None]
    return min(functions, key=lambda item: name_of(item) in names, default=None)


def _built(name: str, options: dict[str, Any], metric: str) -> Aggregation:
    try:
        return AGGREGATIONS[name](**options)
    except TypeError as error:
        raise UserError(
            f"metric {metric}: {re.sub(r'^.*__init__', name, str(error))}; remove the option from metric_list"
        ) from None

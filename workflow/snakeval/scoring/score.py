"""Scores of documents: for every metric after every pipeline of filters of a task.

`ScoringSettings` of the task fix what is scored. The definitions are with the metrics
(`snakeval.metrics`) and the filters (`snakeval.scoring.filters`).

A document with several outputs (`repeats`) scores the mean over them; in corpus metrics its
statistics are averaged. Two kinds of function take all outputs: metrics with `all_samples` such as
`pass@K`, and a task's own functions after filters that leave a list.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from snakeval.errors import UserError
from snakeval.files.extensions import is_own
from snakeval.metrics import code_eval
from snakeval.metrics.aggregation import Aggregation, Item, columns
from snakeval.metrics.choice import Choices
from snakeval.sandbox.execution import Runner
from snakeval.schemas.model import SCORES
from snakeval.scoring import inputs, task_functions
from snakeval.scoring.filters import registry
from snakeval.scoring.filters.answers import Answers, answers_of
from snakeval.scoring.filters.pipeline import apply
from snakeval.scoring.task_metrics import TaskMetric, TaskMetrics, resolve
from snakeval.tasks.scoring_settings import ScoringSettings

_UNFILTERED: list[dict[str, Any]] = [{"name": "none", "filter": None}]


@dataclass(frozen=True)
class Scored:
    """One metric after one pipeline."""

    filter: str
    extracted: pa.Array
    predictions: pa.Array
    metric: str
    items: np.ndarray | Sequence[Sequence[Item]]
    """Of each document an item per output; an array has one number per document. None: no row."""
    value: Callable[[Item], float] | None = None  # see Metric.value
    source: str | None = None  # the function of metric_list that gave it


def score_task(
    requests: pa.Table,
    responses: pa.Table,
    settings: ScoringSettings,
    *,
    allow_functions: bool = True,
    runner: Runner | None = None,
) -> pa.Table:
    """The SCORES of one leaf task, in the order of pipelines, metrics, doc_id.

    `requests` (REQUESTS; REQUEST_COLUMNS are enough) and one model's `responses` (RESPONSES) hold
    the same documents in any order. With `allow_functions` false, a task that names Python of its
    own is refused. Without a `runner`, one with `unsafe_code` is: its outputs are programs. Raises
    UserError, naming task and document, where documents are missing, surplus or there twice, a
    log-likelihood is not a number, or a task's own function fails.
    """
    own = task_functions.first_function(asdict(settings))
    if own and not allow_functions:
        raise UserError(
            f"{own['file']}: !function {own['!function']} is Python. "
            "Set allow_functions: true to run it."
        )
    if not settings.unsafe_code:
        runner = None
    elif runner is None:
        raise UserError(
            f"{settings.task}: unsafe_code: scoring runs programs that the model wrote. "
            "Set allow_code: sandbox to permit it."
        )
    try:
        with code_eval.provided(runner) if runner and own else nullcontext():
            return _scores(requests, responses, settings, runner)
    except UserError as error:
        raise UserError(f"{settings.task}: {error}") from error


def _scores(
    requests: pa.Table, responses: pa.Table, settings: ScoringSettings, runner: Runner | None
) -> pa.Table:
    requests, responses = inputs.joined(requests, responses, settings.task)
    if not requests.num_rows:
        return SCORES.empty_table()
    metrics = resolve(settings)
    if settings.output_type == "generate_until":
        scored = list(_generated(requests, responses, settings, metrics, runner))
    else:
        scored = list(_likelihoods(requests, responses, settings, metrics))
    names = {one.metric for one in scored}
    tables: dict[tuple[str, str], pa.Table] = {}
    for one in scored:
        if (one.filter, one.metric) in tables:
            raise UserError(
                f"metric {one.metric}: two items of metric_list give scores of this name "
                f"(filter {one.filter}). Rename one."
            )
        aggregation = _aggregation(one, metrics, names)
        tables[one.filter, one.metric] = _rows(one, requests, responses["model"], aggregation)
    return pa.concat_tables(tables.values()) if tables else SCORES.empty_table()


def _likelihoods(
    requests: pa.Table, responses: pa.Table, settings: ScoringSettings, metrics: TaskMetrics
) -> Iterator[Scored]:
    """Scores of log-likelihoods, which pass through all pipelines unchanged."""
    kind, n = settings.output_type, requests.num_rows
    answers = inputs.likelihoods(requests, responses, kind)
    predictions = pa.nulls(n, pa.string())
    if isinstance(answers, Choices):
        predictions = _chosen(answers, answers.argmax(answers.loglikelihoods))
    for pipeline in _pipelines(settings):
        scored = partial(Scored, pipeline, pa.array(np.ones(n, bool)))
        if settings.process_results:
            results = [[result] for result in inputs.results(responses, kind)]
            function = task_functions.process_results(requests, settings.process_results)
            for name, items in task_functions.items_by_metric(
                results, *function, requests["doc_id"]
            ):
                yield scored(predictions, name, items)
            continue
        for item in metrics.items:
            if item.metric is None:
                raise UserError(
                    f"metric {item.name}: there is none of this name for {kind}. "
                    f"Use one of {', '.join(metrics.names)}."
                )
            found = item.metric.function(answers, **item.options)
            of_metric = predictions
            if isinstance(answers, Choices):
                chosen, found = found
                of_metric = _chosen(answers, chosen)
            each = found if isinstance(found, np.ndarray) else [[value] for value in found]
            yield scored(of_metric, item.metric.name, each, item.metric.value)


def _chosen(choices: Choices, chosen: np.ndarray) -> pa.Array:
    """The texts of the chosen choices, given by index."""
    return choices.texts.take(pa.array(choices.first + chosen))


def _pipelines(settings: ScoringSettings) -> list[str]:
    """Names of the pipelines. Raises UserError for a filter, as there is no text to filter."""
    pipelines = settings.filter_list or _UNFILTERED
    for pipeline in pipelines:
        for step in pipeline["filter"] or []:
            if step["function"] != "take_first":
                raise UserError(
                    f"filter {step['function']}: {settings.output_type} has no text to filter. "
                    "Remove the filter."
                )
    return [pipeline["name"] for pipeline in pipelines]


def _generated(
    requests: pa.Table,
    responses: pa.Table,
    settings: ScoringSettings,
    metrics: TaskMetrics,
    runner: Runner | None,
) -> Iterator[Scored]:
    """Scores of generated texts, after each pipeline."""
    texts = inputs.generated(requests, responses, not settings.process_results)
    documents, doc_ids = inputs.documents_of(requests), requests["doc_id"]
    references, filters = requests["references"].to_pylist(), registry.known(settings.extensions)
    for pipeline in settings.filter_list or _UNFILTERED:
        try:
            answers = apply(pipeline["filter"] or [], answers_of(texts), documents, filters)
        except UserError as error:
            raise UserError(f"{pipeline['name']}: {error}") from error
        extracted = pa.array([any(found) for found in answers.found])
        scored = partial(Scored, pipeline["name"], extracted, _predictions(answers))
        # a task's own functions get a list of answers where its filters leave one
        as_list = pipeline["filter"] is not None and not answers.single
        given: list[list[Any]] = [[values] if as_list else values for values in answers.values]
        if settings.process_results:
            results = [[[value] for value in values] for values in given]
            function = task_functions.process_results(requests, settings.process_results)
            for name, items in task_functions.items_by_metric(results, *function, doc_ids, runner):
                yield scored(name, items)
            continue
        for item in metrics.items:
            if item.metric is None:
                function = task_functions.metric_function(item, references)
                found = task_functions.items_by_metric(given, *function, doc_ids, runner)
                for name, items in found:
                    yield scored(name, items, source=item.name)
            else:
                texts_of = [[_as_text(value) for value in values] for values in answers.values]
                items = _items(item, texts_of, references, documents, doc_ids, runner)
                yield scored(item.metric.name, items, item.metric.value)


def _predictions(answers: Answers) -> pa.Array:
    """What the table shows of each document: its answer, or the list of several."""
    given = [values[0] if len(values) == 1 else values for values in answers.values]
    return pa.array([_as_text(value) for value in given], pa.string())


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _items(
    item: TaskMetric,
    texts: list[list[str]],
    references: list[list[str]],
    documents: list[dict[str, Any]],
    doc_ids: pa.ChunkedArray,
    runner: Runner | None,
) -> list[list[Item]]:
    """The items of each document that a metric gives for its texts."""
    item.check_options()
    metric, options = item.metric, item.options
    assert metric is not None
    if metric.runs_code:
        options = options | {"run": runner}

    def items_of(row: int) -> list[Item]:
        own = {"document": documents[row]} if metric.with_document else {}
        given: list[Any] = [texts[row]] if metric.all_samples else texts[row]
        try:
            return [metric.function(one, references[row], **options, **own) for one in given]
        except UserError as error:
            raise UserError(f"document {doc_ids[row]}: {error}") from error
        except Exception as error:
            if not is_own(metric.function):
                raise
            raise UserError(
                f"document {doc_ids[row]}: metric {metric.name} fails: "
                f"{type(error).__name__}: {error}. Correct the extension."
            ) from error

    # a metric without programs runs in this thread, where time limits hold
    each = runner.map if runner and metric.runs_code else map
    return list(each(items_of, range(len(texts))))


def _aggregation(scored: Scored, metrics: TaskMetrics, names: set[str]) -> Aggregation:
    """How the rows of a metric become the task's score.

    The table of scores does not hold which function gave a row. So this raises UserError where
    another function's item would decide.
    """
    found = metrics.aggregation_of(scored.metric, names)
    own = metrics.aggregation_of(scored.source, names) if scored.source else found
    if (own.name, own.higher_is_better) != (found.name, found.higher_is_better):
        raise UserError(
            f"metric {scored.metric}: {scored.source} gives it, and another function of "
            "metric_list gives scores of other names too. Give both items the same aggregation "
            "and higher_is_better, or make two tasks."
        )
    return found


def _rows(
    scored: Scored, requests: pa.Table, models: pa.ChunkedArray, aggregation: Aggregation
) -> pa.Table:
    """The rows of one metric after one pipeline."""
    items: np.ndarray | list[Item]
    if isinstance(scored.items, np.ndarray):
        counts, items = np.ones(len(scored.items), int), scored.items
    else:
        counts = np.array([len(each) for each in scored.items])
        items = [item for each in scored.items for item in each]
    rows = pa.array(np.flatnonzero(counts))
    try:
        value, statistics, item = columns(aggregation, items, counts[counts > 0], scored.value)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"metric {scored.metric}: aggregation {aggregation.name} cannot take its values "
            f"({error}). Correct metric_list."
        ) from error
    row = {
        "model": models.take(rows),
        "task": requests["task"].take(rows),
        "doc_id": requests["doc_id"].take(rows),
        "filter": pa.repeat(pa.scalar(scored.filter), len(rows)),
        "metric": pa.repeat(pa.scalar(scored.metric), len(rows)),
        "value": value,
        "statistics": statistics,
        "item": item,
        "prediction": scored.predictions.take(rows),
        "extracted": scored.extracted.take(rows),
        "cluster": requests["cluster"].take(rows),
    }
    return pa.table([row[field.name] for field in SCORES], schema=SCORES)

"""Scores of documents: what a model answered, against what was right, for every metric and every pipeline of filters of a task.

What is scored is fixed by the task's scoring settings (`Task.scoring_settings`): `metric_list`, `filter_list`, `process_results`.
Definitions stand with the metrics (`snakeval.metrics.registry`) and the filters (`snakeval.scoring.filters`).

A document with several answers (`repeats`) scores the mean over its answers; in corpus metrics its statistics are averaged so. Metrics that
take all answers (`pass@K`, `maj@K`), and a task's own functions after filters that leave a list, get the list.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.errors import UserError
from snakeval.metrics import code_eval, metric, registry
from snakeval.metrics.aggregation import Aggregation, Item, columns
from snakeval.metrics.choice import Choices
from snakeval.metrics.extension import is_own
from snakeval.metrics.likelihood import Targets, Texts
from snakeval.sandbox.execution import Runner
from snakeval.schemas.model import SCORES
from snakeval.scoring import filters, task_functions
from snakeval.tasks import metric_names

REQUEST_COLUMNS = [
    "task",
    "doc_id",
    "choices",
    "gold",
    "references",
    "continuations",
    "document",
    "cluster",
]  # that scores depend on

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Scored:
    """One metric after one pipeline: of each document, an item per answer (an array: one number per document; none: no row)."""

    filter: str
    metric: str
    items: np.ndarray | Sequence[Sequence[Item]]
    predictions: pa.Array
    extracted: pa.Array
    value: Callable[[Item], float] | None = None  # see Metric.value
    source: str | None = None  # the function of metric_list that gave it


def score_task(
    requests: pa.Table,
    responses: pa.Table,
    settings: Settings,
    *,
    allow_functions: bool = True,
    runner: Runner | None = None,
) -> pa.Table:
    """The SCORES of one leaf task: `requests` (REQUESTS) and one model's `responses` (RESPONSES), of the same documents in any order.

    `settings`: `Task.scoring_settings()`; with `allow_functions` false a task that names Python of its own is refused, and without a
    `runner` one with `unsafe_code`, whose answers are programs. Of REQUESTS, REQUEST_COLUMNS are enough. Rows are in the order of
    pipelines, metrics, doc_id. Raises UserError, naming task and document, where documents are missing, surplus or twice there, a
    log-likelihood is not a number, or a task's own function fails.
    """
    if not allow_functions and (reference := task_functions.first_function(settings)):
        raise UserError(
            f"{reference['file']}: !function {reference['!function']} is Python; set allow_functions: true to run it"
        )
    if not settings.get("unsafe_code"):
        runner = None
    elif runner is None:
        raise UserError(
            f"{settings['task']}: unsafe_code: scoring runs programs that the model wrote; allow_code: sandbox permits it"
        )
    try:
        with (
            code_eval.provided(runner)
            if runner and task_functions.first_function(settings)
            else nullcontext()
        ):
            return _score(requests, responses, settings, runner)
    except UserError as error:
        raise UserError(f"{settings['task']}: {error}") from error


def answered(requests: pa.Table, responses: pa.Table) -> pa.Table:
    """The rows of REQUESTS whose documents are in `responses`, where answers were recorded and some are missing."""
    known = set(_documents(responses))
    return requests.filter(
        pa.array([document in known for document in _documents(requests)], pa.bool_())
    )


def _documents(table: pa.Table) -> Iterable[tuple[str, int]]:
    return zip(table["task"].to_pylist(), table["doc_id"].to_pylist(), strict=True)


def _score(
    requests: pa.Table, responses: pa.Table, settings: Settings, runner: Runner | None
) -> pa.Table:
    requests, responses = _joined(requests, responses, settings["task"])
    if not requests.num_rows:
        return SCORES.empty_table()
    if settings["output_type"] == "generate_until":
        scored = list(_generated(requests, responses, settings, runner))
    else:
        scored = list(_likelihoods(requests, responses, settings))
    names = {one.metric for one in scored}
    tables: dict[tuple[str, str], pa.Table] = {}
    for one in scored:
        if (one.filter, one.metric) in tables:
            raise UserError(
                f"metric {one.metric}: two items of metric_list give scores of this name (filter {one.filter}); rename one"
            )
        aggregation = _aggregation(one, settings, names)
        tables[one.filter, one.metric] = _rows(one, requests, responses["model"], aggregation)
    return pa.concat_tables(tables.values()) if tables else SCORES.empty_table()


def _joined(requests: pa.Table, responses: pa.Table, task: str) -> tuple[pa.Table, pa.Table]:
    """Both tables in the order of doc_id. Raises UserError unless they hold the same documents, each once, of this task and one model."""
    for name, table in (("requests", requests), ("responses", responses)):
        if odd := sorted(set(pc.unique(table["task"]).to_pylist()) - {task}):
            raise UserError(f"the {name} hold documents of {', '.join(odd)}")
        counts = pc.value_counts(table["doc_id"])
        if (
            twice := [pair["values"].as_py() for pair in counts if pair["counts"].as_py() > 1]
            if len(counts) < table.num_rows
            else []
        ):
            raise UserError(f"the {name} hold document {min(twice)} more than once")
    if len(pc.unique(responses["model"])) > 1:
        raise UserError("the responses hold several models; score one at a time")
    asked, answered = requests["doc_id"].to_numpy(), responses["doc_id"].to_numpy()
    if len(missing := np.setdiff1d(asked, answered)):
        raise UserError(f"no answer to {_some(missing)}; make the responses again")
    if len(surplus := np.setdiff1d(answered, asked)):
        raise UserError(
            f"answers to {_some(surplus)} that the requests do not hold; make the responses again"
        )
    return _in_order(requests), _in_order(responses)


def _in_order(table: pa.Table) -> pa.Table:
    """By doc_id, as tables usually are already: sorting would hold them twice in memory."""
    ascending = bool((np.diff(table["doc_id"].to_numpy()) > 0).all())
    return (table if ascending else table.sort_by("doc_id")).combine_chunks()


def _some(documents: np.ndarray) -> str:
    shown = ", ".join(map(str, documents[:5].tolist()))
    return f"{len(documents)} document{'s' if len(documents) > 1 else ''} ({shown}{', …' if len(documents) > 5 else ''})"


# log-likelihoods


def _likelihoods(requests: pa.Table, responses: pa.Table, settings: Settings) -> Iterable[Scored]:
    kind, n = settings["output_type"], requests.num_rows
    _check_numbers(responses)
    answers = {
        "multiple_choice": _choices,
        "loglikelihood": _targets,
        "loglikelihood_rolling": _texts,
    }[kind](requests, responses)
    extracted = pa.array(np.ones(n, bool))
    most_likely = (
        _texts_of(answers, answers.argmax(answers.loglikelihoods))
        if isinstance(answers, Choices)
        else pa.nulls(n, pa.string())
    )
    for pipeline in _pipelines(settings):
        if settings.get("process_results"):
            results = [[result] for result in _results(responses, kind)]
            for name, items in task_functions.items_by_metric(
                results, *task_functions.process_results(requests, settings), requests["doc_id"]
            ):
                yield Scored(pipeline, name, items, most_likely, extracted)
            continue
        for item in settings["metric_list"]:
            metric = registry.metric_of(item, settings)
            if metric is None:
                known = sorted(name for of, name in registry.METRICS if of == kind)
                name = metric_names.name_of(item)
                raise UserError(f"metric {name}: none for {kind}; known: {', '.join(known)}")
            found = metric.function(answers, **registry.checked_options(metric, item))
            predictions = most_likely
            if isinstance(answers, Choices):
                chosen, found = found
                predictions = _texts_of(answers, chosen)
            each = found if isinstance(found, np.ndarray) else [[item] for item in found]
            yield Scored(pipeline, metric.name, each, predictions, extracted, metric.value)


def _texts_of(choices: Choices, chosen: np.ndarray) -> pa.Array:
    return choices.texts.take(pa.array(choices.first + chosen))


def _pipelines(settings: Settings) -> list[str]:
    """Names of the pipelines; log-likelihoods pass through all unchanged."""
    pipelines = settings.get("filter_list") or [{"name": "none", "filter": []}]
    for pipeline in pipelines:
        if odd := [
            step["function"]
            for step in pipeline["filter"] or []
            if step["function"] != "take_first"
        ]:
            raise UserError(
                f"filter {odd[0]}: there is no text to filter in {settings['output_type']}; remove it"
            )
    return [pipeline["name"] for pipeline in pipelines]


def _check_numbers(responses: pa.Table) -> None:
    """Raises UserError for a log-likelihood that is not a number; -inf is one (a token the model never writes)."""
    flat = _flat(responses["loglikelihoods"])
    bad = ~(flat < np.inf)
    if bad.any():
        row = (
            int(
                np.searchsorted(
                    _starts(responses["loglikelihoods"]), np.flatnonzero(bad)[0], side="right"
                )
            )
            - 1
        )
        document = responses["doc_id"][row].as_py()
        raise UserError(
            f"document {document}: log-likelihood {flat[bad][0]}; the model overflows: try another dtype and infer again"
        )


def _choices(requests: pa.Table, responses: pa.Table) -> Choices:
    starts, asked = _starts(requests["choices"]), _starts(responses["loglikelihoods"])
    counts, answers = np.diff(starts), np.diff(asked)
    twice = bool(
        (answers == 2 * counts).all()
    )  # each choice also after nothing, for mutual information
    wrong = (counts == 0) | (answers != counts * (1 + twice))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        document = requests["doc_id"][row].as_py()
        raise UserError(
            f"document {document}: {counts[row]} choices and {answers[row]} log-likelihoods; infer again"
        )
    place = np.arange(asked[-1]) - np.repeat(asked[:-1], answers)
    after_question = place < np.repeat(counts, answers)
    loglikelihoods = _flat(responses["loglikelihoods"])
    return Choices(
        texts=requests["choices"].combine_chunks().flatten(),
        loglikelihoods=loglikelihoods[after_question],
        unconditional=loglikelihoods[~after_question] if twice else None,
        greedy=greedy[after_question]
        if (greedy := _told(responses["greedy"])) is not None
        else None,
        n_tokens=n_tokens[after_question]
        if (n_tokens := _told(responses["n_tokens"])) is not None
        else None,
        starts=starts,
        golds=_golds(requests),
    )


def _golds(requests: pa.Table) -> list[list[int]]:
    """Indices of the right choices; where they are not given, of the choices that are references."""
    golds = requests["gold"].to_pylist()
    for row in (row for row, gold in enumerate(golds) if not gold):
        references = requests["references"][row].as_py()
        golds[row] = [
            i for i, choice in enumerate(requests["choices"][row].as_py()) if choice in references
        ]
    return golds


def _targets(requests: pa.Table, responses: pa.Table) -> Targets:
    _one_each(responses["loglikelihoods"], responses["doc_id"])
    return Targets(_flat(responses["loglikelihoods"]), _told(responses["greedy"]))


def _texts(requests: pa.Table, responses: pa.Table) -> Texts:
    """Whole texts; their windows' log-likelihoods and tokens summed."""
    _one_each(requests["continuations"], requests["doc_id"])
    texts = [continuations[0]["text"] for continuations in requests["continuations"].to_pylist()]
    documents = [json.loads(document) for document in requests["document"].to_pylist()]
    n_tokens = _summed(responses["n_tokens"]) if _told(responses["n_tokens"]) is not None else None
    return Texts(texts, _summed(responses["loglikelihoods"]), n_tokens, documents)


def _one_each(column: pa.ChunkedArray, doc_ids: pa.ChunkedArray) -> None:
    if len(wrong := np.flatnonzero(np.diff(_starts(column)) != 1)):
        raise UserError(
            f"document {doc_ids[int(wrong[0])]}: has not exactly one text to score; make requests and responses again"
        )


def _results(responses: pa.Table, kind: str) -> list[list[Any]]:
    """What a task's process_results gets: (log-likelihood, greedy) per continuation; of a rolling text its log-likelihood."""
    if kind == "loglikelihood_rolling":
        return [[total] for total in _summed(responses["loglikelihoods"]).tolist()]
    if _told(responses["greedy"]) is None:
        raise UserError(
            "process_results needs to know which texts greedy decoding would have written; name the column under `answers`"
        )
    pairs = zip(
        responses["loglikelihoods"].to_pylist(), responses["greedy"].to_pylist(), strict=True
    )
    return [list(zip(loglikelihoods, greedy, strict=True)) for loglikelihoods, greedy in pairs]


# generated answers


def _generated(
    requests: pa.Table, responses: pa.Table, settings: Settings, runner: Runner | None
) -> Iterable[Scored]:
    documents = [json.loads(document) for document in requests["document"].to_pylist()]
    references = requests["references"].to_pylist()
    if not all(references) and not settings.get("process_results"):
        document = requests["doc_id"][
            next(i for i, texts in enumerate(references) if not texts)
        ].as_py()
        raise UserError(
            f"document {document} has no reference; drop it in process_docs or correct doc_to_target"
        )
    unfiltered = filters.answers_of(responses["texts"].to_pylist())
    if not all(unfiltered.values):
        document = responses["doc_id"][
            next(i for i, texts in enumerate(unfiltered.values) if not texts)
        ].as_py()
        raise UserError(f"document {document} has no answer; infer again")
    for pipeline in settings.get("filter_list") or [{"name": "none", "filter": None}]:
        try:
            answers = filters.apply(pipeline["filter"] or [], unfiltered, documents)
        except UserError as error:
            raise UserError(f"{pipeline['name']}: {error}") from error
        predictions = pa.array(
            [_as_text(values[0] if len(values) == 1 else values) for values in answers.values],
            pa.string(),
        )
        extracted = pa.array([any(found) for found in answers.found])
        # a task's own functions get a list of answers where its filters leave one
        as_list = pipeline["filter"] is not None and not answers.single
        given = [[values] if as_list else values for values in answers.values]
        if settings.get("process_results"):
            results = [[[value] for value in values] for values in given]
            for name, items in task_functions.items_by_metric(
                results,
                *task_functions.process_results(requests, settings),
                requests["doc_id"],
                runner,
            ):
                yield Scored(pipeline["name"], name, items, predictions, extracted)
            continue
        for item in settings["metric_list"]:
            metric = registry.metric_of(item, settings)
            if metric is None:
                for name, items in task_functions.items_by_metric(
                    given,
                    *task_functions.metric_function(item, references),
                    requests["doc_id"],
                    runner,
                ):
                    yield Scored(
                        pipeline["name"],
                        name,
                        items,
                        predictions,
                        extracted,
                        source=metric_names.name_of(item),
                    )
            else:
                options = registry.checked_options(metric, item)
                answered = _items_of(
                    metric,
                    answers.values,
                    references,
                    documents,
                    options,
                    requests["doc_id"],
                    runner,
                )
                yield Scored(
                    pipeline["name"], metric.name, answered, predictions, extracted, metric.value
                )


def _items_of(
    metric: metric.Metric,
    answers: list[list[Any]],
    references: list[list[str]],
    documents: list[dict[str, Any]],
    options: dict[str, Any],
    doc_ids: pa.ChunkedArray,
    runner: Runner | None,
) -> list[list[Item]]:
    if metric.runs_code:
        options = options | {"run": runner}

    def items_of(row: int) -> list[Item]:
        texts = [_as_text(value) for value in answers[row]]
        own = {"document": documents[row]} if metric.with_document else {}
        try:
            return [
                metric.function(given, references[row], **options, **own)
                for given in ([texts] if metric.all_samples else texts)
            ]
        except UserError as error:
            raise UserError(f"document {doc_ids[row]}: {error}") from error
        except Exception as error:
            if not is_own(metric):
                raise
            raise UserError(
                f"document {doc_ids[row]}: metric {metric.name} failed: {type(error).__name__}: {error}"
            ) from error

    each = (
        runner.map if runner and metric.runs_code else map
    )  # without programs in this thread, where time limits hold
    return list(each(items_of, range(len(answers))))


# rows


def _aggregation(scored: Scored, settings: Settings, names: set[str]) -> Aggregation:
    """Raises UserError where it would be that of another function than the one that gave the scores; the table of scores does not tell."""
    found = registry.aggregation_of(scored.metric, settings, names)
    own = registry.aggregation_of(scored.source, settings, names) if scored.source else found
    if (own.name, own.higher_is_better) != (found.name, found.higher_is_better):
        raise UserError(
            f"metric {scored.metric}: {scored.source} gives it, and another function of metric_list gives scores of other names too; "
            "give both items the same aggregation and higher_is_better, or make two tasks"
        )
    return found


def _rows(
    scored: Scored, requests: pa.Table, models: pa.ChunkedArray, aggregation: Aggregation
) -> pa.Table:
    """The rows of one metric after one pipeline."""
    counts = (
        np.array([len(items) for items in scored.items])
        if not isinstance(scored.items, np.ndarray)
        else np.ones(len(scored.items), int)
    )
    rows = pa.array(np.flatnonzero(counts))
    items = (
        scored.items
        if isinstance(scored.items, np.ndarray)
        else [item for items in scored.items for item in items]
    )
    try:
        value, statistics, item = columns(aggregation, items, counts[counts > 0], scored.value)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"metric {scored.metric}: aggregation {aggregation.name} cannot take its values ({error}); mend metric_list"
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


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _flat(column: pa.ChunkedArray) -> np.ndarray:
    """The values of a list column, one document after the other."""
    return column.combine_chunks().flatten().to_numpy(zero_copy_only=False)


def _told(column: pa.ChunkedArray) -> np.ndarray | None:
    """`_flat`, or None where every list is empty: of recorded answers, which do not tell."""
    return flat if len(flat := _flat(column)) else None


def _starts(column: pa.ChunkedArray) -> np.ndarray:
    """Where each document's values begin in `_flat`, and their number at the end."""
    return np.concatenate([[0], np.cumsum(pc.list_value_length(column).to_numpy())])


def _summed(column: pa.ChunkedArray) -> np.ndarray:
    """Sums of a list column per document; 0 of an empty list."""
    lengths = pc.list_value_length(column).to_numpy()
    return np.bincount(
        np.repeat(np.arange(len(lengths)), lengths), weights=_flat(column), minlength=len(lengths)
    )

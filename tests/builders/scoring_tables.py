"""Small tables for the tests of scoring."""

from dataclasses import replace
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.compute as pc

from snakeval.metrics import aggregation
from snakeval.schemas.model import RESPONSES
from snakeval.schemas.task import REQUESTS
from snakeval.scoring.score import score_task
from snakeval.scoring.task_metrics import resolve
from snakeval.tasks.scoring_settings import ScoringSettings

EMPTY_REQUEST = {
    "task": "t",
    "preamble": [],
    "questions": ["q"],
    "question_delimiter": "",
    "gen_prefix": None,
    "continuations": [],
    "target_delimiter": " ",
    "chat_target_delimiter": "",
    "choices": [],
    "gold": [],
    "references": [],
    "segments": [],
    "generation": None,
    "cluster": None,
    "document": "{}",
}
EMPTY_RESPONSE = {
    "model": "m",
    "task": "t",
    "loglikelihoods": [],
    "greedy": [],
    "n_tokens": [],
    "texts": [],
    "finish_reasons": [],
}


def tables(kind, documents):
    """Requests and responses of documents given as (request columns, response columns)."""
    requests = [
        EMPTY_REQUEST | {"doc_id": i, "kind": kind} | request
        for i, (request, _) in enumerate(documents)
    ]
    responses = [
        EMPTY_RESPONSE | {"doc_id": i, "kind": kind} | response
        for i, (_, response) in enumerate(documents)
    ]
    return pa.Table.from_pylist(requests, schema=REQUESTS), pa.Table.from_pylist(
        responses, schema=RESPONSES
    )


def settings(kind, names, **more):
    """Scoring settings of task t; a name stands for an item of `metric_list`."""
    items = [{"metric": name} if isinstance(name, str) else name for name in names]
    return replace(ScoringSettings("t", kind, items), **more)


def scored(kind, documents, names, runner=None, **more):
    """The scores of documents given as (request columns, response columns)."""
    return score_task(*tables(kind, documents), settings(kind, names, **more), runner=runner)


def total(scores, scoring, metric, filter_name="none"):
    """The score of task t: what a metric's aggregation makes of its rows."""
    found = rows(scores, metric, filter_name)
    return aggregation.score(resolve(scoring).aggregation_of(metric), found)


def choice_document(choices, loglikelihoods, gold, greedy=None, n_tokens=None, unconditional=()):
    n = len(loglikelihoods) + len(unconditional)
    response = {
        "loglikelihoods": [*loglikelihoods, *unconditional],
        "greedy": (greedy or [False] * len(choices)) + [False] * len(unconditional),
        "n_tokens": n_tokens or [1] * n,
    }
    return {
        "choices": choices,
        "gold": gold,
        "references": [choices[g] for g in gold if 0 <= g < len(choices)],
    }, response


def target_document(loglikelihood, greedy):
    return {"continuations": [{"question": 0, "text": "x"}], "references": ["x"]}, {
        "loglikelihoods": [loglikelihood],
        "greedy": [greedy],
        "n_tokens": [1],
    }


def generated(texts, references, **request):
    return {"references": references} | request, {
        "texts": texts,
        "n_tokens": [1] * len(texts),
        "finish_reasons": ["stop"] * len(texts),
    }


def values(scores, metric, filter_name="none"):
    return rows(scores, metric, filter_name)["value"].to_pylist()


def rows(scores, metric, filter_name="none"):
    return scores.filter((pc.field("metric") == metric) & (pc.field("filter") == filter_name))


def replaced(table, **columns):
    for name, column in columns.items():
        index = table.schema.get_field_index(name)
        table = table.set_column(
            index,
            table.schema.field(name),
            pa.array(column) if not isinstance(column, pa.Array) else column,
        )
    return table


def of_lm_eval(kind, document, results, names, choices=None, gold=None, several=0):
    """What lm-eval's own process_results gives for one document."""
    from lm_eval.api.metrics import exact_match_fn
    from lm_eval.api.task import ConfigurableTask

    task = SimpleNamespace(
        OUTPUT_TYPE=kind,
        config=SimpleNamespace(
            process_results=None, doc_to_choice=None if kind == "generate_until" else "choices"
        ),
        _metric_fn_list=dict.fromkeys(names, exact_match_fn),
        _metric_fn_kwargs={name: {} for name in names},
        multiple_input=0,
        multiple_target=several,
        doc_to_choice=lambda _: choices,
        doc_to_target=lambda _: gold,
        count_words=ConfigurableTask.count_words
        if hasattr(ConfigurableTask, "count_words")
        else None,
    )
    return ConfigurableTask.process_results(task, document, results)


GSM8K = [
    {
        "name": "strict",
        "filter": [
            {"function": "regex", "regex_pattern": r"#### (\-?[0-9\.\,]+)"},
            {"function": "take_first"},
        ],
    },
    {
        "name": "flexible",
        "filter": [
            {
                "function": "regex",
                "group_select": -1,
                "regex_pattern": r"(-?[$0-9.,]{2,})|(-?[0-9]+)",
            }
        ],
    },
]

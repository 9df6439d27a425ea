import json
import math
import random
import time
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakeval import metrics, parquet
from snakeval.errors import UserError
from snakeval.schemas import REQUESTS, RESPONSES, SCORES
from snakeval.scoring import chance, score

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
EMPTY_RESPONSE = {"model": "m", "task": "t", "loglikelihoods": [], "greedy": [], "n_tokens": [], "texts": [], "finish_reasons": []}


def tables(kind, documents):
    """Requests and responses of documents given as (request columns, response columns)."""
    requests = [EMPTY_REQUEST | {"doc_id": i, "kind": kind} | request for i, (request, _) in enumerate(documents)]
    responses = [EMPTY_RESPONSE | {"doc_id": i, "kind": kind} | response for i, (_, response) in enumerate(documents)]
    return pa.Table.from_pylist(requests, schema=REQUESTS), pa.Table.from_pylist(responses, schema=RESPONSES)


def settings(kind, names, **more):
    entries = [{"metric": name} if isinstance(name, str) else name for name in names]
    return {"task": "t", "output_type": kind, "metric_list": entries, "filter_list": None, "process_results": None} | more


def choice_document(choices, loglikelihoods, gold, greedy=None, n_tokens=None, unconditional=()):
    n = len(loglikelihoods) + len(unconditional)
    response = {
        "loglikelihoods": [*loglikelihoods, *unconditional],
        "greedy": (greedy or [False] * len(choices)) + [False] * len(unconditional),
        "n_tokens": n_tokens or [1] * n,
    }
    return {"choices": choices, "gold": gold, "references": [choices[g] for g in gold if 0 <= g < len(choices)]}, response


def generated(texts, references, **request):
    return {"references": references} | request, {"texts": texts, "n_tokens": [1] * len(texts), "finish_reasons": ["stop"] * len(texts)}


def values(scores, metric, filter_name="none"):
    return [row["value"] for row in scores.to_pylist() if row["metric"] == metric and row["filter"] == filter_name]


def rows(scores, metric, filter_name="none"):
    return scores.filter([row["metric"] == metric and row["filter"] == filter_name for row in scores.to_pylist()])


def of_lm_eval(kind, document, results, names, choices=None, gold=None, several=0):
    """What lm-eval's own process_results gives for one document."""
    from lm_eval.api.metrics import exact_match_fn
    from lm_eval.api.task import ConfigurableTask

    task = SimpleNamespace(
        OUTPUT_TYPE=kind,
        config=SimpleNamespace(process_results=None, doc_to_choice=None if kind == "generate_until" else "choices"),
        _metric_fn_list=dict.fromkeys(names, exact_match_fn),
        _metric_fn_kwargs={name: {} for name in names},
        multiple_input=0,
        multiple_target=several,
        doc_to_choice=lambda _: choices,
        doc_to_target=lambda _: gold,
        count_words=ConfigurableTask.count_words if hasattr(ConfigurableTask, "count_words") else None,
    )
    return ConfigurableTask.process_results(task, document, results)


# multiple choice

CHOICE_METRICS = ["acc", "acc_norm", "acc_bytes", "exact_match", "acc_mutual_info", "brier_score", "likelihood", "mcc"]


def random_choices(rng, n, k, several=False):
    documents = []
    for _ in range(n):
        choices = [rng.choice("aäß漢🙂xyz") * rng.randint(1, 5) + str(i) for i in range(k)]
        loglikelihoods = [round(-rng.random() * 9, rng.choice([0, 3])) for _ in range(k)]
        gold = sorted(rng.sample(range(k), 2)) if several else [rng.randrange(k)]
        greedy = [rng.random() < 0.3 for _ in range(k)]
        documents.append(choice_document(choices, loglikelihoods, gold, greedy, unconditional=[-rng.random() * 9 for _ in range(k)]))
    return documents


def test_choices_score_as_in_lm_eval():
    documents = random_choices(random.Random(0), 200, 4)
    scores = score(*tables("multiple_choice", documents), settings("multiple_choice", CHOICE_METRICS))
    for d, (request, response) in enumerate(documents):
        results = list(zip(response["loglikelihoods"], response["greedy"], strict=True))
        wanted = of_lm_eval("multiple_choice", {}, results, CHOICE_METRICS, request["choices"], request["gold"][0])
        for name in ("acc", "acc_norm", "acc_bytes", "exact_match", "acc_mutual_info"):
            assert values(scores, name)[d] == wanted[name], (d, name)
        gold, probabilities = wanted["brier_score"]
        onehot = np.eye(4)[gold]
        assert values(scores, "brier_score")[d] == pytest.approx(np.sum((probabilities - onehot) ** 2), abs=1e-12)
        assert values(scores, "likelihood")[d] == pytest.approx(probabilities[gold], abs=1e-12)


def test_several_right_choices_score_as_in_lm_eval():
    documents = random_choices(random.Random(1), 100, 5, several=True)
    names = ["acc", "acc_norm", "acc_bytes", "exact_match"]
    scores = score(
        *tables("multiple_choice", [(q, {k: v[:5] for k, v in r.items()}) for q, r in documents]), settings("multiple_choice", names)
    )
    for d, (request, response) in enumerate(documents):
        results = list(zip(response["loglikelihoods"], response["greedy"], strict=True))[:5]
        wanted = of_lm_eval("multiple_choice", {}, results, names, request["choices"], request["gold"], several=2)
        assert {name: values(scores, name)[d] for name in names} == wanted


@given(
    st.lists(
        st.lists(st.tuples(st.text(min_size=1, max_size=5), st.sampled_from([0.0, -1.0, -1.5, -2.0, -math.inf])), min_size=1, max_size=5),
        min_size=1,
        max_size=6,
    )
)
def test_the_first_of_equal_choices_is_chosen(documents):
    given_ = [
        choice_document([c for c, _ in choices], [ll for _, ll in choices], [0], n_tokens=[2] * len(choices)) for choices in documents
    ]
    scores = score(*tables("multiple_choice", given_), settings("multiple_choice", ["acc", "acc_norm", "acc_bytes", "acc_tokens"]))
    lengths = {"acc": lambda c: 1, "acc_norm": len, "acc_bytes": lambda c: len(c.encode()), "acc_tokens": lambda c: 2}
    for metric, length in lengths.items():
        chosen = [int(np.argmax([ll / length(c) for c, ll in choices])) for choices in documents]
        assert values(scores, metric) == [float(i == 0) for i in chosen]
        assert rows(scores, metric)["prediction"].to_pylist() == [choices[i][0] for choices, i in zip(documents, chosen, strict=True)]


def test_normalisation_by_tokens():
    document = choice_document(["a", "b"], [-2.0, -3.0], [1], n_tokens=[1, 2])
    scores = score(*tables("multiple_choice", [document]), settings("multiple_choice", ["acc", "acc_tokens"]))
    assert values(scores, "acc") == [0.0] and values(scores, "acc_tokens") == [1.0]


def test_a_right_choice_that_is_not_there_is_never_chosen():
    documents = [choice_document(["a", "b"], [-1.0, -2.0], [-100]), choice_document(["a", "b"], [-1.0, -2.0], [5])]
    scores = score(*tables("multiple_choice", documents), settings("multiple_choice", ["acc", "exact_match", "brier_score"]))
    assert values(scores, "acc") == values(scores, "exact_match") == [0.0, 0.0]
    assert values(scores, "brier_score") == pytest.approx([np.sum(np.square(np.exp([-1, -2]) / np.exp([-1, -2]).sum()))] * 2)


def test_references_name_the_right_choice_where_gold_does_not():
    request, response = choice_document(["a", "b"], [-2.0, -1.0], [])
    scores = score(*tables("multiple_choice", [(request | {"references": ["b"]}, response)]), settings("multiple_choice", ["acc"]))
    assert values(scores, "acc") == [1.0]


def test_documents_with_different_numbers_of_choices():
    documents = [choice_document(["a"], [-5.0], [0]), choice_document(list("abc"), [-3.0, -1.0, -2.0], [1])]
    requests, responses = tables("multiple_choice", documents)
    assert values(score(requests, responses, settings("multiple_choice", ["acc"])), "acc") == [1.0, 1.0]
    assert chance(requests) == pytest.approx((1 + 1 / 3) / 2)


def test_classification_of_choices_against_scikit_learn():
    from sklearn import metrics as sklearn

    rng = np.random.default_rng(0)
    loglikelihoods, gold = rng.normal(size=(300, 2)), rng.integers(0, 2, 300)
    documents = [choice_document(["no", "yes"], ll.tolist(), [int(g)]) for ll, g in zip(loglikelihoods, gold, strict=True)]
    entries = ["f1", "mcc", "balanced_accuracy", "precision", "recall", {"metric": "f1", "average": "macro"}]
    predicted = loglikelihoods.argmax(1)
    wanted = {
        "f1": sklearn.f1_score(gold, predicted),
        "mcc": sklearn.matthews_corrcoef(gold, predicted),
        "balanced_accuracy": sklearn.balanced_accuracy_score(gold, predicted),
        "precision": sklearn.precision_score(gold, predicted),
        "recall": sklearn.recall_score(gold, predicted),
    }
    scoring = settings("multiple_choice", entries[:-1])
    scores = score(*tables("multiple_choice", documents), scoring)
    for name, value in wanted.items():
        assert metrics.score(metrics.aggregation_of(name, scoring), rows(scores, name)) == pytest.approx(value, abs=1e-12)
        assert values(scores, name) == [None] * 300
    scoring = settings("multiple_choice", entries[-1:])
    scores = score(*tables("multiple_choice", documents), scoring)
    macro = metrics.score(metrics.aggregation_of("f1", scoring), rows(scores, "f1"))
    assert macro == pytest.approx(sklearn.f1_score(gold, predicted, average="macro"), abs=1e-12)


def test_a_hundred_thousand_documents_in_about_a_second():
    n, rng = 100_000, np.random.default_rng(0)
    requests, responses = tables("multiple_choice", [choice_document(list("abcd"), [-1.0, -2.0, -3.0, -4.0], [1])] * 2)
    requests, responses = (pa.concat_tables([table] * (n // 2)).combine_chunks() for table in (requests, responses))
    number = requests.schema.get_field_index("doc_id")
    requests, responses = (
        table.set_column(table.schema.get_field_index("doc_id"), table.schema.field("doc_id"), pa.array(np.arange(n)))
        for table in (requests, responses)
    )
    assert number >= 0
    loglikelihoods = pa.ListArray.from_arrays(np.arange(n + 1, dtype=np.int32) * 4, rng.normal(size=4 * n))
    responses = responses.set_column(3 + 1, RESPONSES.field("loglikelihoods"), loglikelihoods)
    start = time.process_time()
    scores = score(requests, responses, settings("multiple_choice", ["acc", "acc_norm"]))
    seconds = time.process_time() - start
    assert scores.num_rows == 2 * n
    assert np.mean(values(scores, "acc")) == pytest.approx(0.25, abs=0.01)
    assert seconds < 5  # about 1 on an idle core

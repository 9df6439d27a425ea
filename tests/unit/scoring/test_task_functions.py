"""Scores by Python of a task: its functions, its filters, metrics of `evaluate`."""

import json

import pytest
from builders.scoring_tables import (
    choice_document,
    generated,
    rows,
    scored,
    settings,
    tables,
    total,
    values,
)

from snakeval.errors import UserError
from snakeval.metrics import aggregation
from snakeval.scoring.score import score_task
from snakeval.scoring.task_metrics import resolve

MODULE = """
def process(doc, results):
    if "fail" in doc: raise KeyError("answer")
    values = {"own": float(results[0] == doc["answer"]), "pair": (doc["answer"], results[0])}
    return values if doc["answer"] != "c" else {"own": 0.0}

def choices(doc, results):
    return {"margin": results[0][0] - results[1][0], "greedy": results[1][1]}

def share(items):
    return sum(gold == answer for gold, answer in items) / len(items)

def same(references, predictions, scale=1):
    return scale * float(references[0] == predictions[0])

def several(references, predictions):
    return {"first": 1.0, "sized": float(len(predictions[0]))}

def more(references, predictions):
    return {"third": 3.0}

def first(references, predictions):
    return 1.0

def passthrough(items):
    return items

class Shout:
    def __init__(self, mark="!"): self.mark = mark
    def apply(self, resps, docs):
        return [[r + self.mark if r else "[invalid]" for r in inst] for inst in resps]

def reverse(resps, docs):
    return [[r[::-1] for r in inst] for inst in resps]
"""


@pytest.fixture
def own(tmp_path):
    """A function from the name of a function in the task's module to its `!function`."""
    (tmp_path / "code.py").write_text(MODULE)
    file = str(tmp_path / "task.yaml")
    return lambda name: {"!function": f"code.{name}", "file": file, "digest": None}


def documents_of(answers):
    return [
        generated([answer], ["b"], document=json.dumps({"answer": right}))
        for answer, right in answers
    ]


def test_process_results_and_an_own_aggregation(own):
    items = [
        {"metric": "own", "aggregation": "mean"},
        {"metric": "pair", "aggregation": own("share")},
    ]
    scoring = settings("generate_until", items, process_results=own("process"))
    documents = documents_of([("b", "b"), ("x", "b"), ("c", "c")])
    scores = score_task(*tables("generate_until", documents), scoring)
    assert values(scores, "own") == [1, 0, 0]
    pairs = rows(scores, "pair")
    assert pairs["doc_id"].to_pylist() == [0, 1]  # the third document gave none
    assert [json.loads(item) for item in pairs["item"].to_pylist()] == [["b", "b"], ["b", "x"]]
    assert total(scores, scoring, "pair") == 0.5


def test_process_results_of_choices_gets_pairs(own):
    documents = [choice_document(["a", "b"], [-1.0, -3.0], [0], [True, False])]
    scores = scored("multiple_choice", documents, [], process_results=own("choices"))
    assert values(scores, "margin") == [2.0] and values(scores, "greedy") == [0.0]


def test_scores_of_one_name_from_two_functions_are_an_error(own):
    """They would count every document twice."""
    items = [{"metric": own("several")}, {"metric": own("first")}]
    message = r"metric first: two items of metric_list give scores of this name \(filter none\)"
    with pytest.raises(UserError, match=message):
        scored("generate_until", [generated(["a"], ["a"])], items)


def test_own_metrics_of_all_shapes(own):
    items = [
        {"metric": own("same"), "scale": 3, "aggregation": "mean", "higher_is_better": False},
        {"metric": own("several"), "aggregation": "mean"},
        {"metric": own("passthrough"), "aggregation": own("share")},
    ]
    scoring = settings("generate_until", items)
    scores = score_task(*tables("generate_until", documents_of([("b", "b"), ("xx", "b")])), scoring)
    assert values(scores, "same") == [3, 0] and values(scores, "sized") == [1, 2]
    assert not resolve(scoring).aggregation_of("same").higher_is_better
    assert total(scores, scoring, "passthrough") == 0.5


def test_several_values_of_a_function_take_its_aggregation_and_direction(own):
    items = [
        {"metric": own("same"), "aggregation": "mean", "higher_is_better": False},
        {"metric": own("several"), "aggregation": "median"},
    ]
    documents = documents_of([("b", "b"), ("xx", "b"), ("xxxxxx", "b")])
    scores = scored("generate_until", documents, items)
    metrics = resolve(settings("generate_until", items))
    found = metrics.aggregation_of("sized", {"same", "first", "sized"})
    assert (found.name, found.higher_is_better) == ("median", True)
    assert aggregation.score(found, rows(scores, "sized")) == 2


def test_values_of_other_names_from_two_functions_must_be_aggregated_alike(own):
    items = [
        {"metric": own("several"), "aggregation": "median"},
        {"metric": own("more"), "aggregation": "mean"},
    ]
    documents = [generated(["a"], ["a"])]
    message = "metric third: more gives it, and another function of metric_list gives scores of"
    with pytest.raises(UserError, match=message):
        scored("generate_until", documents, items)
    items[1]["aggregation"] = "median"
    scores = scored("generate_until", documents, items)
    assert set(scores["metric"].to_pylist()) == {"first", "sized", "third"}


def test_own_functions_get_the_list_where_filters_leave_one(own):
    documents = [generated(["ab", "c", "d"], ["b"], document='{"answer": "b"}')]
    for pipeline, sizes in ((None, (2 + 1 + 1) / 3), ([], 3), ([{"function": "take_first"}], 2)):
        how = None if pipeline is None else [{"name": "none", "filter": pipeline}]
        scores = scored("generate_until", documents, [{"metric": own("several")}], filter_list=how)
        assert values(scores, "sized") == [pytest.approx(sizes)]
    items, process = [{"metric": "pair", "aggregation": own("share")}], own("process")
    with pytest.raises(UserError, match="several answers of a document cannot be averaged"):
        scored("generate_until", documents, items, process_results=process)
    how = [{"name": "none", "filter": []}]
    scores = scored("generate_until", documents, items, process_results=process, filter_list=how)
    (item,) = rows(scores, "pair")["item"].to_pylist()
    assert json.loads(item) == ["b", ["ab", "c", "d"]]


def test_own_metrics_take_the_best_of_several_references(own):
    documents = [generated(["b"], ["a", "b"])]
    assert values(scored("generate_until", documents, [{"metric": own("same")}]), "same") == [1]
    with pytest.raises(UserError, match="2 references"):
        scored("generate_until", documents, [{"metric": own("passthrough")}])


def test_own_filters(own):
    shout = [{"function": own("Shout"), "mark": "?"}, {"function": "take_first"}]
    reverse = [{"function": "custom", "filter_fn": own("reverse")}]
    pipelines = [{"name": "shout", "filter": shout}, {"name": "reverse", "filter": reverse}]
    documents = [generated(["ab"], ["ab?"]), generated([""], ["x"])]
    scores = scored("generate_until", documents, ["exact_match"], filter_list=pipelines)
    assert values(scores, "exact_match", "shout") == [1, 0]
    assert rows(scores, "exact_match", "shout")["extracted"].to_pylist() == [True, False]
    assert rows(scores, "exact_match", "reverse")["prediction"].to_pylist() == ["ba", ""]


def test_own_python_is_refused_unless_allowed(own):
    scoring = settings("generate_until", [], process_results=own("process"))
    documents = tables("generate_until", documents_of([("b", "b")]))
    with pytest.raises(UserError, match="allow_functions: true"):
        score_task(*documents, scoring, allow_functions=False)


def test_an_own_function_that_fails_is_named_with_its_document(own):
    documents = [generated(["b"], ["b"], document='{"fail": 1}')]
    message = r"t: document 0: !function code.process fails: KeyError: 'answer'"
    with pytest.raises(UserError, match=message):
        scored("generate_until", documents, [], process_results=own("process"))


EVALUATE_METRIC = """
import datasets
import evaluate

class Longer(evaluate.Metric):
    def _info(self):
        text = datasets.Value("string")
        features = datasets.Features({"predictions": text, "references": text})
        return evaluate.MetricInfo(description="", citation="", features=features)
    def _compute(self, predictions, references, by=0):
        return {"longer": float(len(predictions[0]) > len(references[0]) + by)}
"""


def test_metrics_of_evaluate_from_a_folder(tmp_path):
    folder = tmp_path / "longer"
    folder.mkdir()
    (folder / "longer.py").write_text(EVALUATE_METRIC)
    documents = [generated(["abc"], ["a"]), generated(["ab"], ["a"])]
    item = {"metric": str(folder), "hf_evaluate": True, "by": 1}
    assert values(scored("generate_until", documents, [item]), "longer") == [1, 0]


def test_a_metric_of_evaluate_that_is_not_here_is_not_downloaded():
    item = {"metric": "no_such_metric_xyz", "hf_evaluate": True}
    with pytest.raises(UserError, match=r"no_such_metric_xyz.*downloads nothing"):
        scored("generate_until", [generated(["a"], ["a"])], [item])

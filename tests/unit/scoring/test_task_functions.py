import hashlib
import json

import pytest
from builders.scoring_tables import choice_document, generated, rows, settings, tables, values

from snakeval.errors import UserError
from snakeval.metrics import aggregation, registry
from snakeval.scoring.score import score_task

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
    def apply(self, resps, docs): return [[r + self.mark if r else "[invalid]" for r in inst] for inst in resps]

def reverse(resps, docs):
    return [[r[::-1] for r in inst] for inst in resps]
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "code.py").write_text(MODULE)
    return lambda name: {
        "!function": f"code.{name}",
        "file": str(tmp_path / "task.yaml"),
        "digest": None,
    }


def documents_of(answers):
    return [
        generated([answer], ["b"], document=json.dumps({"answer": right}))
        for answer, right in answers
    ]


def test_process_results_and_an_own_aggregation(own):
    benchmarks = [
        {"metric": "own", "aggregation": "mean"},
        {"metric": "pair", "aggregation": own("share")},
    ]
    scoring = settings("generate_until", benchmarks, process_results=own("process"))
    scores = score_task(
        *tables("generate_until", documents_of([("b", "b"), ("x", "b"), ("c", "c")])), scoring
    )
    assert values(scores, "own") == [1, 0, 0]
    assert rows(scores, "pair")["doc_id"].to_pylist() == [0, 1]  # the third document gave none
    assert [json.loads(item) for item in rows(scores, "pair")["item"].to_pylist()] == [
        ["b", "b"],
        ["b", "x"],
    ]
    assert aggregation.score(registry.aggregation_of("pair", scoring), rows(scores, "pair")) == 0.5


def test_process_results_of_choices_gets_pairs(own):
    scoring = settings("multiple_choice", [], process_results=own("choices"))
    scores = score_task(
        *tables("multiple_choice", [choice_document(["a", "b"], [-1.0, -3.0], [0], [True, False])]),
        scoring,
    )
    assert values(scores, "margin") == [2.0] and values(scores, "greedy") == [0.0]


def test_scores_of_one_name_from_two_functions_are_an_error(own):
    """They would count every document twice."""
    benchmarks = [{"metric": own("several")}, {"metric": own("first")}]
    with pytest.raises(
        UserError,
        match=r"metric first: two items of metric_list give scores of this name \(filter none\); rename one",
    ):
        score_task(
            *tables("generate_until", [generated(["a"], ["a"])]),
            settings("generate_until", benchmarks),
        )


def test_own_metrics_of_all_shapes(own):
    benchmarks = [
        {"metric": own("same"), "scale": 3, "aggregation": "mean", "higher_is_better": False},
        {"metric": own("several"), "aggregation": "mean"},
        {"metric": own("passthrough"), "aggregation": own("share")},
    ]
    scoring = settings("generate_until", benchmarks)
    scores = score_task(*tables("generate_until", documents_of([("b", "b"), ("xx", "b")])), scoring)
    assert values(scores, "same") == [3, 0] and values(scores, "sized") == [1, 2]
    assert not registry.aggregation_of("same", scoring).higher_is_better
    assert (
        aggregation.score(
            registry.aggregation_of("passthrough", scoring), rows(scores, "passthrough")
        )
        == 0.5
    )


def test_several_values_of_a_function_take_its_aggregation_and_direction(own):
    benchmarks = [
        {"metric": own("same"), "aggregation": "mean", "higher_is_better": False},
        {"metric": own("several"), "aggregation": "median"},
    ]
    scoring = settings("generate_until", benchmarks)
    scores = score_task(
        *tables("generate_until", documents_of([("b", "b"), ("xx", "b"), ("xxxxxx", "b")])), scoring
    )
    found = registry.aggregation_of("sized", scoring, {"same", "first", "sized"})
    assert (
        found.name,
        found.higher_is_better,
        aggregation.score(found, rows(scores, "sized")),
    ) == ("median", True, 2)


def test_values_of_other_names_from_two_functions_must_be_aggregated_alike(own):
    benchmarks = [
        {"metric": own("several"), "aggregation": "median"},
        {"metric": own("more"), "aggregation": "mean"},
    ]
    with pytest.raises(
        UserError,
        match="metric third: more gives it, and another function of metric_list gives scores of other names too",
    ):
        score_task(
            *tables("generate_until", [generated(["a"], ["a"])]),
            settings("generate_until", benchmarks),
        )
    benchmarks[1]["aggregation"] = "median"
    scores = score_task(
        *tables("generate_until", [generated(["a"], ["a"])]), settings("generate_until", benchmarks)
    )
    assert set(scores["metric"].to_pylist()) == {"first", "sized", "third"}


def test_own_functions_get_the_list_where_filters_leave_one(own):
    document = generated(["ab", "c", "d"], ["b"], document='{"answer": "b"}')
    for pipeline, sizes in ((None, (2 + 1 + 1) / 3), ([], 3), ([{"function": "take_first"}], 2)):
        how = None if pipeline is None else [{"name": "none", "filter": pipeline}]
        scores = score_task(
            *tables("generate_until", [document]),
            settings("generate_until", [{"metric": own("several")}], filter_list=how),
        )
        assert values(scores, "sized") == [pytest.approx(sizes)]
    scoring = settings(
        "generate_until",
        [{"metric": "pair", "aggregation": own("share")}],
        process_results=own("process"),
    )
    with pytest.raises(UserError, match="several answers of a document cannot be averaged"):
        score_task(*tables("generate_until", [document]), scoring)
    scoring["filter_list"] = [{"name": "none", "filter": []}]
    assert json.loads(
        rows(score_task(*tables("generate_until", [document]), scoring), "pair")["item"][0].as_py()
    ) == ["b", ["ab", "c", "d"]]


def test_own_metrics_take_the_best_of_several_references(own):
    scoring = settings("generate_until", [{"metric": own("same")}])
    assert values(
        score_task(*tables("generate_until", [generated(["b"], ["a", "b"])]), scoring), "same"
    ) == [1]
    scoring = settings("generate_until", [{"metric": own("passthrough")}])
    with pytest.raises(UserError, match="2 references"):
        score_task(*tables("generate_until", [generated(["b"], ["a", "b"])]), scoring)


def test_own_filters(own):
    pipelines = [
        {
            "name": "shout",
            "filter": [{"function": own("Shout"), "mark": "?"}, {"function": "take_first"}],
        },
        {"name": "reverse", "filter": [{"function": "custom", "filter_fn": own("reverse")}]},
    ]
    documents = [generated(["ab"], ["ab?"]), generated([""], ["x"])]
    scores = score_task(
        *tables("generate_until", documents),
        settings("generate_until", ["exact_match"], filter_list=pipelines),
    )
    assert values(scores, "exact_match", "shout") == [1, 0]
    assert rows(scores, "exact_match", "shout")["extracted"].to_pylist() == [True, False]
    assert rows(scores, "exact_match", "reverse")["prediction"].to_pylist() == ["ba", ""]


def test_own_python_is_refused_unless_allowed(own):
    scoring = settings("generate_until", [], process_results=own("process"))
    with pytest.raises(UserError, match="allow_functions: true"):
        score_task(
            *tables("generate_until", documents_of([("b", "b")])), scoring, allow_functions=False
        )


def test_an_own_function_that_fails_is_named_with_its_document(own):
    scoring = settings("generate_until", [], process_results=own("process"))
    with pytest.raises(
        UserError, match=r"t: document 0: !function code.process failed: KeyError: 'answer'"
    ):
        score_task(
            *tables("generate_until", [generated(["b"], ["b"], document='{"fail": 1}')]), scoring
        )


def test_metrics_of_the_users_own_file(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from snakeval.metrics.registry import Metric\n"
        "def same_start(prediction, references, letters=1):\n"
        "    return float(any(prediction[:letters] == reference[:letters] for reference in references))\n"
        'METRIC = Metric("same_start", "generate_until", same_start, proportion=True)\n'
    )
    digest = hashlib.sha256((tmp_path / "mine.py").read_bytes()).hexdigest()
    files = [{"file": str(tmp_path / "mine.py"), "digest": digest}]
    scoring = settings("generate_until", [{"metric": "same_start", "letters": 2}], extensions=files)
    assert values(
        score_task(
            *tables("generate_until", [generated(["abc"], ["abd"]), generated(["abc"], ["acd"])]),
            scoring,
        ),
        "same_start",
    ) == [
        1,
        0,
    ]
    assert registry.aggregation_of("same_start", scoring).proportion


@pytest.mark.parametrize(
    ("name", "content", "digest", "message"),
    [
        ("mine.py", "x = 1", None, "defines no metric"),
        ("mine.py", "x = ", None, "cannot be imported: SyntaxError"),
        ("mine.py", "x = 2", "0", "changed since the run was planned"),
        ("mine.txt", "x = 1", None, "no Python file by its name"),
    ],
)
def test_a_file_of_metrics_must_hold_some(tmp_path, name, content, digest, message):
    path = tmp_path / name
    path.write_text(content)
    files = [{"file": str(path), "digest": digest or hashlib.sha256(path.read_bytes()).hexdigest()}]
    with pytest.raises(UserError, match=message):
        score_task(
            *tables("generate_until", [generated(["a"], ["a"])]),
            settings("generate_until", ["exact_match"], extensions=files),
        )


def test_metrics_of_evaluate_from_a_folder(tmp_path):
    folder = tmp_path / "longer"
    folder.mkdir()
    (folder / "longer.py").write_text(
        "import datasets\nimport evaluate\n"
        "class Longer(evaluate.Metric):\n"
        "    def _info(self):\n"
        "        features = datasets.Features({'predictions': datasets.Value('string'), 'references': datasets.Value('string')})\n"
        "        return evaluate.MetricInfo(description='', citation='', features=features)\n"
        "    def _compute(self, predictions, references, by=0):\n"
        "        return {'longer': float(len(predictions[0]) > len(references[0]) + by)}\n"
    )
    scoring = settings("generate_until", [{"metric": str(folder), "hf_evaluate": True, "by": 1}])
    scores = score_task(
        *tables("generate_until", [generated(["abc"], ["a"]), generated(["ab"], ["a"])]), scoring
    )
    assert values(scores, "longer") == [1, 0]


def test_a_metric_of_evaluate_that_is_not_here_is_not_downloaded():
    scoring = settings("generate_until", [{"metric": "no_such_metric_xyz", "hf_evaluate": True}])
    with pytest.raises(UserError, match=r"no_such_metric_xyz.*downloads nothing"):
        score_task(*tables("generate_until", [generated(["a"], ["a"])]), scoring)

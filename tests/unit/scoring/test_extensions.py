"""Metrics, aggregations and filters of the user's own files."""

import pytest
from builders.scoring_tables import generated, rows, scored, settings, total, values

from snakeval.errors import UserError
from snakeval.files import extensions
from snakeval.scoring.task_metrics import resolve

OWN = """
from snakeval.metrics.aggregation import Aggregation
from snakeval.metrics.metric import Metric, MetricFamily
from snakeval.scoring.filters.answers import each_text

def same_start(prediction, references, letters=1):
    return float(any(prediction[:letters] == text[:letters] for text in references))

def fails(prediction, references):
    raise KeyError("x")

def first(number):
    return Metric(f"first_{number}", "generate_until", lambda p, r: same_start(p, r, number))

def at_least(share=1.0, **_):
    good = lambda items: float(sum(items) / len(items) >= share)
    return Aggregation("at_least", "items", of_items=good)

def reversed_text(answers, documents):
    return each_text(answers, documents, lambda text: text[::-1])

def broken(answers, documents, how):
    return {"raise": 1 / 0} if how == "raise" else None

METRICS = (
    Metric("same_start", "generate_until", same_start, proportion=True),
    Metric("fails", "generate_until", fails),
    Metric("exact_match", "generate_until", lambda prediction, references: 0.25),
    MetricFamily("first_K", "generate_until", first),
)
AGGREGATIONS = {"at_least": at_least}
FILTERS = {"reversed": reversed_text, "broken": broken}
"""
DOCUMENTS = [generated(["abc"], ["abd"]), generated(["abc"], ["acd"])]


@pytest.fixture
def own(tmp_path):
    """A function that writes an extension and gives it as settings have it."""

    def write(text=OWN):
        (tmp_path / "mine.py").write_text(text)
        return extensions.signed([str(tmp_path)], "my.yaml")

    return write


def test_a_metric_with_options_goes_before_the_librarys(own):
    items = [{"metric": "same_start", "letters": 2}, "exact_match", "first_1"]
    scores = scored("generate_until", DOCUMENTS, items, extensions=own())
    assert values(scores, "same_start") == [1, 0]
    assert values(scores, "exact_match") == [0.25, 0.25]
    assert values(scores, "first_1") == [1, 1]
    scoring = settings("generate_until", items, extensions=own())
    assert resolve(scoring).aggregation_of("same_start").proportion


def test_a_metric_is_the_one_that_a_family_builds_on(own):
    item = {"metric": "pass@1", "of": "same_start", "letters": 2}
    scores = scored("generate_until", DOCUMENTS, [item], extensions=own())
    assert values(scores, "pass@1") == [1, 0]


def test_an_aggregation_takes_options(own):
    item = {"metric": "length", "aggregation": "at_least"}
    scoring = settings("generate_until", [item], extensions=own())
    scores = scored("generate_until", DOCUMENTS, [item], extensions=own())
    assert total(scores, scoring, "length") == 1.0


def test_a_filter_is_named_in_a_pipeline(own):
    pipelines = [{"name": "back", "filter": [{"function": "reversed"}]}]
    scores = scored(
        "generate_until", DOCUMENTS, ["length"], extensions=own(), filter_list=pipelines
    )
    assert rows(scores, "length", "back")["prediction"].to_pylist() == ["cba", "cba"]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("raise", "back: filter broken: the function fails: ZeroDivisionError"),
        ("none", "back: filter broken: the function did not give the Answers of 2 documents"),
    ],
)
def test_a_filter_that_fails_is_named(own, how, message):
    pipelines = [{"name": "back", "filter": [{"function": "broken", "how": how}]}]
    with pytest.raises(UserError, match=message):
        scored("generate_until", DOCUMENTS, ["length"], extensions=own(), filter_list=pipelines)


def test_a_metric_that_fails_is_named_with_its_document(own):
    with pytest.raises(UserError, match="t: document 0: metric fails fails: KeyError: 'x'"):
        scored("generate_until", DOCUMENTS, ["fails"], extensions=own())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("METRICS = [1]", "METRICS is not a tuple of metrics"),
        ("AGGREGATIONS = [len]", "AGGREGATIONS is not a mapping of names to functions"),
        ("FILTERS = {'f': 'g'}", "FILTERS is not a mapping of names to functions"),
        (
            "from snakeval.metrics.metric import Metric\nMETRICS = (Metric('m', 'generate', len),)",
            "METRICS: m: 'generate' is not a kind of request",
        ),
        ("x = 1", "declares none of METRICS"),
    ],
)
def test_a_wrong_declaration_is_named_with_its_file(own, text, message):
    with pytest.raises(UserError, match=f"^t: .*mine.py: .*{message}"):
        scored("generate_until", DOCUMENTS, ["exact_match"], extensions=own(text))

"""What scoring refuses, and odd or hostile input that it takes."""

import math
import time

import pytest
from builders.scoring_tables import (
    GSM8K,
    choice_document,
    generated,
    replaced,
    scored,
    settings,
    tables,
    target_document,
    total,
    values,
)

from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.metrics import answers
from snakeval.schemas.model import SCORES
from snakeval.scoring.score import score_task


def test_rows_fit_the_schema_and_go_through_a_file(tmp_path):
    document = generated(["é🙂"], ["é🙂"], cluster="c")
    scores = scored("generate_until", [document], ["exact_match", "bleu"])
    parquet.write(scores, tmp_path / "s.parquet", SCORES)
    assert parquet.read(tmp_path / "s.parquet", SCORES).equals(scores)
    assert scores["cluster"].to_pylist() == ["c", "c"]


def test_the_order_of_rows_does_not_matter():
    documents = [generated([str(i % 3)], ["1"]) for i in range(9)]
    requests, responses = tables("generate_until", documents)
    items = ["exact_match", {"metric": "f1", "average": "macro"}]
    pipelines = [{"name": "none", "filter": [{"function": "take_first"}]}]
    scoring = settings("generate_until", items, filter_list=pipelines)
    shuffled = responses.take([8, 3, 1, 0, 2, 7, 6, 5, 4])
    assert score_task(requests.take(list(range(8, -1, -1))), shuffled, scoring).equals(
        score_task(requests, responses, scoring)
    )


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        ("multiple_choice", choice_document(["a", "b"], [-1.0, -2.0], [0])),
        ("loglikelihood", target_document(-1.0, True)),
        ("generate_until", generated(["a"], ["a"])),
    ],
)
def test_bypass_keeps_answers_without_a_score(kind, document):
    scoring = settings(kind, [{"metric": "bypass", "aggregation": "bypass"}])
    scores = score_task(*tables(kind, [document]), scoring)
    assert values(scores, "bypass") == [None]
    assert math.isnan(total(scores, scoring, "bypass"))


def test_no_documents_give_no_rows():
    assert scored("generate_until", [], ["exact_match"]).num_rows == 0


@pytest.mark.parametrize(
    ("asked", "answered", "message"),
    [
        ([0, 1, 2], [0, 2], r"t: there is no response to 1 document \(1\)"),
        (
            [0],
            [0, 4, 5],
            r"t: there are responses to 2 documents \(4, 5\) that the requests do not hold",
        ),
        ([0, 1], [0, 1, 1], r"t: the responses hold document 1 more than once"),
        ([0, 0], [0], r"t: the requests hold document 0 more than once"),
    ],
)
def test_documents_must_match(asked, answered, message):
    requests, responses = tables("generate_until", [generated(["a"], ["a"])] * 6)
    requests = replaced(requests.slice(0, len(asked)), doc_id=asked)
    responses = replaced(responses.slice(0, len(answered)), doc_id=answered)
    with pytest.raises(UserError, match=message):
        score_task(requests, responses, settings("generate_until", ["exact_match"]))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_log_likelihood_that_is_not_a_number_is_named(bad):
    documents = [
        choice_document(["a", "b"], [-1.0, -2.0], [0]),
        choice_document(["a", "b"], [-1.0, bad], [0]),
    ]
    with pytest.raises(UserError, match=f"t: document 1: the log-likelihood is {bad}"):
        scored("multiple_choice", documents, ["acc"])


@pytest.mark.parametrize(
    ("kind", "document", "more", "message"),
    [
        (
            "multiple_choice",
            choice_document(["a", "b", "c"], [-1.0, -2.0], [0]),
            {},
            "document 0: there are 3 choices and 2 log-likelihoods",
        ),
        (
            "multiple_choice",
            choice_document(["a"], [-1.0], [0]),
            {"metric_list": [{"metric": "acc_mutual_info"}]},
            "without the question",
        ),
        (
            "multiple_choice",
            choice_document(["a"], [-1.0], [0]),
            {"metric_list": [{"metric": "akk"}]},
            "metric akk: there is none of this name for multiple_choice",
        ),
        (
            "multiple_choice",
            choice_document(["a"], [-1.0], [0]),
            {"filter_list": GSM8K},
            "multiple_choice has no text to filter",
        ),
        (
            "multiple_choice",
            choice_document(list("abc"), [-1.0] * 3, [2]),
            {"metric_list": [{"metric": "mcc", "aggregation": "mean"}]},
            "mcc",
        ),
        ("generate_until", generated(["a"], []), {}, "document 0 has no reference"),
        ("generate_until", generated([], ["a"]), {}, "document 0 has no answer"),
        ("generate_until", generated(["a"], ["a"]), {"unsafe_code": True}, "sandbox"),
        (
            "generate_until",
            generated(["a"], ["a"]),
            {"metric_list": [{"metric": "exact_match", "regexes_to_ignore": ["("]}]},
            "not a regular expression",
        ),
        (
            "generate_until",
            generated(["a"], ["a"]),
            {"metric_list": [{"metric": "exact_match", "ignore_cse": True}]},
            "unexpected .*'ignore_cse'",
        ),
        (
            "generate_until",
            generated(["a"], ["a"]),
            {"metric_list": [{"metric": "pass@1", "ignore_cse": True}]},
            "unexpected .*'ignore_cse'",
        ),
        (
            "generate_until",
            generated(["a"], ["a"]),
            {"metric_list": [{"metric": "bleu", "tokenise": "zh"}]},
            "unexpected keyword.*tokenise",
        ),
        (
            "generate_until",
            generated(["a"], ["a"]),
            {"metric_list": [{"metric": "exact_match", "aggregation": "men"}]},
            "there is no aggregation 'men'",
        ),
    ],
)
def test_errors_name_the_task_and_what_is_wrong(kind, document, more, message):
    names = ["acc" if kind == "multiple_choice" else "exact_match"]
    with pytest.raises(UserError, match=f"^t: .*{message}"):
        scored(kind, [document], names, **more)


def test_a_hostile_answer_of_a_megabyte():
    text = "((((" * 250_000
    names = "exact_match token_f1 squad_match triviaqa_match contains length rougeL".split()
    names += ["edit_distance", "distinct_2", "repetition"]
    documents = [generated([text], ["a b"])]
    start = time.process_time()
    scores = scored("generate_until", documents, names, filter_list=GSM8K)
    assert values(scores, "exact_match", "flexible") == [0]
    assert values(scores, "length", "flexible") == [len("[invalid]")]
    scores = scored("generate_until", documents, names)
    assert values(scores, "length") == values(scores, "edit_distance") == [1_000_000]
    assert time.process_time() - start < 10


def test_a_runaway_expression_in_exact_match_is_stopped(monkeypatch):
    monkeypatch.setattr(answers, "REGEX_SECONDS", 0.2)
    item = {"metric": "exact_match", "regexes_to_ignore": ["(?s).*#### "]}
    documents = [generated(["so #### 7"], ["7"]), generated(["x" * 1_000_000], ["7"])]
    with pytest.raises(UserError, match=r"^t: document 1: regexes_to_ignore took over 0.2 s"):
        scored("generate_until", documents, [item])
    assert values(scored("generate_until", documents[:1], [item]), "exact_match") == [1]

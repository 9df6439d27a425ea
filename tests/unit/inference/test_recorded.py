"""Recorded responses, matched to documents; nothing is guessed."""

import csv
import gzip
import json
import math
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders.scoring_tables import EMPTY_REQUEST, settings, values

from snakeval.config.model import Answers
from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.inference import recorded
from snakeval.inference.stage import RecordedSettings
from snakeval.schemas.model import RECORDED, RESPONSES
from snakeval.schemas.task import REQUESTS
from snakeval.scoring.inputs import answered
from snakeval.scoring.score import score_task

QUESTIONS = ["one?", "two?", "three?"]
DOCUMENTS = [{"key": f"k{i}", "question": question} for i, question in enumerate(QUESTIONS)]


def asked(kind="generate_until", documents=None, task="t", **columns):
    """REQUESTS of one task, whose documents are dicts."""
    rows = []
    for i, document in enumerate(documents or DOCUMENTS):
        row = EMPTY_REQUEST | {"task": task, "doc_id": i, "kind": kind, "references": [str(i)]}
        row["document"] = json.dumps(document)
        rows.append(row | {name: column[i] for name, column in columns.items()})
    return pa.Table.from_pylist(rows, REQUESTS)


def match(requests, file, limit=None, files=None, **answers):
    tasks = dict.fromkeys(requests["task"].unique().to_pylist(), str(file)) | (files or {})
    section = RecordedSettings(Answers(**answers), tasks, {"e": limit})
    given, matched = recorded.responses(requests, section, model="m", benchmark="e")
    assert given.schema.equals(RESPONSES) and matched.schema.equals(RECORDED)
    return given, matched.to_pylist()


def lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def texts(given):
    return dict(zip(given["doc_id"].to_pylist(), given["texts"].to_pylist(), strict=True))


def test_as_many_records_as_documents_belong_together_in_their_order(tmp_path):
    file = lines(tmp_path / "a.jsonl", [{"text": t} for t in "abc"])
    given, (found,) = match(asked(), file, answer="text")
    assert texts(given) == {0: ["a"], 1: ["b"], 2: ["c"]}
    counts = [found[name] for name in ("documents", "records", "answered", "missing", "surplus")]
    assert counts == [3, 3, 3, 0, 0]
    assert found["reason"] is None


@pytest.mark.parametrize("count", [2, 4])
def test_another_number_of_records_without_an_id_is_no_answer_to_anything(tmp_path, count):
    file = lines(tmp_path / "a.jsonl", [{"text": t} for t in "abcd"[:count]])
    given, (found,) = match(asked(), file, answer="text")
    assert given.num_rows == 0
    assert (found["missing"], found["surplus"]) == (3, count)
    assert found["reason"] == f"{count} records for 3 documents, and no `id` to match them by"


def test_with_a_limit_the_first_records_answer_the_first_documents(tmp_path):
    file = lines(tmp_path / "a.jsonl", [{"text": t} for t in "abcd"])
    given, (found,) = match(asked(), file, limit=3, answer="text")
    assert texts(given) == {0: ["a"], 1: ["b"], 2: ["c"]}
    assert (found["surplus"], found["surplus_records"]) == (1, ["3"])


def test_an_id_finds_documents_in_any_order_and_what_does_not_fit_is_counted(tmp_path):
    pairs = [("k2", "c"), ("kX", "x"), ("k0", "a")]
    file = lines(tmp_path / "a.jsonl", [{"id": name, "text": text} for name, text in pairs])
    given, (found,) = match(asked(), file, answer="text", id="id", document_id="key")
    assert texts(given) == {0: ["a"], 2: ["c"]}
    assert (found["missing"], found["missing_documents"]) == (1, ["1"])
    assert (found["surplus"], found["surplus_records"]) == (1, ["kX"])


def test_without_document_id_the_number_counts_also_where_it_is_text(tmp_path):
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["n", "answer"], ["2", "c"], ["0", "a,a"]])
    given, (found,) = match(asked(), tmp_path / "a.csv", answer="answer", id="n")
    assert texts(given) == {0: ["a,a"], 2: ["c"]}
    assert found["missing"] == 1


def test_two_records_of_a_document_are_an_error_unless_they_are_samples(tmp_path):
    records = [{"id": i, "text": f"{i}{s}"} for s in "xy" for i in range(3)]
    file = lines(tmp_path / "a.jsonl", records)
    expected = r"2 records answer document 0\. Choose among them with `where`"
    with pytest.raises(UserError, match=expected):
        match(asked(), file, answer="text", id="id")
    given, _ = match(asked(), file, answer="text", id="id", samples=True)
    assert texts(given) == {0: ["0x", "0y"], 1: ["1x", "1y"], 2: ["2x", "2y"]}


def test_where_chooses_the_records_of_a_model(tmp_path):
    records = [{"model": m, "turn": 1, "text": f"{m}{i}"} for m in "xy" for i in range(3)]
    file = lines(tmp_path / "a.jsonl", records)
    given, _ = match(asked(), file, answer="text", where={"model": "y", "turn": 1})
    assert texts(given) == {0: ["y0"], 1: ["y1"], 2: ["y2"]}


def test_answers_to_other_documents_are_an_error(tmp_path):
    file = lines(tmp_path / "a.jsonl", [{"q": q, "text": "a"} for q in ["one?", "three?", "two?"]])
    expected = r"document 1: q is 'three\?', but in the document it is 'two\?'"
    with pytest.raises(UserError, match=expected):
        match(asked(), file, answer="text", same={"q": "question"})


def test_columns_lie_in_objects_and_lists_and_may_have_dots_in_their_names(tmp_path):
    records = [
        {"a.b": {"c": [{"x": f"first {i}"}, {"x": f"second {i}"}]}, "n": i} for i in range(3)
    ]
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"outputs": records}))
    given, _ = match(asked(), file, answer="a.b.c.1.x", field="outputs")
    assert texts(given)[2] == ["second 2"]
    given, _ = match(asked(), file, answer=["a.b.c.0.x", "n"], field="outputs")
    assert texts(given)[1] == ["first 1", "1"]
    with pytest.raises(UserError, match=r"no column 'c'\. There: a\.b, n"):
        match(asked(), file, answer="n", same={"c": "question"}, field="outputs")


@pytest.mark.parametrize("name", ["a.parquet", "a.tsv", "a.jsonl.gz", "a.txt", "a.json"])
def test_every_format(tmp_path, name):
    file, column = tmp_path / name, "text"
    if name == "a.parquet":
        parquet.write(pa.table({"text": list("abc")}), file, None)
    elif name == "a.tsv":
        file.write_text("text\na\nb\nc\n")
    elif name == "a.jsonl.gz":
        file.write_bytes(gzip.compress(b'{"text": "a"}\n{"text": "b"}\n{"text": "c"}\n'))
    elif name == "a.txt":
        file.write_text("a\nb\nc\n")
    else:
        file.write_text('["a", "b", "c"]')
        column = "value"
    given, _ = match(asked(), file, answer=column)
    assert texts(given) == {0: ["a"], 1: ["b"], 2: ["c"]}


def test_an_answer_that_is_null_or_not_there_is_missing_and_an_empty_one_is_an_answer(tmp_path):
    file = lines(tmp_path / "a.jsonl", [{"text": None}, {"text": ""}, {"text": "c"}])
    given, (found,) = match(asked(), file, answer="text")
    assert texts(given) == {1: [""], 2: ["c"]}
    assert (found["missing"], found["reason"]) == (1, "1 records hold no answer")


def test_a_file_that_is_not_there_leaves_its_task_without_answers(tmp_path):
    requests = pa.concat_tables([asked(), asked(task="u")])
    file = lines(tmp_path / "a.jsonl", [{"text": t} for t in "abc"])
    given, (one, other) = match(
        requests, file, files={"u": str(tmp_path / "none.jsonl")}, answer="text"
    )
    assert given["task"].unique().to_pylist() == ["t"]
    assert (one["missing"], other["missing"], other["reason"]) == (0, 3, "no such file")


def test_documents_that_cannot_be_told_apart_are_an_error(tmp_path):
    requests = asked(documents=[{"key": "k"}, {"key": "k"}])
    file = lines(tmp_path / "a.jsonl", [{"id": "k", "text": "a"}])
    with pytest.raises(UserError, match="documents 0 and 1 have the same key"):
        match(requests, file, answer="text", id="id", document_id="key")


def test_scores_of_the_documents_that_have_an_answer(tmp_path):
    file = lines(tmp_path / "a.jsonl", [{"id": 2, "text": "2"}, {"id": 0, "text": "nine"}])
    requests = asked()
    given, _ = match(requests, file, answer="text", id="id")
    kept = answered(requests, given)
    assert kept["doc_id"].to_pylist() == [0, 2]
    scores = score_task(kept, given, settings("generate_until", ["exact_match"]))
    assert values(scores, "exact_match") == [0.0, 1.0]


CHOICES = {
    "choices": [["x", "y"]] * 3,
    "gold": [[0], [1], [1]],
    "continuations": [[{"question": 0, "text": t} for t in "xy"]] * 3,
}
LIKELY = [[-1.0, -2.0], [-1.0, -0.5], [-3.0, -4.0]]


def scored(requests, given, metric):
    return values(score_task(requests, given, settings("multiple_choice", [metric])), metric)


def test_log_likelihoods_of_choices(tmp_path):
    requests = asked("multiple_choice", **CHOICES)
    file = lines(tmp_path / "a.jsonl", [{"ll": ll, "greedy": [True, False]} for ll in LIKELY])
    given, _ = match(requests, file, loglikelihoods="ll")
    assert scored(requests, given, "acc") == [1.0, 1.0, 0.0]
    with pytest.raises(UserError, match="which texts greedy decoding would have written"):
        scored(requests, given, "exact_match")
    with pytest.raises(UserError, match="numbers of tokens"):
        scored(requests, given, "acc_tokens")
    given, _ = match(requests, file, loglikelihoods="ll", greedy="greedy")
    assert scored(requests, given, "exact_match") == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("records", "answers", "message"),
    [
        ([{"ll": [-1.0]}], {"loglikelihoods": "ll"}, "1 log-likelihoods for 2 texts to score"),
        ([{"ll": [-1.0, "x"]}], {"loglikelihoods": "ll"}, "'x' is not a log-likelihood"),
        (
            [{"ll": [-1.0, -2.0], "g": [True]}],
            {"loglikelihoods": "ll", "greedy": "g"},
            "2 log-likelihoods, but 1 values of g",
        ),
        ([{"text": "a"}], {"answer": "text"}, "the task scores log-likelihoods. Name their column"),
        ([{"ll": [True, -1.0]}], {"loglikelihoods": "ll"}, "True is not a log-likelihood"),
        ([{"ll": [math.inf, -1.0]}], {"loglikelihoods": "ll"}, "inf is not a log-likelihood"),
        (
            [{"ll": [-1.0, math.nan]}],
            {"loglikelihoods": "ll"},
            "nan is not a log-likelihood. Correct it, or remove the record",
        ),
        ([{"ll": [-(10**400), -1.0]}], {"loglikelihoods": "ll"}, "-1000.* is not a log-likelihood"),
        (
            [{"ll": [-1.0, -2.0], "g": ["yes", "no"]}],
            {"loglikelihoods": "ll", "greedy": "g"},
            "'yes' does not say whether greedy",
        ),
        ([{"resps": 5}], {"format": "lm_eval"}, "1 log-likelihoods for 2"),
        ([{"resps": [[], [["-1", "True"]]]}], {"format": "lm_eval"}, r"\[\] is not a log-l"),
    ],
)
def test_log_likelihoods_that_do_not_fit_are_an_error(tmp_path, records, answers, message):
    requests = asked("multiple_choice", **CHOICES)
    file = lines(tmp_path / "a.jsonl", [{"doc_id": i} | records[0] for i in range(3)])
    with pytest.raises(UserError, match=f"document 0: {message}"):
        match(requests, file, **answers)


@pytest.mark.parametrize(
    ("yes", "no"), [(True, False), ("True", "False"), ("true", "false"), (1, 0), ("1", "0")]
)
def test_what_greedy_decoding_would_have_written_may_be_text(tmp_path, yes, no):
    requests = asked("multiple_choice", **CHOICES)
    file = lines(tmp_path / "a.jsonl", [{"ll": ll, "greedy": [no, yes]} for ll in LIKELY])
    given, _ = match(requests, file, loglikelihoods="ll", greedy="greedy")
    assert given["greedy"].to_pylist() == [[False, True]] * 3


def test_texts_that_do_not_fit_are_an_error(tmp_path):
    expected = r"document 0: the answer \{'a': 1\} is neither text nor a number"
    with pytest.raises(UserError, match=expected):
        match(asked(), lines(tmp_path / "a.jsonl", [{"text": {"a": 1}}] * 3), answer="text")
    with pytest.raises(UserError, match=r"the task scores texts\. Name their column"):
        match(asked(), lines(tmp_path / "a.jsonl", [{"ll": -1.0}] * 3), loglikelihoods="ll")


@pytest.mark.parametrize("resps", [5, "hello", [5], [None], ["hello"]])
def test_samples_that_are_not_as_lm_eval_writes_them_are_an_error(tmp_path, resps):
    records = [{"doc_id": i, "doc": [5], "resps": resps} for i in range(3)]
    file = lines(tmp_path / "a.jsonl", records)
    expected = r"document 0: resps is .*\. lm-eval writes a list of lists of texts"
    with pytest.raises(UserError, match=expected):
        match(asked(), file, format="lm_eval")


def test_a_column_that_no_record_has_is_an_error(tmp_path):
    file = lines(tmp_path / "a.jsonl", [{"text": t} for t in "abc"])
    with pytest.raises(UserError, match=r"a\.jsonl: no column 'txet'\. There: text"):
        match(asked(), file, answer="txet")
    with pytest.raises(UserError, match="no column '²'"):
        match(asked(), lines(tmp_path / "a.jsonl", [{"text": [t]} for t in "abc"]), answer="text.²")


def test_no_sample_at_all_is_no_answer(tmp_path):
    file = lines(tmp_path / "a.jsonl", [{"text": []}, {"text": ["b"]}, {"text": None}])
    given, (found,) = match(asked(), file, answer="text")
    assert texts(given) == {1: ["b"]}
    assert (found["missing"], found["reason"]) == (2, "2 records hold no answer")


def test_dates_and_decimals_of_parquet_name_documents(tmp_path):
    days = [date(2026, 1, day) for day in (1, 2, 3)]
    file = tmp_path / "a.parquet"
    columns = {"day": days, "price": [Decimal("1.50")] * 3, "text": ["a", "b", "c"]}
    pq.write_table(pa.table(columns), file)
    requests = asked(documents=[{"key": str(day), "price": "1.50"} for day in days])
    how = {"answer": "text", "id": "day", "document_id": "key", "same": {"price": "price"}}
    given, _ = match(requests, file, **how)
    assert texts(given) == {0: ["a"], 1: ["b"], 2: ["c"]}


def of_lm_eval(folder, responses, documents, filters=("none",)):
    """The file of samples as lm-evaluation-harness writes it."""
    from lm_eval.loggers.evaluation_tracker import EvaluationTracker

    rest = {"target": 0, "arguments": [("p", "c")], "acc": 1.0}
    samples = [
        {"doc_id": i, "doc": document, "resps": own, "filtered_resps": own, "filter": name} | rest
        for name in filters
        for i, (document, own) in enumerate(zip(documents, responses, strict=True))
    ]
    tracker = EvaluationTracker(output_path=str(folder))
    tracker.general_config_tracker.model_name_sanitized = "m"
    tracker.date_id = "2026-01-01"
    tracker.save_results_samples("t", samples)
    return next((folder / "m").glob("samples_t_*.jsonl"))


def test_samples_of_lm_eval(tmp_path):
    responses = [[["a", "b"]], [["c", "d"]], [["e", "f"]]]
    file = of_lm_eval(tmp_path / "1", responses, DOCUMENTS, filters=("strict", "flexible"))
    given, (found,) = match(asked(), file, format="lm_eval")
    assert texts(given) == {0: ["a", "b"], 1: ["c", "d"], 2: ["e", "f"]}
    assert (found["records"], found["surplus"]) == (3, 0)

    responses = [[[(ll, ll > -2)] for ll in own] for own in LIKELY]
    file = of_lm_eval(tmp_path / "2", responses, DOCUMENTS)
    requests = asked("multiple_choice", **CHOICES)
    given, _ = match(requests, file, format="lm_eval")
    assert given["loglikelihoods"].to_pylist() == LIKELY
    assert given["greedy"].to_pylist() == [[ll > -2 for ll in own] for own in LIKELY]
    assert scored(requests, given, "acc") == [1.0, 1.0, 0.0]

    texts_to_score = [[{"question": -1, "text": "a b"}]] * 3
    rolling = asked("loglikelihood_rolling", continuations=texts_to_score)
    file = of_lm_eval(tmp_path / "3", [[[-float(i)]] for i in range(3)], DOCUMENTS)
    given, _ = match(rolling, file, format="lm_eval")
    assert given["loglikelihoods"].to_pylist() == [[-0.0], [-1.0], [-2.0]]


def test_samples_of_lm_eval_over_other_documents_are_an_error(tmp_path):
    documents = [{"key": f"k{i}", "question": f"another {i}?"} for i in range(3)]
    file = of_lm_eval(tmp_path, [[["a"]]] * 3, documents)
    expected = r"document 0: doc\.question is 'another 0\?', but in the document it is 'one\?'"
    with pytest.raises(UserError, match=expected):
        match(asked(), file, format="lm_eval")

"""Recorded answers, matched to documents; nothing is guessed."""

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
from snakeval.scoring.score import answered, score_task

QUESTIONS = ["one?", "two?", "three?"]


def asked(kind="generate_until", documents=None, task="t", **columns):
    """REQUESTS of one task, whose documents are dicts."""
    documents = documents or [
        {"key": f"k{i}", "question": question} for i, question in enumerate(QUESTIONS)
    ]
    rows = [
        EMPTY_REQUEST
        | {
            "task": task,
            "doc_id": i,
            "kind": kind,
            "references": [str(i)],
            "document": json.dumps(document),
        }
        | {name: column[i] for name, column in columns.items()}
        for i, document in enumerate(documents)
    ]
    return pa.Table.from_pylist(rows, REQUESTS)


def match(requests, file, limit=None, files=None, **answers):
    tasks = dict.fromkeys(requests["task"].unique().to_pylist(), str(file)) | (files or {})
    given, matched = recorded.responses(
        requests,
        RecordedSettings(Answers(**answers), tasks, {"e": limit}),
        model="m",
        benchmark="e",
    )
    assert given.schema.equals(RESPONSES) and matched.schema.equals(RECORDED)
    return given, matched.to_pylist()


def lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def texts(given):
    return dict(zip(given["doc_id"].to_pylist(), given["texts"].to_pylist(), strict=True))


def test_as_many_records_as_documents_belong_together_in_their_order(tmp_path):
    given, (found,) = match(
        asked(), lines(tmp_path / "a.jsonl", [{"text": t} for t in "abc"]), answer="text"
    )
    assert texts(given) == {0: ["a"], 1: ["b"], 2: ["c"]}
    assert (
        found["documents"],
        found["records"],
        found["answered"],
        found["missing"],
        found["surplus"],
    ) == (3, 3, 3, 0, 0)
    assert found["reason"] is None


@pytest.mark.parametrize("count", [2, 4])
def test_another_number_of_records_without_an_id_is_no_answer_to_anything(tmp_path, count):
    given, (found,) = match(
        asked(), lines(tmp_path / "a.jsonl", [{"text": t} for t in "abcd"[:count]]), answer="text"
    )
    assert given.num_rows == 0
    assert (found["missing"], found["surplus"]) == (3, count)
    assert (
        found["reason"] == f"{count} records for 3 documents, and no `id` that tells which is which"
    )


def test_with_a_limit_the_first_records_answer_the_first_documents(tmp_path):
    given, (found,) = match(
        asked(), lines(tmp_path / "a.jsonl", [{"text": t} for t in "abcd"]), limit=3, answer="text"
    )
    assert texts(given) == {0: ["a"], 1: ["b"], 2: ["c"]}
    assert (found["surplus"], found["surplus_records"]) == (1, ["3"])


def test_an_id_finds_documents_in_any_order_and_what_does_not_fit_is_counted(tmp_path):
    file = lines(
        tmp_path / "a.jsonl",
        [{"id": "k2", "text": "c"}, {"id": "kX", "text": "x"}, {"id": "k0", "text": "a"}],
    )
    given, (found,) = match(asked(), file, answer="text", id="id", document_id="key")
    assert texts(given) == {0: ["a"], 2: ["c"]}
    assert (
        found["missing"],
        found["missing_documents"],
        found["surplus"],
        found["surplus_records"],
    ) == (1, ["1"], 1, ["kX"])


def test_without_document_id_the_number_counts_also_where_it_is_text(tmp_path):
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["n", "answer"], ["2", "c"], ["0", "a,a"]])
    given, (found,) = match(asked(), tmp_path / "a.csv", answer="answer", id="n")
    assert texts(given) == {0: ["a,a"], 2: ["c"]}
    assert found["missing"] == 1


def test_two_records_of_a_document_are_an_error_unless_they_are_samples(tmp_path):
    file = lines(
        tmp_path / "a.jsonl", [{"id": i, "text": f"{i}{s}"} for s in "xy" for i in range(3)]
    )
    with pytest.raises(
        UserError, match="2 records answer document 0; choose among them with `where`"
    ):
        match(asked(), file, answer="text", id="id")
    given, _ = match(asked(), file, answer="text", id="id", samples=True)
    assert texts(given) == {0: ["0x", "0y"], 1: ["1x", "1y"], 2: ["2x", "2y"]}


def test_where_chooses_the_records_of_a_model(tmp_path):
    file = lines(
        tmp_path / "a.jsonl",
        [{"model": m, "turn": 1, "text": f"{m}{i}"} for m in "xy" for i in range(3)],
    )
    given, _ = match(asked(), file, answer="text", where={"model": "y", "turn": 1})
    assert texts(given) == {0: ["y0"], 1: ["y1"], 2: ["y2"]}


def test_answers_to_other_documents_are_told(tmp_path):
    file = lines(tmp_path / "a.jsonl", [{"q": q, "text": "a"} for q in ["one?", "three?", "two?"]])
    with pytest.raises(
        UserError, match="document 1: q is 'three\\?', but the document says 'two\\?'"
    ):
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
    with pytest.raises(UserError, match=r"no column 'c'; there: a\.b, n"):
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
    given, (found,) = match(
        asked(),
        lines(tmp_path / "a.jsonl", [{"text": None}, {"text": ""}, {"text": "c"}]),
        answer="text",
    )
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
    with pytest.raises(UserError, match="documents 0 and 1 have the same key"):
        match(
            requests,
            lines(tmp_path / "a.jsonl", [{"id": "k", "text": "a"}]),
            answer="text",
            id="id",
            document_id="key",
        )


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


def test_log_likelihoods_of_choices(tmp_path):
    requests = asked("multiple_choice", **CHOICES)
    file = lines(tmp_path / "a.jsonl", [{"ll": ll, "greedy": [True, False]} for ll in LIKELY])
    given, _ = match(requests, file, loglikelihoods="ll")
    assert values(score_task(requests, given, settings("multiple_choice", ["acc"])), "acc") == [
        1.0,
        1.0,
        0.0,
    ]
    with pytest.raises(
        UserError, match="do not tell which texts greedy decoding would have written"
    ):
        score_task(requests, given, settings("multiple_choice", ["exact_match"]))
    with pytest.raises(UserError, match="do not tell numbers of tokens"):
        score_task(requests, given, settings("multiple_choice", ["acc_tokens"]))
    given, _ = match(requests, file, loglikelihoods="ll", greedy="greedy")
    assert values(
        score_task(requests, given, settings("multiple_choice", ["exact_match"])), "exact_match"
    ) == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("records", "answers", "message"),
    [
        ([{"ll": [-1.0]}], {"loglikelihoods": "ll"}, "1 log-likelihoods for 2 texts to score"),
        ([{"ll": [-1.0, "x"]}], {"loglikelihoods": "ll"}, "'x' is no log-likelihood"),
        (
            [{"ll": [-1.0, -2.0], "g": [True]}],
            {"loglikelihoods": "ll", "greedy": "g"},
            "2 log-likelihoods, but 1 values of g",
        ),
        ([{"text": "a"}], {"answer": "text"}, "the task scores log-likelihoods; name their column"),
        ([{"ll": [True, -1.0]}], {"loglikelihoods": "ll"}, "True is no log-likelihood"),
        ([{"ll": [math.inf, -1.0]}], {"loglikelihoods": "ll"}, "inf is no log-likelihood"),
        (
            [{"ll": [-1.0, math.nan]}],
            {"loglikelihoods": "ll"},
            "nan is no log-likelihood; correct it, or leave the record out",
        ),
        ([{"ll": [-(10**400), -1.0]}], {"loglikelihoods": "ll"}, "-1000.* is no log-likelihood"),
        (
            [{"ll": [-1.0, -2.0], "g": ["yes", "no"]}],
            {"loglikelihoods": "ll", "greedy": "g"},
            "'yes' does not tell whether greedy",
        ),
        ([{"resps": 5}], {"format": "lm_eval"}, "1 log-likelihoods for 2"),
        ([{"resps": [[], [["-1", "True"]]]}], {"format": "lm_eval"}, r"\[\] is no log-likelihood"),
    ],
)
def test_log_likelihoods_that_do_not_fit_are_an_error(tmp_path, records, answers, message):
    requests = asked("multiple_choice", **CHOICES)
    with pytest.raises(UserError, match=f"document 0: {message}"):
        match(
            requests,
            lines(tmp_path / "a.jsonl", [{"doc_id": i} | records[0] for i in range(3)]),
            **answers,
        )


@pytest.mark.parametrize(
    ("yes", "no"), [(True, False), ("True", "False"), ("true", "false"), (1, 0), ("1", "0")]
)
def test_what_greedy_decoding_would_have_written_may_be_told_as_text(tmp_path, yes, no):
    requests = asked("multiple_choice", **CHOICES)
    file = lines(tmp_path / "a.jsonl", [{"ll": ll, "greedy": [no, yes]} for ll in LIKELY])
    given, _ = match(requests, file, loglikelihoods="ll", greedy="greedy")
    assert given["greedy"].to_pylist() == [[False, True]] * 3


def test_texts_that_do_not_fit_are_an_error(tmp_path):
    with pytest.raises(
        UserError, match=r"document 0: the answer \{'a': 1\} is neither text nor a number"
    ):
        match(asked(), lines(tmp_path / "a.jsonl", [{"text": {"a": 1}}] * 3), answer="text")
    with pytest.raises(UserError, match="the task scores texts; name their column"):
        match(asked(), lines(tmp_path / "a.jsonl", [{"ll": -1.0}] * 3), loglikelihoods="ll")


@pytest.mark.parametrize("resps", [5, "hello", [5], [None], ["hello"]])
def test_samples_that_are_not_as_lm_eval_writes_them_are_an_error(tmp_path, resps):
    file = lines(
        tmp_path / "a.jsonl", [{"doc_id": i, "doc": [5], "resps": resps} for i in range(3)]
    )
    with pytest.raises(
        UserError,
        match=r"document 0: resps is .*, not a list of lists of texts as lm-eval writes it",
    ):
        match(asked(), file, format="lm_eval")


def test_a_column_that_no_record_has_is_an_error(tmp_path):
    file = lines(tmp_path / "a.jsonl", [{"text": t} for t in "abc"])
    with pytest.raises(UserError, match=r"a\.jsonl: no column 'txet'; there: text"):
        match(asked(), file, answer="txet")
    with pytest.raises(UserError, match="no column '²'"):
        match(asked(), lines(tmp_path / "a.jsonl", [{"text": [t]} for t in "abc"]), answer="text.²")


def test_no_sample_at_all_is_no_answer(tmp_path):
    given, (found,) = match(
        asked(),
        lines(tmp_path / "a.jsonl", [{"text": []}, {"text": ["b"]}, {"text": None}]),
        answer="text",
    )
    assert texts(given) == {1: ["b"]}
    assert (found["missing"], found["reason"]) == (2, "2 records hold no answer")


def test_dates_and_decimals_of_parquet_tell_documents(tmp_path):
    days = [date(2026, 1, day) for day in (1, 2, 3)]
    file = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"day": days, "price": [Decimal("1.50")] * 3, "text": ["a", "b", "c"]}), file
    )
    documents = [{"key": str(day), "price": "1.50"} for day in days]
    given, _ = match(
        asked(documents=documents),
        file,
        answer="text",
        id="day",
        document_id="key",
        same={"price": "price"},
    )
    assert texts(given) == {0: ["a"], 1: ["b"], 2: ["c"]}


def of_lm_eval(folder, responses, documents, filters=("none",)):
    """The file of samples as lm-evaluation-harness writes it."""
    from lm_eval.loggers.evaluation_tracker import EvaluationTracker

    samples = [
        {
            "doc_id": i,
            "doc": document,
            "target": 0,
            "arguments": [("p", "c")],
            "resps": own,
            "filtered_resps": own,
            "filter": name,
            "acc": 1.0,
        }
        for name in filters
        for i, (document, own) in enumerate(zip(documents, responses, strict=True))
    ]
    tracker = EvaluationTracker(output_path=str(folder))
    tracker.general_config_tracker.model_name_sanitized = "m"
    tracker.date_id = "2026-01-01"
    tracker.save_results_samples("t", samples)
    return next((folder / "m").glob("samples_t_*.jsonl"))


def test_samples_of_lm_eval(tmp_path):
    documents = [{"key": f"k{i}", "question": question} for i, question in enumerate(QUESTIONS)]
    file = of_lm_eval(
        tmp_path / "1",
        [[["a", "b"]], [["c", "d"]], [["e", "f"]]],
        documents,
        filters=("strict", "flexible"),
    )
    given, (found,) = match(asked(documents=documents), file, format="lm_eval")
    assert texts(given) == {0: ["a", "b"], 1: ["c", "d"], 2: ["e", "f"]}
    assert (found["records"], found["surplus"]) == (3, 0)

    file = of_lm_eval(
        tmp_path / "2", [[[(ll, ll > -2)] for ll in own] for own in LIKELY], documents
    )
    requests = asked("multiple_choice", documents, **CHOICES)
    given, _ = match(requests, file, format="lm_eval")
    assert given["loglikelihoods"].to_pylist() == LIKELY
    assert given["greedy"].to_pylist() == [[ll > -2 for ll in own] for own in LIKELY]
    assert values(score_task(requests, given, settings("multiple_choice", ["acc"])), "acc") == [
        1.0,
        1.0,
        0.0,
    ]

    rolling = asked(
        "loglikelihood_rolling", documents, continuations=[[{"question": -1, "text": "a b"}]] * 3
    )
    given, _ = match(
        rolling,
        of_lm_eval(tmp_path / "3", [[[-float(i)]] for i in range(3)], documents),
        format="lm_eval",
    )
    assert given["loglikelihoods"].to_pylist() == [[-0.0], [-1.0], [-2.0]]


def test_samples_of_lm_eval_over_other_documents_are_told(tmp_path):
    documents = [{"key": f"k{i}", "question": f"another {i}?"} for i in range(3)]
    with pytest.raises(
        UserError,
        match=r"document 0: doc\.question is 'another 0\?', but the document says 'one\?'",
    ):
        match(asked(), of_lm_eval(tmp_path, [[["a"]]] * 3, documents), format="lm_eval")

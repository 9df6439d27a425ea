"""Answers that decline, answers that repeat one text, and the table that counts them."""

import random

import pyarrow as pa
import pytest

from snakeval.analysis import answer_health
from snakeval.analysis.answer_health import refuses, repeats
from snakeval.files import parquet
from snakeval.schemas.model import RESPONSES, SCORES, TOKENS
from snakeval.schemas.run import HEALTH


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't help with that.",
        "I’m so sorry",
        "  Sorry, I cannot discuss this topic.",
        "As an AI language model, I do not hold opinions.",
        "As a large language model, …",
        "I cannot provide medical advice.",
        "I apologize, but this is not something",
        "I must respectfully decline.",
        "Unfortunately, I am unable to do so",
        '"I can\'t assist with this request."',
    ],
)
def test_refusals(answer):
    assert refuses(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "The answer is 5",
        "As an example, take 3.",
        "I can see why.",
        "Sorrow",
        "I cannot see that it is 4, so 5.",
        "He said: I'm sorry" * 30,
    ],
)
def test_answers_that_do_not_refuse(answer):
    assert not refuses(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "a" * 64,
        "x " * 40,
        "The end. " * 20,
        "It began: " + "and so on " * 9,
        "one two three. " * 6 + "one t",
    ],
)
def test_repeating_answers(answer):
    assert repeats(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "no",
        "a" * 63,
        "The end. " * 20 + "Then it was over.",
        "a long line of text, three times\n" * 3,
    ],
)
def test_answers_that_do_not_repeat(answer):
    assert not repeats(answer)


def test_repetition_against_a_plain_search():
    """All periods tried one by one, on texts of two letters, which come again all the time."""

    def plainly(text):
        periods = range(1, len(text) // 4 + 1)
        spans = [(period, max(4 * period - 1, 64)) for period in periods]
        return any(
            span <= len(text)
            and all(
                text[i] == text[i - period] for i in range(len(text) - span + period, len(text))
            )
            for period, span in spans
        )

    draw = random.Random(0)
    texts = [
        draw.choice(["", "b", "abba"]) * 9
        + "".join(draw.choices("ab", k=draw.randint(1, 30))) * draw.randint(2, 9)
        for _ in range(400)
    ]
    assert {plainly(text) for text in texts} == {True, False}
    assert [repeats(text) for text in texts] == [plainly(text) for text in texts]


def test_a_megabyte_is_looked_at_in_no_time():
    assert repeats("a very long answer " * 55_000)
    assert not repeats("".join(random.Random(0).choices("abcdefgh ", k=1_000_000)))


def test_health_counts_documents(tmp_path):
    tokens = [
        {"task": "t", "doc_id": 0, "truncated_tokens": 5, "dropped_shots": 0},
        {"task": "t", "doc_id": 1, "truncated_tokens": 0, "dropped_shots": 2},
        {"task": "u", "doc_id": 0, "truncated_tokens": 0, "dropped_shots": 1},
    ]
    long, refusal = ["x", " \n"], ["I'm sorry, I can't.", "y" * 99]
    responses = [
        {"task": "t", "doc_id": 0, "texts": long, "finish_reasons": ["length", "length"]},
        {"task": "t", "doc_id": 1, "texts": refusal, "finish_reasons": ["eos", "length"]},
        {"task": "u", "doc_id": 0, "loglikelihoods": [-1.0]},
    ]
    scores = [
        {"task": "t", "doc_id": 0, "filter": name, "metric": metric, "extracted": name == "b"}
        for name in ("a", "b")
        for metric in ("exact_match", "token_f1")
    ]
    found = answer_health.build(
        file_of(tmp_path / "tokens.parquet", TOKENS, tokens),
        file_of(tmp_path / "responses.parquet", RESPONSES, responses),
        file_of(tmp_path / "scores.parquet", SCORES, scores),
        {},
    )
    assert found.schema.equals(HEALTH)
    counts = ("n", "truncated", "dropped_shots", "cut_answers", "empty_answers")
    counts += ("extraction_failed", "refusals", "repeating")
    rows = [("t", 2, 1, 1, 2, 1, 1, 1, 1), ("u", 1, 0, 1, 0, 0, 0, 0, 0)]
    assert [(r["task"], *(r[key] for key in counts)) for r in found.to_pylist()] == rows


def file_of(path, schema, rows):
    """The file of model m and benchmark e, its other columns empty."""
    empty = {"model": "m"}
    for field in schema:
        kinds = ((pa.types.is_list, []), (pa.types.is_string, ""), (lambda _: True, 0))
        default = next(value for is_kind, value in kinds if is_kind(field.type))
        empty.setdefault(field.name, None if field.nullable else default)
    parquet.write(pa.Table.from_pylist([empty | row for row in rows], schema), path, schema)
    return {("m", "e"): path}

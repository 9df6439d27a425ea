"""Metrics that compare an answer with references."""

import pytest
from builders.metric_calls import generation, texts
from hypothesis import given
from hypothesis import strategies as st

from snakeval.metrics import answers


@given(texts, st.lists(texts, min_size=1, max_size=3))
def test_token_f1_is_squads(prediction, references):
    from lm_eval.tasks.qasper.metrics import f1_abstractive, normalize_answer

    wanted = max(
        f1_abstractive([prediction], [reference])
        if normalize_answer(reference) or normalize_answer(prediction)
        else 1
        for reference in references
    )
    assert generation("token_f1")(prediction, references) == pytest.approx(wanted, abs=1e-12)
    equal = any(
        normalize_answer(prediction) == normalize_answer(reference) for reference in references
    )
    assert generation("squad_match")(prediction, references) == float(equal)


@pytest.mark.parametrize(
    ("prediction", "reference", "wanted"),
    [
        ("", "", 1),
        ("", "a", 1),
        ("the", "", 1),
        ("Paris", "", 0),
        ("", "Paris", 0),
        ("in the Paris", "Paris, France!", 0.5),
    ],
)
def test_token_f1_of_unanswerable_questions(prediction, reference, wanted):
    assert generation("token_f1")(prediction, [reference]) == wanted


def test_triviaqa_normalisation():
    assert answers.triviaqa_normalised("The_Beatles’ `White´ Album!") == "beatles white album"
    assert generation("triviaqa_match")("U.S.A", ["u s", "U S A."]) == 1
    assert (
        generation("squad_match")("U.S.A", ["U S A."]) == 0
    )  # SQuAD joins what punctuation parted


def test_contains_looks_for_whole_words():
    assert generation("contains")("It was Paris, of course", ["Paris"]) == 1
    assert generation("contains")("Parisians", ["Paris", ""]) == 0


def test_exact_match_options_apply_in_order():
    match = generation(
        "exact_match",
        regexes_to_ignore=["Answer"],
        ignore_case=True,
        ignore_punctuation=True,
        ignore_numbers=True,
    )
    assert match("Answer: É1!", ["é2"]) == 0  # white space counts
    assert match("AnswerÉ1!", ["é2"]) == 1

"""The composition of prompts, checked against hand-written texts."""

import pytest

from snakeval.prompts import turns


def turn(role, text, delimiter="", document=None):
    return {"role": role, "text": text, "delimiter": delimiter, "document": document}


def request(**changes):
    shots = [
        turn("user", "Q1", " ", 4),
        turn("assistant", "A1", "\n\n", 4),
        turn("user", "Q2", " ", 7),
        turn("assistant", "A2", "\n\n", 7),
    ]
    row = {
        "task": "t",
        "preamble": [turn("system", "Answer.\n"), *shots],
        "questions": ["Q3"],
        "question_delimiter": "",
        "gen_prefix": None,
    }
    return row | changes


def test_plain_joins_description_examples_and_question():
    assert turns.plain(request()) == ["Answer.\nQ1 A1\n\nQ2 A2\n\nQ3"]


def test_plain_appends_the_start_of_the_answer():
    assert turns.plain(request(question_delimiter=" ", gen_prefix="Answer:"))[0].endswith(
        "Q3 Answer:"
    )


def test_plain_gives_one_prompt_per_question():
    assert turns.plain(request(preamble=[], questions=["a", "b"])) == ["a", "b"]
    assert turns.plain(request(preamble=[], questions=[])) == []


@pytest.mark.parametrize(
    ("dropped", "expected"),
    [(0, "Answer.\nQ1 A1\n\nQ2 A2\n\nQ3"), (1, "Answer.\nQ1 A1\n\nQ3"), (2, "Answer.\nQ3")],
)
def test_the_last_examples_are_dropped_first(dropped, expected):
    assert turns.plain(request(), drop_shots=dropped) == [expected]
    chat = turns.messages(request(), drop_shots=dropped)[0]
    assert len(chat) == 2 + 2 * (2 - dropped)


def test_dropping_more_examples_than_there_are_is_a_defect():
    with pytest.raises(ValueError, match="cannot drop 3 of 2"):
        turns.plain(request(), drop_shots=3)
    assert turns.shots(request()) == 2


def test_messages_as_turns():
    assert turns.messages(request(), system_prompt=None) == [
        [
            {"role": "system", "content": "Answer.\n"},
            {"role": "user", "content": "Q1"},
            {"role": "assistant", "content": "A1"},
            {"role": "user", "content": "Q2"},
            {"role": "assistant", "content": "A2"},
            {"role": "user", "content": "Q3"},
        ]
    ]


def test_messages_as_one_turn_leave_out_the_delimiter_of_the_last_question():
    row = request(question_delimiter=" ", gen_prefix="The answer is")
    assert turns.messages(row, None, fewshot_as_multiturn=False) == [
        [
            {"role": "system", "content": "Answer.\n"},
            {"role": "user", "content": "Q1 A1\n\nQ2 A2\n\nQ3"},
            {"role": "assistant", "content": "The answer is"},
        ]
    ]


@pytest.mark.parametrize(
    ("system", "description", "delimiter", "expected"),
    [
        ("Be brief.", "Answer.", "\n\n", "Be brief.\n\nAnswer."),
        ("Be brief.", "Answer.", "\n", "Be brief.\nAnswer."),
        ("Be brief.\n", "Answer.", "\n\n", "Be brief.\nAnswer."),
        ("Be brief.", " Answer.", "\n\n", "Be brief. Answer."),
        ("", "Answer.", "\n\n", "Answer."),
        ("Be brief.", "", "\n\n", "Be brief."),
        ("", "", "\n\n", ""),
    ],
)
def test_system_prompt_and_description(system, description, delimiter, expected):
    preamble = [turn("system", description)] if description else []
    row = request(
        preamble=[*preamble, turn("user", "Q1", " ", 0), turn("assistant", "A1", delimiter, 0)]
    )
    chat = turns.messages(row, system)[0]
    assert [m["content"] for m in chat if m["role"] == "system"] == ([expected] if expected else [])
    assert turns.plain(row, system_prompt=system)[0].startswith(expected + "Q1")


def test_no_example_no_description_no_system_prompt():
    assert turns.messages(request(preamble=[], questions=["Ünï"])) == [
        [{"role": "user", "content": "Ünï"}]
    ]

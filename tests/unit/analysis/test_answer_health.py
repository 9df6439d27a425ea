"""Answers that decline, and answers that say the same over and over."""

import random

import pytest

from snakeval.analysis.answer_health import refuses, repeats


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

"""Metrics and filters of the catalogue's tasks: mathematics, right against wrong answers."""

import json
from functools import partial

import numpy as np
import pytest

from snakeval.errors import UserError
from snakeval.metrics import mathematics
from snakeval.metrics.likelihood import Texts
from snakeval.metrics.registry import METRICS
from snakeval.scoring.filters.answers import FALLBACK, Answers, answers_of
from snakeval.scoring.filters.mathematics import boxed


@pytest.mark.parametrize(
    ("answer", "reference", "equal"),
    [
        (r"so it is $\boxed{[2,5)}$.", r"\boxed{[2,5)}", True),
        (r"The final answer is $\frac{1}{2}$. I hope it is correct.", r"\boxed{0.5}", True),
        (r"\boxed{\frac12}", r"\boxed{\dfrac{2}{4}}", True),
        (r"\boxed{(1,2)}", r"\boxed{(2,1)}", False),
        (r"\boxed{\{1,2\}}", r"\boxed{\{2,1\}}", True),
        (r"first \boxed{3}, then \boxed{4}", r"\boxed{4}", True),
        ("", r"\boxed{3}", False),
        (FALLBACK, r"\boxed{3}", False),
    ],
)
def test_mathematical_equality(answer, reference, equal):
    assert mathematics.math_equal(answer, [reference]) == float(equal)
    assert mathematics.math_equal(answer, ["\\boxed{-77}", reference]) == float(equal)


def test_mathematical_equality_is_that_of_the_harness(real_data, monkeypatch):
    """Over published solutions, their answers in other forms, and answers to other problems."""
    from lm_eval.tasks.minerva_math import utils
    from lm_eval.tasks.minerva_math.utils import (
        last_boxed_only_string,
        normalize_final_answer,
        process_results,
        remove_boxed,
    )

    # its limits go by the clock: on a busy machine right answers would be wrong
    monkeypatch.setattr(utils, "parse", partial(utils.parse, parsing_timeout=None))
    monkeypatch.setattr(utils, "verify", partial(utils.verify, timeout_seconds=None))
    lines = (
        (real_data / "competition_math" / "test.jsonl")
        .read_text(encoding="utf-8")
        .splitlines()[:50]
    )
    solutions = [json.loads(line)["solution"] for line in lines]
    right = [remove_boxed(last_boxed_only_string(solution)) for solution in solutions]
    verdicts = []
    for n, (solution, answer) in enumerate(zip(solutions, right, strict=True)):
        document = {"solution": solution, "answer": normalize_final_answer(answer)}
        for text in (
            solution,
            answer,
            f"Final Answer: The final answer is ${answer}$. I hope it is correct.",
            rf"\boxed{{{right[n - 7]}}}",
        ):
            theirs = process_results(document, [text])["math_verify"]
            assert mathematics.math_equal(text, [solution]) == theirs, (text, solution)
            verdicts.append(theirs)
    assert verdicts.count(0) > 40 and verdicts.count(1) > 100


@pytest.mark.parametrize("hostile", [r"\boxed{9^{9^{9^{9}}}}", r"\boxed{" + "(" * 3000 + "}"])
def test_an_expression_that_takes_for_ever_is_wrong_and_the_next_one_is_compared(
    hostile, monkeypatch, capsys
):
    monkeypatch.setattr(mathematics, "SECONDS", 1)
    monkeypatch.setattr(mathematics, "_worker", mathematics._Worker())
    assert mathematics.math_equal(hostile, [r"\boxed{1}"]) == 0.0
    assert "counts as wrong" in capsys.readouterr().err
    assert mathematics.math_equal(r"\boxed{1}", [r"\boxed{1}"]) == 1.0


@pytest.mark.parametrize(
    ("text", "expected", "found"),
    [
        (r"a \boxed{x} b \boxed{\frac{1}{2}} c", r"\boxed{\frac{1}{2}}", True),
        (r"\fbox{7}", r"\fbox{7}", True),
        (r"\boxed{open", "[invalid]", False),
        ("none", "[invalid]", False),
        ("", "[invalid]", False),
    ],
)
def test_boxed(text, expected, found):
    assert boxed(answers_of([[text]]), [{}]) == Answers([[expected]], [[found]])


def test_right_against_wrong_answers_as_in_the_harness():
    """TruthfulQA's twelve metrics, against lm-eval's process_results."""
    from lm_eval.tasks.truthfulqa.utils import process_results_gen

    right = ["The watermelon seeds pass through your digestive system.", "Nothing happens."]
    wrong = ["You grow watermelons in your stomach . You get sick.", "You fall ill."]
    document = {"correct_answers": right, "incorrect_answers": wrong}
    answers = [
        "The seeds pass through you . Nothing happens",
        "You grow watermelons in your stomach.",
        "x",
        "",
    ]
    for answer in answers:
        expected = process_results_gen(document, [answer])
        for name, value in expected.items():
            metric = METRICS["generate_until", name]
            options = (
                {"wrong": "incorrect_answers", "document": document} if metric.with_document else {}
            )
            assert metric.function(answer, right, **options) == pytest.approx(value, abs=1e-9), name


def test_wrong_answers_may_be_a_template_and_must_be_there():
    diff = METRICS["generate_until", "bleu_diff"].function
    document = {"wrong": [" no "]}
    assert diff("yes", ["yes"], wrong="{{wrong|map('trim')|list}}", document=document) == diff(
        "yes", ["yes"], wrong="wrong", document=document
    )
    with pytest.raises(UserError, match="no wrong answer"):
        diff("yes", ["yes"], wrong="wrong", document={"wrong": []})
    with pytest.raises(UserError, match="wrong: no column 'others'"):
        diff("yes", ["yes"], wrong="others", document=document)


def test_units_counted_in_another_column():
    texts = Texts(["a b"], np.array([-3.0]), np.array([2]), [{"page": "a  b c "}])
    assert METRICS["loglikelihood_rolling", "word_perplexity"].function(texts, counted="page") == [
        (-3.0, 4)
    ]
    assert METRICS["loglikelihood_rolling", "bits_per_byte"].function(texts, counted="page") == [
        (-3.0, 7)
    ]
    assert METRICS["loglikelihood_rolling", "word_perplexity"].function(texts) == [(-3.0, 2)]
    with pytest.raises(UserError, match=r"counted: document 0 .* no text in column 'text'"):
        METRICS["loglikelihood_rolling", "word_perplexity"].function(texts, counted="text")

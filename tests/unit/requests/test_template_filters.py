"""The filters of templates in task files."""

import os
from pathlib import Path

import pytest

from snakeval.requests.fields import FieldError, render
from snakeval.requests.template_filters import detokenised_wikitext, shuffled


def test_filters_in_templates():
    assert render("{{text|literal}}", {"text": "['a', 'b']"}, "doc_to_choice") == "['a', 'b']"
    assert (
        render("{{(text|literal)[-1].answer}}", {"text": "[{'answer': 'B'}]"}, "doc_to_target")
        == "B"
    )
    assert (
        render("{{text|regex_replace('[aeiou]', '*')}}", {"text": "apple"}, "doc_to_text")
        == "*ppl*"
    )
    with pytest.raises(FieldError, match="doc_to_text: template: "):
        render("{{text|literal}}", {"text": "__import__('os')"}, "doc_to_text")


def test_shuffled_depends_on_the_items_and_the_seed_alone():
    items = ["one", "two", "three", "four"]
    assert shuffled(items) == shuffled(items)
    assert sorted(shuffled(items)) == sorted(items)
    assert shuffled(["same", "same"]) == ["same", "same"]
    orders = {tuple(shuffled(items, seed)) for seed in range(200)}
    assert len(orders) == 24
    firsts = [shuffled([f"{n}{i}" for i in "abcd"])[0][-1] for n in range(2000)]
    assert all(
        420 < firsts.count(letter) < 580 for letter in "abcd"
    )  # 500 expected, standard deviation 19


def test_detokenised_wikitext_is_that_of_the_harness():
    from lm_eval.tasks.wikitext.preprocess_wikitext import wikitext_detokenizer

    page = (
        " = Page = \n\n He said : \" it 's 3 @,@ 000 @.@ 5 \" ; ( so ) [ x ] { y } ' z ' 20 ° "
        "C . \n = = Part = = \n N @-@ th ! \n"
    )
    assert detokenised_wikitext(page) == wikitext_detokenizer({"page": page})
    if folder := os.environ.get("SNAKEVAL_DATA"):
        text = Path(folder, "wikitext2", "valid.txt").read_text(encoding="utf-8")
        assert detokenised_wikitext(text) == wikitext_detokenizer({"page": text})

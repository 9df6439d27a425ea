"""Metrics of overlap, length and repetition, compared with other packages."""

import itertools
import re
from collections import Counter

import pytest
from builders.metric_calls import generation, texts
from hypothesis import given
from hypothesis import strategies as st

from snakeval.errors import UserError
from snakeval.metrics import overlap


@given(texts, st.lists(texts, min_size=1, max_size=3), st.booleans())
def test_rouge_is_rouge_scores(prediction, references, stemmer):
    from rouge_score.rouge_scorer import RougeScorer

    for name in ("rouge1", "rouge2", "rougeL", "rougeLsum"):
        scorer = RougeScorer([name], use_stemmer=stemmer)
        wanted = max(scorer.score(reference, prediction)[name].fmeasure for reference in references)
        assert generation(name, use_stemmer=stemmer)(prediction, references) == wanted


def test_rouge_of_other_scripts_needs_another_tokenizer():
    assert generation("rouge1")("漢字 仮名", ["漢字 仮名"]) == 0
    assert generation("rouge1", tokenizer="whitespace")("漢字 仮名", ["漢字 かな"]) == 0.5
    assert generation("rouge1", tokenizer="characters")("漢字", ["漢文"]) == 0.5
    with pytest.raises(UserError, match="tokenizer: 'jieba'"):
        generation("rouge1", tokenizer="jieba")("a", ["a"])


@given(texts, texts, st.sampled_from([0, 1, 4, None]))
def test_rouge_s_by_brute_force(prediction, reference, skip):
    def pairs(text):
        words = re.findall("[a-z0-9]+", text.lower())
        return [
            (words[i], words[j])
            for i, j in itertools.combinations(range(len(words)), 2)
            if skip is None or j - i - 1 <= skip
        ]

    own, theirs = pairs(prediction), pairs(reference)
    common = sum((Counter(own) & Counter(theirs)).values())
    wanted = 2 * common / (len(own) + len(theirs)) if common else 0
    assert generation("rougeS", skip=skip)(prediction, [reference]) == pytest.approx(wanted)


@given(st.text(alphabet="abc漢", max_size=12), st.text(alphabet="abc漢", max_size=12))
def test_edit_distance_is_nltks(a, b):
    from nltk.metrics.distance import edit_distance

    assert overlap.levenshtein(a, b) == edit_distance(a, b)
    assert generation("edit_distance")(a, [b, a]) == 0
    assert generation("edit_similarity")(a, [b]) == pytest.approx(
        1 - edit_distance(a, b) / max(len(a), len(b), 1)
    )


def test_lengths_and_repetition():
    assert generation("length")("a 漢🙂", ["x"]) == 4
    assert generation("length", unit="words")(" a  b ", ["x"]) == 2
    assert generation("edit_distance", unit="words")("the cat sat", ["the dog"]) == 2
    assert generation("distinct_1")("a a b a", ["x"]) == 0.5
    assert generation("distinct_2")("a", ["x"]) == 1
    assert generation("repetition", n=2)("a b a b a", ["x"]) == 0.5
    assert generation("repetition")("", ["x"]) == 0
    with pytest.raises(UserError, match="unit: 'lines'"):
        generation("length", unit="lines")("a", ["a"])

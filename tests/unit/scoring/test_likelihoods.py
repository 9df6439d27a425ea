"""Scores of targets and whole texts, compared with lm-eval."""

import math
import random

import pytest
from builders.scoring_tables import of_lm_eval, settings, tables, target_document, total, values

from snakeval.scoring.score import score_task


def text_document(text, windows, n_tokens):
    request = {
        "questions": [],
        "continuations": [{"question": -1, "text": text}],
        "references": [text],
    }
    return request, {
        "loglikelihoods": windows,
        "greedy": [False] * len(windows),
        "n_tokens": n_tokens,
    }


def test_targets_score_as_in_lm_eval():
    from lm_eval.api.metrics import perplexity

    rng = random.Random(0)
    results = [(-rng.random() * 20, rng.random() < 0.5) for _ in range(50)]
    scoring = settings("loglikelihood", ["perplexity", "acc"])
    scores = score_task(
        *tables("loglikelihood", [target_document(*result) for result in results]), scoring
    )
    wanted = [
        of_lm_eval("loglikelihood", {}, [result], ["perplexity", "acc"]) for result in results
    ]
    assert values(scores, "acc") == [w["acc"] for w in wanted]
    assert values(scores, "perplexity") == pytest.approx(
        [math.exp(-w["perplexity"]) for w in wanted]
    )
    corpus = total(scores, scoring, "perplexity")
    assert corpus == pytest.approx(perplexity([w["perplexity"] for w in wanted]), abs=1e-9)


def test_an_impossible_target_has_infinite_perplexity_and_no_value_of_its_own():
    documents = [target_document(-math.inf, False), target_document(-1e6, False)]
    scoring = settings("loglikelihood", ["perplexity"])
    scores = score_task(*tables("loglikelihood", documents), scoring)
    assert values(scores, "perplexity") == [None, None]
    assert total(scores, scoring, "perplexity") == math.inf


def test_texts_score_as_in_lm_eval():
    from lm_eval.api.metrics import bits_per_byte, weighted_perplexity
    from lm_eval.api.task import PerplexityTask

    rng = random.Random(0)
    texts = [" Straße  漢字 🙂\n", "one", "a b\tc\u00a0d ", "\n"] * 5
    windows = [[-rng.random() * 50 for _ in range(rng.randint(1, 4))] for _ in texts]
    documents = [
        text_document(text, window, [7] * len(window))
        for text, window in zip(texts, windows, strict=True)
    ]
    names = ["word_perplexity", "byte_perplexity", "bits_per_byte", "token_perplexity"]
    scoring = settings("loglikelihood_rolling", names)
    scores = score_task(*tables("loglikelihood_rolling", documents), scoring)
    corpus = {name: total(scores, scoring, name) for name in names}
    words = [(sum(w), PerplexityTask.count_words(t)) for t, w in zip(texts, windows, strict=True)]
    bytes_ = [(sum(w), PerplexityTask.count_bytes(t)) for t, w in zip(texts, windows, strict=True)]
    assert corpus["word_perplexity"] == pytest.approx(weighted_perplexity(words), rel=1e-12)
    assert corpus["byte_perplexity"] == pytest.approx(weighted_perplexity(bytes_), rel=1e-12)
    assert corpus["bits_per_byte"] == pytest.approx(bits_per_byte(bytes_), rel=1e-12)
    assert corpus["token_perplexity"] == pytest.approx(
        math.exp(-sum(map(sum, windows)) / sum(7 * len(w) for w in windows)), rel=1e-12
    )
    assert set(scores["prediction"].to_pylist()) == {None}

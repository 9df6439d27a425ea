"""Scores of generated answers: filters, metrics, several answers, corpus metrics."""

import json
import random

import pytest
from builders.scoring_tables import GSM8K, generated, rows, scored, settings, tables, total, values
from hypothesis import given
from hypothesis import strategies as st

from snakeval.errors import UserError
from snakeval.metrics import aggregation
from snakeval.scoring.score import score_task


def test_every_metric_after_every_pipeline_and_failed_extraction_apart_from_wrong():
    documents = [
        generated(["so #### 42"], ["42"]),
        generated(["it is 42"], ["42"]),
        generated(["none"], ["7"]),
        generated(["#### 6"], ["7"]),
    ]
    names = ["exact_match", "token_f1"]
    scores = scored("generate_until", documents, names, filter_list=GSM8K)
    assert values(scores, "exact_match", "strict") == [1, 0, 0, 0]
    assert values(scores, "exact_match", "flexible") == [1, 1, 0, 0]
    assert values(scores, "token_f1", "flexible") == [1, 1, 0, 0]
    strict = rows(scores, "exact_match", "strict")
    assert strict["extracted"].to_pylist() == [True, False, False, True]
    assert strict["prediction"].to_pylist() == ["42", "[invalid]", "[invalid]", "6"]


@given(
    st.lists(
        st.tuples(st.text(max_size=8), st.lists(st.text(max_size=8), min_size=1, max_size=3)),
        min_size=1,
        max_size=5,
    ),
    st.fixed_dictionaries(
        {
            "ignore_case": st.booleans(),
            "ignore_punctuation": st.booleans(),
            "ignore_numbers": st.booleans(),
            "regexes_to_ignore": st.sampled_from([None, [","], [r"\$", "(?s).*#### "]]),
        }
    ),
)
def test_exact_match_is_lm_evals(documents, options):
    from lm_eval.api.metrics import exact_match_hf_evaluate

    def theirs(answer, references):
        predictions = [answer] * len(references)
        found = exact_match_hf_evaluate(predictions=predictions, references=references, **options)
        return float(found["exact_match"] > 0)

    # lm-eval compares numpy's fixed-width strings, which drop zero characters at their end
    documents = [
        (answer.replace("\0", ""), [reference.replace("\0", "") for reference in references])
        for answer, references in documents
    ]
    tasks = [generated([answer], references) for answer, references in documents]
    scores = scored("generate_until", tasks, [{"metric": "exact_match", **options}])
    assert values(scores, "exact_match") == [theirs(*document) for document in documents]


def test_corpus_metrics_against_sacrebleu():
    import sacrebleu

    rng, words = random.Random(0), ["the", "cat", "sat", "on", "a", "mat", ",", "red", ".", "dog"]
    hypotheses = [" ".join(rng.choices(words, k=rng.randint(0, 9))) for _ in range(40)]
    references = [
        [" ".join(rng.choices(words, k=rng.randint(1, 9))) for _ in range(2)] for _ in range(40)
    ]
    names = ["bleu", "chrf", "chrf++", "ter"]
    scoring = settings("generate_until", names)
    documents = [generated([h], r) for h, r in zip(hypotheses, references, strict=True)]
    scores = score_task(*tables("generate_until", documents), scoring)
    streams = list(zip(*references, strict=True))
    wanted = {
        "bleu": sacrebleu.corpus_bleu(hypotheses, streams).score,
        "chrf": sacrebleu.corpus_chrf(hypotheses, streams).score,
        "chrf++": sacrebleu.corpus_chrf(hypotheses, streams, word_order=2).score,
        "ter": sacrebleu.corpus_ter(hypotheses, streams).score,
    }
    for name in names:
        assert total(scores, scoring, name) == pytest.approx(wanted[name], abs=1e-9)
    sentence = [
        sacrebleu.sentence_bleu(h, r).score for h, r in zip(hypotheses, references, strict=True)
    ]
    assert values(scores, "bleu") == pytest.approx(sentence, abs=1e-9)


def test_several_answers_score_their_mean():
    documents = [generated(["a", "b", "a", "a"], ["a"]), generated(["b"] * 4, ["a"])]
    scores = scored("generate_until", documents, ["exact_match", "bleu", "pass@2", "maj@3"])
    assert values(scores, "exact_match") == [0.75, 0]
    assert values(scores, "pass@2") == [1, 0]
    assert values(scores, "maj@3") == [1, 0]
    assert json.loads(rows(scores, "exact_match")["prediction"][0].as_py()) == ["a", "b", "a", "a"]
    first, second = (aggregation.statistics_of(rows(scores, "bleu"))[d] for d in range(2))
    assert first[2] == 0.75 and second[2] == 0  # matching words, averaged over the answers


def test_take_first_and_majority_vote_take_one_of_several_answers():
    pipelines = [
        {"name": "first", "filter": [{"function": "take_first"}]},
        {"name": "vote", "filter": [{"function": "majority_vote"}]},
    ]
    documents = [generated(["b", "a", "a"], ["a"])]
    scores = scored("generate_until", documents, ["exact_match"], filter_list=pipelines)
    assert values(scores, "exact_match", "first") == [0]
    assert values(scores, "exact_match", "vote") == [1]


def test_pass_at_k_needs_k_answers():
    with pytest.raises(UserError, match="pass@3: it needs 3 answers and has 2"):
        scored("generate_until", [generated(["a", "b"], ["a"])], ["pass@3"])

import json
import math
import random
import time

import pytest
from builders.scoring_tables import (
    GSM8K,
    choice_document,
    generated,
    of_lm_eval,
    replaced,
    rows,
    settings,
    tables,
    values,
)
from hypothesis import given
from hypothesis import strategies as st

from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.metrics import aggregation, answers, registry
from snakeval.schemas.model import SCORES
from snakeval.scoring.score import score_task

# log-likelihoods and whole texts


def target_document(loglikelihood, greedy):
    return {"continuations": [{"question": 0, "text": "x"}], "references": ["x"]}, {
        "loglikelihoods": [loglikelihood],
        "greedy": [greedy],
        "n_tokens": [1],
    }


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
    corpus = aggregation.score(
        registry.aggregation_of("perplexity", scoring), rows(scores, "perplexity")
    )
    assert corpus == pytest.approx(perplexity([w["perplexity"] for w in wanted]), abs=1e-9)


def test_an_impossible_target_has_infinite_perplexity_and_no_value_of_its_own():
    documents = [target_document(-math.inf, False), target_document(-1e6, False)]
    scoring = settings("loglikelihood", ["perplexity"])
    scores = score_task(*tables("loglikelihood", documents), scoring)
    assert values(scores, "perplexity") == [None, None]
    assert aggregation.score(registry.aggregation_of("perplexity", scoring), scores) == math.inf


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
    corpus = {
        name: aggregation.score(registry.aggregation_of(name, scoring), rows(scores, name))
        for name in names
    }
    words = [(sum(w), PerplexityTask.count_words(t)) for t, w in zip(texts, windows, strict=True)]
    bytes_ = [(sum(w), PerplexityTask.count_bytes(t)) for t, w in zip(texts, windows, strict=True)]
    assert corpus["word_perplexity"] == pytest.approx(weighted_perplexity(words), rel=1e-12)
    assert corpus["byte_perplexity"] == pytest.approx(weighted_perplexity(bytes_), rel=1e-12)
    assert corpus["bits_per_byte"] == pytest.approx(bits_per_byte(bytes_), rel=1e-12)
    assert corpus["token_perplexity"] == pytest.approx(
        math.exp(-sum(map(sum, windows)) / sum(7 * len(w) for w in windows)), rel=1e-12
    )
    assert set(scores["prediction"].to_pylist()) == {None}


# generated answers


def test_every_metric_after_every_pipeline_and_failed_extraction_apart_from_wrong():
    documents = [
        generated(["so #### 42"], ["42"]),
        generated(["it is 42"], ["42"]),
        generated(["none"], ["7"]),
        generated(["#### 6"], ["7"]),
    ]
    scores = score_task(
        *tables("generate_until", documents),
        settings("generate_until", ["exact_match", "token_f1"], filter_list=GSM8K),
    )
    assert values(scores, "exact_match", "strict") == [1, 0, 0, 0]
    assert (
        values(scores, "exact_match", "flexible")
        == values(scores, "token_f1", "flexible")
        == [1, 1, 0, 0]
    )
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

    # numpy's fixed-width strings, which lm-eval compares, end at the first trailing zero character; ours do not
    documents = [
        (answer.replace("\0", ""), [reference.replace("\0", "") for reference in references])
        for answer, references in documents
    ]
    benchmark = {"metric": "exact_match", **options}
    scores = score_task(
        *tables("generate_until", [generated([a], r) for a, r in documents]),
        settings("generate_until", [benchmark]),
    )
    wanted = [
        float(
            exact_match_hf_evaluate(
                predictions=[answer] * len(references), references=references, **options
            )["exact_match"]
            > 0
        )
        for answer, references in documents
    ]
    assert values(scores, "exact_match") == wanted


def test_corpus_metrics_against_sacrebleu():
    import sacrebleu

    rng, words = random.Random(0), ["the", "cat", "sat", "on", "a", "mat", ",", "red", ".", "dog"]
    hypotheses = [" ".join(rng.choices(words, k=rng.randint(0, 9))) for _ in range(40)]
    references = [
        [" ".join(rng.choices(words, k=rng.randint(1, 9))) for _ in range(2)] for _ in range(40)
    ]
    names = ["bleu", "chrf", "chrf++", "ter"]
    scoring = settings("generate_until", names)
    scores = score_task(
        *tables(
            "generate_until",
            [generated([h], r) for h, r in zip(hypotheses, references, strict=True)],
        ),
        scoring,
    )
    streams = list(zip(*references, strict=True))
    wanted = {
        "bleu": sacrebleu.corpus_bleu(hypotheses, streams).score,
        "chrf": sacrebleu.corpus_chrf(hypotheses, streams).score,
        "chrf++": sacrebleu.corpus_chrf(hypotheses, streams, word_order=2).score,
        "ter": sacrebleu.corpus_ter(hypotheses, streams).score,
    }
    for name in names:
        assert aggregation.score(
            registry.aggregation_of(name, scoring), rows(scores, name)
        ) == pytest.approx(wanted[name], abs=1e-9)
    sentence = [
        sacrebleu.sentence_bleu(h, r).score for h, r in zip(hypotheses, references, strict=True)
    ]
    assert values(scores, "bleu") == pytest.approx(sentence, abs=1e-9)


# several answers


def test_several_answers_score_their_mean():
    documents = [generated(["a", "b", "a", "a"], ["a"]), generated(["b"] * 4, ["a"])]
    scores = score_task(
        *tables("generate_until", documents),
        settings("generate_until", ["exact_match", "bleu", "pass@2", "maj@3"]),
    )
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
    scores = score_task(
        *tables("generate_until", documents),
        settings("generate_until", ["exact_match"], filter_list=pipelines),
    )
    assert values(scores, "exact_match", "first") == [0] and values(
        scores, "exact_match", "vote"
    ) == [1]


def test_pass_at_k_needs_k_answers():
    with pytest.raises(UserError, match="pass@3 needs 3 answers and has 2"):
        score_task(
            *tables("generate_until", [generated(["a", "b"], ["a"])]),
            settings("generate_until", ["pass@3"]),
        )


# errors and odd input


def test_rows_fit_the_schema_and_go_through_a_file(tmp_path):
    scores = score_task(
        *tables("generate_until", [generated(["é🙂"], ["é🙂"], cluster="c")]),
        settings("generate_until", ["exact_match", "bleu"]),
    )
    parquet.write(scores, tmp_path / "s.parquet", SCORES)
    assert parquet.read(tmp_path / "s.parquet", SCORES).equals(scores)
    assert scores["cluster"].to_pylist() == ["c", "c"]


def test_the_order_of_rows_does_not_matter():
    documents = [generated([str(i % 3)], ["1"]) for i in range(9)]
    requests, responses = tables("generate_until", documents)
    scoring = settings(
        "generate_until",
        ["exact_match", "f1"],
        filter_list=[{"name": "none", "filter": [{"function": "take_first"}]}],
    )
    scoring["metric_list"][1] = {"metric": "f1", "average": "macro"}
    shuffled = responses.take([8, 3, 1, 0, 2, 7, 6, 5, 4])
    assert score_task(requests.take(list(range(8, -1, -1))), shuffled, scoring).equals(
        score_task(requests, responses, scoring)
    )


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        ("multiple_choice", choice_document(["a", "b"], [-1.0, -2.0], [0])),
        ("loglikelihood", target_document(-1.0, True)),
        ("generate_until", generated(["a"], ["a"])),
    ],
)
def test_bypass_keeps_answers_without_a_score(kind, document):
    scoring = settings(kind, [{"metric": "bypass", "aggregation": "bypass"}])
    scores = score_task(*tables(kind, [document]), scoring)
    assert values(scores, "bypass") == [None]
    assert math.isnan(aggregation.score(registry.aggregation_of("bypass", scoring), scores))


def test_no_documents_give_no_rows():
    requests, responses = tables("generate_until", [])
    assert (
        score_task(requests, responses, settings("generate_until", ["exact_match"])).num_rows == 0
    )


@pytest.mark.parametrize(
    ("calls", "answered", "message"),
    [
        ([0, 1, 2], [0, 2], r"t: no answer to 1 document \(1\)"),
        ([0], [0, 4, 5], r"t: answers to 2 documents \(4, 5\) that the requests do not hold"),
        ([0, 1], [0, 1, 1], r"t: the responses hold document 1 more than once"),
        ([0, 0], [0], r"t: the requests hold document 0 more than once"),
    ],
)
def test_documents_must_match(asked, answered, message):
    requests, responses = tables("generate_until", [generated(["a"], ["a"])] * 6)
    requests = replaced(requests.slice(0, len(asked)), doc_id=asked)
    responses = replaced(responses.slice(0, len(answered)), doc_id=answered)
    with pytest.raises(UserError, match=message):
        score_task(requests, responses, settings("generate_until", ["exact_match"]))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_log_likelihood_that_is_no_number_is_named(bad):
    documents = [
        choice_document(["a", "b"], [-1.0, -2.0], [0]),
        choice_document(["a", "b"], [-1.0, bad], [0]),
    ]
    with pytest.raises(UserError, match=f"t: document 1: log-likelihood {bad}"):
        score_task(*tables("multiple_choice", documents), settings("multiple_choice", ["acc"]))


@pytest.mark.parametrize(
    ("kind", "document", "more", "message"),
    [
        (
            "multiple_choice",
            choice_document(["a", "b", "c"], [-1.0, -2.0], [0]),
            {},
            "document 0: 3 choices and 2 log-likelihoods",
        ),
        (
            "multiple_choice",
            choice_document(["a"], [-1.0], [0]),
            {"metric_list": [{"metric": "acc_mutual_info"}]},
            "after nothing",
        ),
        (
            "multiple_choice",
            choice_document(["a"], [-1.0], [0]),
            {"metric_list": [{"metric": "akk"}]},
            "metric akk: none for multiple_choice",
        ),
        (
            "multiple_choice",
            choice_document(["a"], [-1.0], [0]),
            {"filter_list": GSM8K},
            "there is no text to filter",
        ),
        (
            "multiple_choice",
            choice_document(list("abc"), [-1.0] * 3, [2]),
            {"metric_list": [{"metric": "mcc", "aggregation": "mean"}]},
            "mcc",
        ),
        ("generate_until", generated(["a"], []), {}, "document 0 has no reference"),
        ("generate_until", generated([], ["a"]), {}, "document 0 has no answer"),
        ("generate_until", generated(["a"], ["a"]), {"unsafe_code": True}, "sandbox"),
        (
            "generate_until",
            generated(["a"], ["a"]),
            {"metric_list": [{"metric": "exact_match", "regexes_to_ignore": ["("]}]},
            "not a regular expression",
        ),
        (
            "generate_until",
            generated(["a"], ["a"]),
            {"metric_list": [{"metric": "exact_match", "ignore_cse": True}]},
            "unexpected .*'ignore_cse'",
        ),
        (
            "generate_until",
            generated(["a"], ["a"]),
            {"metric_list": [{"metric": "pass@1", "ignore_cse": True}]},
            "unexpected .*'ignore_cse'",
        ),
        (
            "generate_until",
            generated(["a"], ["a"]),
            {"metric_list": [{"metric": "bleu", "tokenise": "zh"}]},
            "unexpected keyword.*tokenise",
        ),
        (
            "generate_until",
            generated(["a"], ["a"]),
            {"metric_list": [{"metric": "exact_match", "aggregation": "men"}]},
            "no aggregation 'men'",
        ),
    ],
)
def test_errors_name_the_task_and_what_is_wrong(kind, document, more, message):
    scoring = settings(kind, ["acc" if kind == "multiple_choice" else "exact_match"], **more)
    with pytest.raises(UserError, match=f"^t: .*{message}"):
        score_task(*tables(kind, [document]), scoring)


def test_a_hostile_answer_of_a_megabyte():
    text = "((((" * 250_000
    names = [
        "exact_match",
        "token_f1",
        "squad_match",
        "triviaqa_match",
        "contains",
        "length",
        "rougeL",
        "edit_distance",
        "distinct_2",
        "repetition",
    ]
    start = time.process_time()
    scores = score_task(
        *tables("generate_until", [generated([text], ["a b"])]),
        settings("generate_until", names, filter_list=GSM8K),
    )
    assert values(scores, "exact_match", "flexible") == [0]
    assert values(scores, "length", "flexible") == [len("[invalid]")]
    scores = score_task(
        *tables("generate_until", [generated([text], ["a b"])]), settings("generate_until", names)
    )
    assert values(scores, "length") == values(scores, "edit_distance") == [1_000_000]
    assert time.process_time() - start < 10


def test_a_runaway_expression_in_exact_match_is_stopped(monkeypatch):
    monkeypatch.setattr(answers, "REGEX_SECONDS", 0.2)
    benchmark = {"metric": "exact_match", "regexes_to_ignore": ["(?s).*#### "]}
    documents = [generated(["so #### 7"], ["7"]), generated(["x" * 1_000_000], ["7"])]
    with pytest.raises(UserError, match=r"^t: document 1: regexes_to_ignore took over 0.2 s"):
        score_task(*tables("generate_until", documents), settings("generate_until", [benchmark]))
    assert values(
        score_task(
            *tables("generate_until", documents[:1]), settings("generate_until", [benchmark])
        ),
        "exact_match",
    ) == [1]

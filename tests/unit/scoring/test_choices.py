import math
import random
import time

import numpy as np
import pyarrow as pa
import pytest
from builders.scoring_tables import (
    choice_document,
    of_lm_eval,
    replaced,
    rows,
    scored,
    settings,
    tables,
    total,
    values,
)
from hypothesis import given
from hypothesis import strategies as st

from snakeval.scoring.score import score_task

CHOICE_METRICS = [
    "acc",
    "acc_norm",
    "acc_bytes",
    "exact_match",
    "acc_mutual_info",
    "brier_score",
    "likelihood",
    "mcc",
]


def random_choices(rng, n, k, several=False):
    documents = []
    for _ in range(n):
        choices = [rng.choice("aäß漢🙂xyz") * rng.randint(1, 5) + str(i) for i in range(k)]
        loglikelihoods = [round(-rng.random() * 9, rng.choice([0, 3])) for _ in range(k)]
        gold = sorted(rng.sample(range(k), 2)) if several else [rng.randrange(k)]
        greedy = [rng.random() < 0.3 for _ in range(k)]
        alone = [-rng.random() * 9 for _ in range(k)]
        documents.append(
            choice_document(choices, loglikelihoods, gold, greedy, unconditional=alone)
        )
    return documents


def test_choices_score_as_in_lm_eval():
    documents = random_choices(random.Random(0), 200, 4)
    scores = scored("multiple_choice", documents, CHOICE_METRICS)
    for d, (request, response) in enumerate(documents):
        results = list(zip(response["loglikelihoods"], response["greedy"], strict=True))
        wanted = of_lm_eval(
            "multiple_choice", {}, results, CHOICE_METRICS, request["choices"], request["gold"][0]
        )
        for name in ("acc", "acc_norm", "acc_bytes", "exact_match", "acc_mutual_info"):
            assert values(scores, name)[d] == wanted[name], (d, name)
        gold, probabilities = wanted["brier_score"]
        onehot = np.eye(4)[gold]
        assert values(scores, "brier_score")[d] == pytest.approx(
            np.sum((probabilities - onehot) ** 2), abs=1e-12
        )
        assert values(scores, "likelihood")[d] == pytest.approx(probabilities[gold], abs=1e-12)


def test_several_right_choices_score_as_in_lm_eval():
    documents = random_choices(random.Random(1), 100, 5, several=True)
    names = ["acc", "acc_norm", "acc_bytes", "exact_match"]
    without = [(q, {k: v[:5] for k, v in r.items()}) for q, r in documents]
    scores = scored("multiple_choice", without, names)
    for d, (request, response) in enumerate(documents):
        results = list(zip(response["loglikelihoods"], response["greedy"], strict=True))[:5]
        wanted = of_lm_eval(
            "multiple_choice", {}, results, names, request["choices"], request["gold"], several=2
        )
        assert {name: values(scores, name)[d] for name in names} == wanted


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.text(min_size=1, max_size=5), st.sampled_from([0.0, -1.0, -1.5, -2.0, -math.inf])
            ),
            min_size=1,
            max_size=5,
        ),
        min_size=1,
        max_size=6,
    )
)
def test_the_first_of_equal_choices_is_chosen(documents):
    given_ = [
        choice_document(
            [c for c, _ in choices], [ll for _, ll in choices], [0], n_tokens=[2] * len(choices)
        )
        for choices in documents
    ]
    names = ["acc", "acc_norm", "acc_bytes", "acc_tokens"]
    scores = scored("multiple_choice", given_, names)
    lengths = {
        "acc": lambda c: 1,
        "acc_norm": len,
        "acc_bytes": lambda c: len(c.encode()),
        "acc_tokens": lambda c: 2,
    }
    for metric, length in lengths.items():
        chosen = [int(np.argmax([ll / length(c) for c, ll in choices])) for choices in documents]
        assert values(scores, metric) == [float(i == 0) for i in chosen]
        assert rows(scores, metric)["prediction"].to_pylist() == [
            choices[i][0] for choices, i in zip(documents, chosen, strict=True)
        ]


def test_an_impossible_choice_is_not_chosen_by_mutual_information():
    """Where the difference is defined, the choice is lm-eval's."""
    none = -math.inf
    documents = [
        choice_document(list("ab"), [none, -1.0], [1], unconditional=[none, -2.0]),
        choice_document(list("ab"), [none, -1.0], [1], unconditional=[-3.0, -2.0]),
        choice_document(list("ab"), [-3.0, -1.0], [0], unconditional=[none, -2.0]),
        choice_document(list("ab"), [none, none], [0], unconditional=[none, -2.0]),
    ]
    scores = scored("multiple_choice", documents, ["acc_mutual_info"])
    assert values(scores, "acc_mutual_info") == [1.0] * 4
    for request, response in documents[1:3]:
        results = list(zip(response["loglikelihoods"], response["greedy"], strict=True))
        names, gold = ["acc_mutual_info"], request["gold"][0]
        wanted = of_lm_eval("multiple_choice", {}, results, names, request["choices"], gold)
        assert wanted["acc_mutual_info"] == 1.0


def test_choices_that_are_all_impossible_share_the_probability():
    documents = [
        choice_document(list("abcd"), [-math.inf] * 4, [0]),
        choice_document(list("ab"), [-math.inf, -1.0], [1]),
    ]
    scoring = settings("multiple_choice", ["brier_score", "likelihood", "nll", "ece"])
    scores = score_task(*tables("multiple_choice", documents), scoring)
    assert values(scores, "brier_score") == pytest.approx([3 / 4, 0.0])
    assert values(scores, "likelihood") == pytest.approx([1 / 4, 1.0])
    assert values(scores, "nll") == pytest.approx([math.log(4), 0.0])
    # confidence a quarter and right, confidence one and right
    assert total(scores, scoring, "ece") == pytest.approx((3 / 4 + 0) / 2)


def test_normalisation_by_tokens():
    document = choice_document(["a", "b"], [-2.0, -3.0], [1], n_tokens=[1, 2])
    scores = scored("multiple_choice", [document], ["acc", "acc_tokens"])
    assert values(scores, "acc") == [0.0] and values(scores, "acc_tokens") == [1.0]


def test_a_choice_of_no_length_has_no_normalised_score():
    document = choice_document(["", "a"], [0.0, -1.0], [1], n_tokens=[0, 1])
    names = ["acc", "acc_norm", "acc_bytes", "acc_tokens"]
    scores = scored("multiple_choice", [document], names)
    assert [values(scores, name) for name in names] == [[0.0], [1.0], [1.0], [1.0]]


def test_a_right_choice_that_is_not_there_is_never_chosen():
    documents = [
        choice_document(["a", "b"], [-1.0, -2.0], [-100]),
        choice_document(["a", "b"], [-1.0, -2.0], [5]),
    ]
    scores = scored("multiple_choice", documents, ["acc", "exact_match", "brier_score"])
    assert values(scores, "acc") == values(scores, "exact_match") == [0.0, 0.0]
    brier = np.sum(np.square(np.exp([-1, -2]) / np.exp([-1, -2]).sum()))
    assert values(scores, "brier_score") == pytest.approx([brier] * 2)


def test_references_name_the_right_choice_where_gold_does_not():
    request, response = choice_document(["a", "b"], [-2.0, -1.0], [])
    documents = [(request | {"references": ["b"]}, response)]
    scores = scored("multiple_choice", documents, ["acc"])
    assert values(scores, "acc") == [1.0]


def test_documents_with_different_numbers_of_choices():
    documents = [
        choice_document(["a"], [-5.0], [0]),
        choice_document(list("abc"), [-3.0, -1.0, -2.0], [1]),
    ]
    assert values(scored("multiple_choice", documents, ["acc"]), "acc") == [1.0, 1.0]


def test_classification_of_choices_against_scikit_learn():
    from sklearn import metrics as sklearn

    rng = np.random.default_rng(0)
    loglikelihoods, gold = rng.normal(size=(300, 2)), rng.integers(0, 2, 300)
    documents = [
        choice_document(["no", "yes"], ll.tolist(), [int(g)])
        for ll, g in zip(loglikelihoods, gold, strict=True)
    ]
    predicted = loglikelihoods.argmax(1)
    wanted = {
        "f1": sklearn.f1_score(gold, predicted),
        "mcc": sklearn.matthews_corrcoef(gold, predicted),
        "balanced_accuracy": sklearn.balanced_accuracy_score(gold, predicted),
        "precision": sklearn.precision_score(gold, predicted),
        "recall": sklearn.recall_score(gold, predicted),
    }
    scoring = settings("multiple_choice", list(wanted))
    scores = score_task(*tables("multiple_choice", documents), scoring)
    for name, value in wanted.items():
        assert total(scores, scoring, name) == pytest.approx(value, abs=1e-12)
        assert values(scores, name) == [None] * 300
    scoring = settings("multiple_choice", [{"metric": "f1", "average": "macro"}])
    scores = score_task(*tables("multiple_choice", documents), scoring)
    macro = total(scores, scoring, "f1")
    assert macro == pytest.approx(sklearn.f1_score(gold, predicted, average="macro"), abs=1e-12)


def test_a_hundred_thousand_documents_in_about_a_second():
    n, loglikelihoods = 100_000, np.random.default_rng(0).normal(size=400_000)
    requests, responses = tables("multiple_choice", [choice_document(list("abcd"), [0.0] * 4, [1])])
    requests, responses = (table.take(np.zeros(n, dtype=int)) for table in (requests, responses))
    column = pa.ListArray.from_arrays(np.arange(n + 1, dtype=np.int32) * 4, loglikelihoods)
    requests = replaced(requests, doc_id=np.arange(n))
    responses = replaced(responses, doc_id=np.arange(n), loglikelihoods=column)
    start = time.process_time()
    scores = score_task(requests, responses, settings("multiple_choice", ["acc", "acc_norm"]))
    seconds = time.process_time() - start
    assert scores.num_rows == 2 * n
    chosen = loglikelihoods.reshape(-1, 4).argmax(1)
    assert values(scores, "acc") == (chosen == 1).astype(float).tolist()
    assert seconds < 5  # about 1 on an idle core

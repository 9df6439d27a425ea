"""Metrics of classification, compared with scikit-learn."""

import numpy as np
import pytest
from builders.metric_calls import corpus
from hypothesis import given
from hypothesis import strategies as st

from snakeval.errors import UserError

labels = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20)


@pytest.mark.filterwarnings("ignore:A single label was found")
@given(labels, st.sampled_from(["macro", "micro", "weighted"]))
def test_classification_of_several_classes_is_scikit_learns(items, average):
    from sklearn import metrics as sklearn

    right, predicted = zip(*items, strict=True)
    for name, function in (
        ("f1", sklearn.f1_score),
        ("precision", sklearn.precision_score),
        ("recall", sklearn.recall_score),
    ):
        assert corpus(name, items, average=average) == pytest.approx(
            function(right, predicted, average=average, zero_division=0), abs=1e-12
        )
    assert corpus("accuracy", items) == pytest.approx(
        sklearn.accuracy_score(right, predicted), abs=1e-12
    )
    recalls = [np.mean([p == r for r, p in items if r == label]) for label in set(right)]
    assert corpus("balanced_accuracy", items) == pytest.approx(np.mean(recalls), abs=1e-12)
    assert corpus("matthews_corrcoef", items) == pytest.approx(
        sklearn.matthews_corrcoef(right, predicted), abs=1e-12
    )


@pytest.mark.filterwarnings("ignore:A single label was found")
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1)), min_size=1, max_size=20))
def test_classification_of_two_classes_is_scikit_learns(items):
    from sklearn import metrics as sklearn

    right, predicted = zip(*items, strict=True)
    assert corpus("f1", items) == pytest.approx(
        sklearn.f1_score(right, predicted, zero_division=0), abs=1e-12
    )
    assert corpus("matthews_corrcoef", items) == pytest.approx(
        sklearn.matthews_corrcoef(right, predicted), abs=1e-12
    )


def test_an_answer_that_names_no_class_is_a_miss_but_no_class():
    items = [("yes", "yes"), ("yes", "yes"), ("no", "I do not know"), ("yes", "no"), ("no", None)]
    assert corpus("f1", items, average="macro") == pytest.approx((4 / 5 + 0) / 2)
    assert corpus("f1", items, pos_label="yes") == pytest.approx(4 / 5)
    assert corpus("accuracy", items) == pytest.approx(2 / 5)
    from sklearn.metrics import matthews_corrcoef

    as_class = [(gold, answer if answer in ("yes", "no") else "other") for gold, answer in items]
    wanted = matthews_corrcoef(*zip(*as_class, strict=True))
    assert wanted > 0.1 and corpus("matthews_corrcoef", items) == pytest.approx(wanted, abs=1e-12)
    with pytest.raises(UserError, match="pos_label: 1"):
        corpus("f1", items)
    with pytest.raises(UserError, match="average: 'sum'"):
        corpus("f1", items, average="sum")

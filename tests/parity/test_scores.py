"""Log-likelihoods, documents' scores, tasks' scores and standard errors are those of
lm-evaluation-harness, in one run of both.
"""

import math

import parity_scores
import pytest

from snakeval.scoring.filters.registry import FILTERS

METRICS = {
    "acc", "acc_norm", "acc_bytes", "acc_mutual_info", "exact_match", "brier_score", "f1", "mcc",
    "perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte", "bleu", "chrf", "ter",
}  # fmt: skip

pytestmark = pytest.mark.xdist_group(
    "scores of both"
)  # one process runs both programs, for all tests


@pytest.fixture(scope="module")
def rows():
    return parity_scores.run()


def test_what_is_compared(rows):
    assert len(rows) >= 35
    assert {row.kind for row in rows} == {
        "multiple_choice",
        "loglikelihood",
        "loglikelihood_rolling",
        "generate_until",
    }
    assert {metric for row in rows for metric in row.metrics} >= METRICS
    used = set()
    for case in parity_scores.cases():
        named = {"name": case.file, "overrides": case.keys}
        (task,) = parity_scores.resolution.resolve(named, []).tasks
        used |= {
            str(step["function"])
            for item in task.settings.get("filter_list") or []
            for step in item["filter"]
        }
    assert FILTERS.keys() - used == {"boxed", "prepend"}  # which the package has not
    assert any("own.Last" in name for name in used)


def test_answers(rows):
    assert {row.task: row.answers for row in rows if row.answers} == {}
    assert {
        row.task: row.loglikelihood
        for row in rows
        if row.loglikelihood and row.loglikelihood > 1e-5
    } == {}
    assert sum(row.loglikelihood is not None for row in rows) >= 20


def test_scores_of_documents(rows):
    """A difference of two log-likelihoods may be off by both their errors."""
    limits = {"lm_eval/crows_pairs/crows_pairs_english.yaml": 1e-4}
    assert {
        row.task: row.values
        for row in rows
        if row.values and row.values > limits.get(row.task, 1e-6)
    } == {}
    assert sum(row.values is not None for row in rows) >= 30


def test_scores_of_tasks(rows):
    """A perplexity magnifies the error of its log-likelihoods, which are sums in float32."""
    limits = {"lm_eval/lambada/lambada_openai.yaml": 2e-6}
    assert all(math.isfinite(row.aggregate) for row in rows)
    over = {row.task: row.aggregate for row in rows if row.aggregate > limits.get(row.task, 1e-6)}
    assert over == {}


def test_standard_errors(rows):
    assert {row.task: row.stderr for row in rows if row.stderr and row.stderr > 1e-6} == {}
    assert sum(row.stderr is not None for row in rows) >= 20

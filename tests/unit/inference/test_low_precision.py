"""What batches change in low precision: a sample asked alone, compared with the same in batches."""

import copy

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch
from builders.benchmark_calls import GREEDY, row
from builders.engine_models import VOCABULARY, causal, engine_of

from snakeval.files import benchmark_files
from snakeval.inference.ask import ask, ask_alone
from snakeval.inference.low_precision import batches_against_alone, sampled
from snakeval.inference.store import Store
from snakeval.schemas.model import NUMERICS, TOKENS

LONGER = GREEDY | {"until": [], "max_new_tokens": 12}
WHO = {"model": "m", "benchmark": "e"}


def _llama(dtype):
    return engine_of(copy.deepcopy(causal("llama")).to(dtype))


def _tokens(documents=40, seed=0):
    """Questions with four choices of one header, pages in two windows, and prompts to continue."""
    rng = np.random.default_rng(seed)

    def draw(count):
        return rng.integers(2, VOCABULARY, count).tolist()

    header, rows = draw(40), []
    for number in range(documents):
        choices = [(0, draw(2)) for _ in range(4)]
        rows.append(row(number, "multiple_choice", [header + draw(9)], choices))
        windows = [(0, draw(30)), (1, draw(20))]
        rows.append(row(number, "loglikelihood_rolling", [[0], [7]], windows))
        rows.append(row(number, "generate_until", [header + draw(5)], generation=LONGER))
    return pa.Table.from_pylist(rows, TOKENS)


def _measured(folder, tokens, engine, documents=8, shards=1):
    with Store(folder, "model") as store:
        for number in range(1, shards + 1):
            who = WHO | {"shard": (number, shards)}
            ask(tokens, lambda: engine, store, **who)
            ask_alone(tokens, lambda: engine, store, **who, documents=documents)
        found = batches_against_alone(tokens, store, **WHO, documents=documents)
    return pa.Table.from_pylist(found, NUMERICS).to_pylist()


@pytest.mark.parametrize(
    ("dtype", "least", "most"), [(torch.float32, 0.0, 1e-4), (torch.bfloat16, 1e-3, 5.0)]
)
def test_lower_precision_shows(tmp_path, dtype, least, most):
    row = _measured(tmp_path, _tokens(), _llama(dtype))[0]
    assert least <= row["largest_change"] < most
    assert row["largest_change_per_token"] <= row["largest_change"]
    if dtype == torch.float32:
        assert (row["flipped_decisions"], row["changed_texts"]) == (0, 0)


def test_a_sample_of_whole_documents_whatever_their_order_and_the_shards(tmp_path):
    tokens, engine = _tokens(), _llama(torch.bfloat16)
    row = _measured(tmp_path / "a", tokens, engine)[0]
    assert row["documents"] == 8 + 2 and row["texts"] == 2
    assert 2 * 8 <= row["loglikelihoods"] <= 4 * 8
    for folder, shards, order in (
        ("b", 3, np.arange(len(tokens))),
        ("c", 1, np.random.default_rng(1).permutation(len(tokens))),
    ):
        assert (
            _measured(tmp_path / folder, tokens.take(pa.array(order)), engine, shards=shards)[0]
            == row
        )


def test_the_sample_of_a_large_benchmark_is_found_in_parts(tmp_path, monkeypatch):
    tokens, store = _tokens(), Store(tmp_path, "model")
    whole = sampled(tokens, store, 8)[1]
    monkeypatch.setattr(benchmark_files, "DOCUMENTS_AT_ONCE", 40)
    calls, parts = sampled(tokens, store, 8)
    assert parts["key"].equals(whole["key"]) and parts["decides"].equals(whole["decides"])
    assert len(calls) < len(tokens)
    assert sampled(tokens, store, 0)[1].num_rows == 0


def test_asked_once(tmp_path):
    tokens = _tokens(6)
    row = _measured(tmp_path, tokens, _llama(torch.bfloat16))
    with Store(tmp_path, "model") as store:
        ask_alone(tokens, pytest.fail, store, **WHO, documents=8)
        assert batches_against_alone(tokens, store, **WHO, documents=8) == row
        assert batches_against_alone(tokens, store, **WHO, documents=0) == []


def test_planted_flips_are_counted(tmp_path):
    """Outputs alone are those of the engine. Outputs in batches are altered: every choice and every
    text is another one."""
    tokens, engine = _tokens(12), _llama(torch.float32)
    with Store(tmp_path, "model") as store:
        ask(tokens, lambda: _Altered(engine), store, **WHO)
        ask_alone(tokens, lambda: engine, store, **WHO, documents=8)
        row = batches_against_alone(tokens, store, **WHO, documents=8)[0]
    assert (row["texts"], row["changed_texts"]) == (2, 2)
    assert row["decisions"] == row["flipped_decisions"] > 0
    assert row["largest_change"] > 100


class _Altered:
    """Turns the order of log-likelihoods around and adds to texts."""

    def __init__(self, engine):
        self.engine = engine

    def __getattr__(self, name):
        return getattr(self.engine, name)

    def answer(self, calls):
        for answers in self.engine.answer(calls):
            columns = {name: answers[name] for name in answers.column_names}
            columns["loglikelihood"] = pc.subtract(
                -100.0, pc.multiply(10.0, answers["loglikelihood"])
            )
            columns["text"] = pc.binary_join_element_wise(answers["text"], "!", "")
            yield pa.table(columns, schema=answers.schema)

"""The packed path against the plain model, on many architectures, budgets and orders."""

import engine_models as tiny
import numpy as np
import pytest
import torch

FALLS_BACK = {"bloom": "does not use the attention interface"}


@pytest.mark.parametrize("name", sorted(tiny.CONFIGS))
def test_loglikelihoods_are_those_of_the_plain_model(name):
    rows = tiny.mixture()
    engine = tiny.engine(name)
    found = tiny.answers(engine, tiny.table(rows))
    if name in FALLS_BACK:
        assert engine.description.startswith("causal/padded (") and FALLS_BACK[name] in engine.description
    else:
        assert engine.description == "causal/packed"
        assert engine.counters.computed_tokens < 0.6 * sum(len(row["context"]) + len(row["continuation"]) for row in rows)
    tiny.engine(name, "padded")
    for row in rows:
        loglikelihood, greedy = tiny.plain(tiny.causal(name), row)
        assert found[row["key"]]["loglikelihood"] == pytest.approx(loglikelihood, abs=2e-5 * max(1, len(row["continuation"])))
        assert found[row["key"]]["greedy"] == greedy


@pytest.mark.parametrize("name", sorted(set(tiny.CONFIGS) - set(FALLS_BACK)))
def test_greedy_texts_are_those_of_generate(name):
    rng = np.random.default_rng(3)
    header = tiny.tokens(rng, 60)
    rows = [tiny.ask(f"{index}", header * (index % 3 > 0) + tiny.tokens(rng, 3 + 4 * index), max_new_tokens=20) for index in range(9)]
    engine = tiny.engine(name, rows=4)
    found = tiny.answers(engine, tiny.table(rows))
    assert engine.description == "causal/packed"
    tiny.engine(name, "padded")
    for row in rows:
        ids = torch.tensor([row["context"]])
        expected = tiny.causal(name).generate(ids, max_new_tokens=20, do_sample=False)[0, ids.shape[1] :].tolist()
        assert found[row["key"]]["text"] == tiny.tokenizer().decode(expected, skip_special_tokens=True)
        assert found[row["key"]]["n_tokens"] == len(expected)
        assert found[row["key"]]["finish_reason"] == ("eos" if expected[-1] == 1 else "length")

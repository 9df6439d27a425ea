"""The last layer runs where its output is read, and nowhere else."""

import numpy as np
import pytest
import torch
import transformers
from builders import engine_models as tiny

from snakeval.backends.local.patches import last_layer

WORK_BY_TOKEN = {  # architectures, and how many modules of the last layer need not see all tokens
    "llama": 3, "qwen3": 3, "mistral": 3, "gemma2": 3, "gpt_neox": 2, "bloom": 1, "gpt2": 1,
    "opt": 4,
}  # fmt: skip


@pytest.mark.parametrize(("name", "count"), WORK_BY_TOKEN.items())
def test_found(name, count):
    assert len(last_layer.replacements(tiny.causal(name))) == count


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_runs_on_tokens_that_are_scored(name):
    engine = tiny.engine(name, strategy="packed")
    model, rng = tiny.causal(name), np.random.default_rng(0)
    header = tiny.tokens(rng, 60)
    calls = tiny.table(
        [tiny.call(f"{i}", [*header, *tiny.tokens(rng, 30)], tiny.tokens(rng, 2)) for i in range(6)]
    )
    layers = model.base_model.layers if name == "llama" else model.base_model.h
    inside = [
        layer.mlp.down_proj if name == "llama" else layer.mlp.c_fc
        for layer in (layers[0], layers[-1])
    ]
    plan = engine.plan(calls)
    seen: list[list[int]] = [[], []]
    hooks = [
        module.register_forward_pre_hook(
            lambda _, arguments, rows=rows: rows.append(arguments[0].shape[-2])
        )
        for module, rows in zip(inside, seen, strict=True)
    ]
    for rows in plan:
        list(engine.answer(calls.take(rows)))
    for hook in hooks:
        hook.remove()
    first, last = map(sum, seen)
    assert first == engine.counters.computed_tokens
    assert (
        6 * 2 <= last <= 6 * 2 + len(seen[1])
    )  # two scored tokens each, and at most one token for each header


def test_outside_of_a_pass_all_rows_are_computed():
    modes = tiny.modes_of("llama")
    modes.packed()
    mlp, hidden = modes.model.base_model.layers[-1].mlp, torch.randn(1, 5, 32)
    with torch.inference_mode():
        whole = mlp(hidden)
        with last_layer.read(torch.tensor([1, 3])):
            part = mlp(hidden)
    modes.plain()
    assert torch.allclose(part[:, [1, 3]], whole[:, [1, 3]], atol=1e-6)
    assert not part[:, [0, 2, 4]].any()


def test_a_layer_may_lay_the_rows_of_a_batch_side_by_side():
    """As Llama 4's experts do."""
    body = torch.nn.Module()
    body.layers = torch.nn.ModuleList([torch.nn.Module()])
    body.layers[0].feed_forward = torch.nn.Flatten(0, 1)
    body.base_model, body.config = body, transformers.LlamaConfig(num_hidden_layers=1)
    ((_, forward),) = last_layer.replacements(body)
    hidden = torch.randn(1, 5, 8)
    with last_layer.read(torch.tensor([1, 3])):
        part = forward(hidden)
    assert torch.equal(part[:, [1, 3]], hidden[:, [1, 3]])

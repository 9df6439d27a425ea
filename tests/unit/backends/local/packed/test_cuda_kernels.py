"""The packed strategy on kernels with the demands of CUDA's: they refuse nothing, and the outputs
are the same. No GPU is used."""

import copy

import numpy as np
import pytest
import torch
from builders import cuda_kernels
from builders import engine_models as tiny

from snakeval.backends.local.packed import attention
from snakeval.backends.local.packed.attention import Score

DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def states(dtype, *shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("heads", [(4, 4), (4, 2), (4, 1)])
@pytest.mark.parametrize("how", ["all", "causal", "mask", "keys", "many"])
def test_a_part_by_each_kernel(monkeypatch, dtype, heads, how):
    cuda_kernels.install(monkeypatch)
    count = attention.MANY_QUERIES if how == "many" else 7
    query = states(dtype, 2, heads[0], count, 16)
    key, value = (
        states(dtype, 2, heads[1], count, 16, seed=1),
        states(dtype, 2, heads[1], count, 16, seed=2),
    )
    allowed = torch.ones(count, count, dtype=torch.bool)
    if how == "causal":
        allowed = allowed.tril()
    if how == "mask":
        allowed = (states(torch.float32, 2, 1, 7, 7, seed=3) > 0) | torch.eye(7, dtype=torch.bool)
    if how == "keys":
        allowed = (states(torch.float32, 2, 1, 1, 7, seed=3) > 0) | (torch.arange(7) == 2)
    mask = attention.additive(allowed, dtype) if how in ("mask", "keys") else None
    found = attention.partial(query, key, value, Score(0.3), mask, causal=how == "causal")
    expected = attention._plain(
        query.double(),
        key.double(),
        value.double(),
        Score(0.3),
        attention.additive(allowed.expand(2, 1, count, count), torch.float64),
        False,
    )
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(
            a.double(), b.double(), atol=2e-5 if dtype == torch.float32 else 0.05, rtol=0.02
        )


@pytest.mark.parametrize(
    ("dtype", "width", "value_width", "masked", "ampere", "kernel"),
    [
        (torch.bfloat16, 64, 64, False, True, "flash"),
        (torch.float16, 256, 256, False, True, "flash"),
        (torch.bfloat16, 64, 64, True, True, "efficient"),
        (torch.bfloat16, 64, 64, False, False, "efficient"),  # Turing, Volta
        (torch.bfloat16, 512, 512, False, True, "efficient"),
        (torch.bfloat16, 192, 128, False, True, "efficient"),  # multi-head latent attention
        (torch.float32, 64, 64, False, True, "efficient"),
        (torch.float32, 6, 6, False, True, "plain"),
        (torch.bfloat16, 100, 100, False, True, "plain"),
    ],
)
def test_which_kernel_takes_what(monkeypatch, dtype, width, value_width, masked, ampere, kernel):
    calls = cuda_kernels.install(monkeypatch, ampere=ampere)
    query, key, value = (
        states(dtype, 1, 2, 5, width),
        states(dtype, 1, 2, 9, width),
        states(dtype, 1, 2, 9, value_width),
    )
    mask = attention.additive(torch.ones(1, 1, 5, 9, dtype=torch.bool), dtype) if masked else None
    attention.partial(query, key, value, Score(0.1), mask)
    assert list(calls) == [kernel]


def test_equal_heads_are_not_copied(monkeypatch):
    cuda_kernels.install(monkeypatch)
    given = []
    monkeypatch.setattr(
        attention,
        "EFFICIENT",
        lambda *arguments, **how: (
            given.append(arguments) or cuda_kernels.efficient(*arguments, **how)
        ),
    )
    key, value = states(torch.float32, 3, 2, 9, 8), states(torch.float32, 3, 2, 9, 8)
    mask = attention.additive(torch.ones(3, 1, 1, 9, dtype=torch.bool), torch.float32)
    attention.partial(states(torch.float32, 3, 8, 1, 8), key, value, Score(0.1), mask)
    assert [state.data_ptr() for state in given[0][1:3]] == [key.data_ptr(), value.data_ptr()]


def requests():
    rng = np.random.default_rng(3)
    header = tiny.tokens(rng, 40)
    calls = []
    for number in range(6):
        context = [*header, *tiny.tokens(rng, 5 + 7 * number)]
        calls += [
            tiny.call(f"scored {number} {end}", context, tiny.tokens(rng, 2 + end))
            for end in range(3)
        ]
        calls.append(tiny.call(f"text {number}", context, max_new_tokens=9))
    return tiny.table(calls)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["llama", "mistral", "gpt2"])
def test_half_precision_stays_packed(monkeypatch, name, dtype):
    calls = cuda_kernels.install(monkeypatch)
    model = copy.deepcopy(tiny.causal(name)).to(dtype)
    engine = tiny.engine_of(model, budget=96, rows=3)
    found = tiny.answers(engine, requests())
    assert engine.description.endswith("packed")
    assert calls["flash"] and calls["efficient"] and not calls["plain"]
    expected = tiny.answers(tiny.engine(name, strategy="padded"), requests())
    for key, answer in expected.items():
        if answer["loglikelihood"] is not None:
            assert found[key]["loglikelihood"] == pytest.approx(
                answer["loglikelihood"], rel=0.1, abs=0.5
            )


@pytest.mark.parametrize(
    "name", ["llama", "qwen2", "mistral", "gemma2", "gpt2", "gpt_neox", "mixtral"]
)
def test_whole_runs(monkeypatch, name):
    table = requests()
    expected = tiny.answers(tiny.engine(name, strategy="padded"), table)
    calls = cuda_kernels.install(monkeypatch)
    engine = tiny.engine(name, budget=96, rows=3)
    found = tiny.answers(engine, table)
    assert engine.description.endswith("packed")
    assert calls["plain" if name == "gemma2" else "efficient"]
    for key, answer in expected.items():
        assert found[key]["text"] == answer["text"]
        assert found[key]["loglikelihood"] == (
            answer["loglikelihood"] and pytest.approx(answer["loglikelihood"], abs=2e-4)
        )

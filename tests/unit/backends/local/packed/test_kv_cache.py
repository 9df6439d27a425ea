"""How keys and values of texts are kept: room that grows or stands from the start, and 8 bits."""

import numpy as np
import pytest
import torch
from builders import engine_models as tiny

from snakeval.backends.local.engine import TableEngine
from snakeval.backends.local.packed.decode import FEWEST
from snakeval.backends.local.packed.kv_cache import LEVELS, PRECISIONS, Rounded, States
from snakeval.errors import UserError


def prompts(count=7, new=60):
    rng = np.random.default_rng(5)
    header = tiny.tokens(rng, 40)
    rows = [[*header, *tiny.tokens(rng, int(rng.integers(3, 30)))] for _ in range(count)]
    return tiny.table([tiny.call(f"{i}", row, max_new_tokens=new) for i, row in enumerate(rows)])


@pytest.mark.parametrize("precision", PRECISIONS.values())
def test_slots_hold_what_was_written_whatever_is_moved_and_grown(precision):
    torch.manual_seed(0)
    states = torch.randn(3, 2, 9, 8)  # of three slots
    kept = precision(states[:1], 4, 10)
    for slot in range(3):
        kept.write(torch.full((8,), slot), torch.arange(8), states[slot, :, :8].transpose(0, 1))
    kept.write(torch.arange(3), torch.full((3,), 8), states[:, :, 8])
    kept.grow(20)
    kept.move(torch.tensor([2]), torch.tensor([1]), 9)
    kept.narrow(2)
    found = kept.read(2, 9)
    assert kept.capacity == 20
    allowed = (
        states.abs().amax(-1, keepdim=True) / (2 * LEVELS)
        if precision is Rounded
        else torch.zeros(3, 2, 9, 1)
    )
    assert ((found - states[[0, 2]]).abs() <= allowed[[0, 2]] * 1.001).all()


def test_zeros_stay_zeros_in_8_bits():
    kept = Rounded(torch.ones(1, 1, 1, 4), 1, 2)
    kept.write(torch.zeros(2, dtype=torch.long), torch.arange(2), torch.zeros(2, 1, 4))
    assert not kept.read(1, 2).any()


@pytest.mark.parametrize("size", [1e-4, 1e-2, 1.0, 100.0])
@pytest.mark.parametrize(
    ("dtype", "error"), [(torch.float32, 0.004), (torch.bfloat16, 0.01), (torch.float16, 0.02)]
)
def test_8_bits_in_every_precision(dtype, error, size):
    """In bfloat16 a unit that is rounded down gives the largest number more than 127 of it. In
    float16 a unit may be subnormal."""
    states = (size * torch.randn(500, 2, 128, generator=torch.Generator().manual_seed(0))).to(dtype)
    kept = Rounded(states[:1, :, None], 500, 1)
    kept.write(torch.arange(500), torch.zeros(500, dtype=torch.long), states)
    found = kept.read(500, 1)[:, :, 0].float()
    assert (
        (found - states.float()).abs() <= error * states.float().abs().amax(-1, keepdim=True)
    ).all()


def test_8_bits_take_a_quarter_of_float32():
    like = torch.ones(1, 2, 1, 64)
    size = {
        of: sum(x.nelement() * x.element_size() for x in vars(of(like, 8, 100)).values())
        for of in (States, Rounded)
    }
    assert size[Rounded] / size[States] == pytest.approx(1 / 4 + 1 / 64)
    assert size == {of: 8 * 100 * of.token_bytes(like) for of in size}


@pytest.mark.parametrize(
    ("rows", "memory", "width"),
    [(20, None, 20), (60, None, 50), (60, 40.5, 40), (60, 1.0, FEWEST), (60, 999.0, 50)],
)
def test_as_many_texts_at_a_time_as_memory_is_meant_for(monkeypatch, rows, memory, width):
    calls = prompts(count=50, new=3)
    longest = (
        max(len(context) for context in calls["context"].to_pylist()) - 40 + 3
    )  # the header is kept once for all
    config = tiny.causal("llama").config
    row = longest * config.num_hidden_layers * 2 * config.num_key_value_heads * config.head_dim * 4
    expected = tiny.answers(tiny.engine("llama", strategy="padded"), calls)
    widths, make = set(), States.__init__
    monkeypatch.setattr(
        States,
        "__init__",
        lambda self, like, slots, capacity: widths.add(slots) or make(self, like, slots, capacity),
    )
    capacities, grow = [], States.grow
    monkeypatch.setattr(
        States, "grow", lambda self, capacity: capacities.append(capacity) or grow(self, capacity)
    )
    engine = tiny.engine("llama", strategy="packed", rows=rows, memory=memory and int(memory * row))
    assert tiny.answers(engine, calls) == expected
    assert capacities[-1] == longest  # what came before is of the check
    assert widths == {2, width}  # of the check, and of the run


@pytest.mark.parametrize("static", [True, False])
def test_static_room_is_made_once_and_changes_no_text(monkeypatch, static):
    calls, grown = prompts(new=200), []
    expected = tiny.answers(tiny.engine("llama", strategy="packed", rows=3), calls)
    engine = tiny.engine("llama", strategy="packed", rows=3, static=static)
    (batch,) = engine.plan(calls)
    grow = States.grow
    monkeypatch.setattr(
        States, "grow", lambda self, capacity: grown.append(capacity) or grow(self, capacity)
    )
    found = [answer for part in engine.answer(calls.take(batch)) for answer in part.to_pylist()]
    assert {answer["key"]: answer for answer in found} == expected
    assert bool(grown) != static


def test_8_bits_change_texts_little_and_are_really_used():
    calls = prompts(count=12, new=12)
    exact = tiny.answers(tiny.engine("llama", strategy="packed"), calls)
    rounded = tiny.answers(tiny.engine("llama", strategy="packed", dtype="int8"), calls)
    same = sum(exact[key]["text"] == rounded[key]["text"] for key in exact)
    assert len(exact) // 2 <= same  # of random weights, whose next tokens lie close together
    monkey = pytest.MonkeyPatch()
    read = []
    with monkey.context() as patch:
        patch.setattr(
            Rounded,
            "read",
            lambda self, slots, tokens: read.append(1) or self._data[:slots, :, :tokens] * 0.0,
        )
        broken = tiny.answers(tiny.engine("llama", strategy="packed", dtype="int8"), calls)
    assert read and {k: v["text"] for k, v in broken.items()} != {
        k: v["text"] for k, v in exact.items()
    }


def test_8_bits_need_the_packed_path():
    with pytest.raises(UserError, match="kv_cache_dtype: int8 is for the packed strategy"):
        tiny.answers(tiny.engine("bloom", dtype="int8"), prompts(count=2))


def test_an_engine_tells_its_precision():
    model = tiny.causal("llama")
    path = tiny.engine("llama").strategy
    assert TableEngine("causal", path, model, 10).precision == "float32"
    model.config.quantization_config = {"quant_method": "gptq", "bits": 4}
    try:
        assert (
            TableEngine("causal", path, model, 10, "int8").precision
            == "float32, gptq 4 bit, KV int8"
        )
    finally:
        del model.config.quantization_config

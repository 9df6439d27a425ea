import io

import numpy as np
import pytest
import torch
import transformers
from builders import engine_models as tiny

from snakeval.backends.local import build, speed
from snakeval.config.model import settings
from snakeval.errors import UserError


def padded(name, budget=1024):
    return tiny.engine(name, "padded", budget)


@pytest.mark.parametrize("name", sorted(tiny.CONFIGS))
def test_loglikelihoods_are_those_of_one_sequence_alone(name):
    rows = tiny.mixture()
    found = tiny.answers(padded(name), tiny.table(rows))
    for row in rows:
        loglikelihood, greedy = tiny.plain(tiny.causal(name), row)
        assert found[row["key"]]["loglikelihood"] == pytest.approx(
            loglikelihood, abs=2e-5 * max(1, len(row["continuation"]))
        )
        assert found[row["key"]]["greedy"] == greedy
        assert found[row["key"]]["n_tokens"] == len(row["continuation"])


def test_layers_on_several_devices_answer_as_on_one(monkeypatch):
    """There the scored positions are cut from the rows' ends, because a mask would be on the first
    device."""
    rows = tiny.mixture()
    expected = tiny.answers(padded("llama"), tiny.table(rows))
    monkeypatch.setattr(
        tiny.causal("llama"),
        "hf_device_map",
        {"model.layers.0": 0, "model.layers.1": 1},
        raising=False,
    )
    forward, kept = type(tiny.causal("llama")).forward, []
    monkeypatch.setattr(
        type(tiny.causal("llama")),
        "forward",
        lambda *args, **how: kept.append(how.get("logits_to_keep")) or forward(*args, **how),
    )
    spread = padded("llama")
    spread.strategy._padded._accepted = {
        "logits_to_keep",
        "position_ids",
    }  # what the patched forward no longer shows
    found = tiny.answers(spread, tiny.table(rows))
    assert kept and all(isinstance(keep, int) for keep in kept)
    for key, answer in expected.items():
        assert found[key]["text"] == answer["text"]
        assert found[key]["loglikelihood"] == (
            answer["loglikelihood"] and pytest.approx(answer["loglikelihood"], abs=1e-4)
        )


def test_a_path_that_is_asked_for_is_named():
    assert padded("llama").description == "causal/padded (asked for)"


def test_greedy_flag_is_true_for_the_most_likely_continuation():
    model = tiny.causal("llama")
    context = list(range(10, 40))
    best = model.generate(
        torch.tensor([context]), max_new_tokens=5, do_sample=False, eos_token_id=None
    )[0, 30:].tolist()
    found = tiny.answers(
        padded("llama"),
        tiny.table(
            [tiny.call("best", context, best), tiny.call("worse", context, [*best[:-1], 7])]
        ),
    )
    assert found["best"]["greedy"] and not found["worse"]["greedy"]


@pytest.mark.parametrize("name", ["llama", "gpt2", "bloom", "gemma2"])
def test_greedy_texts_are_those_of_generate(name):
    model = tiny.causal(name)
    rng = np.random.default_rng(3)
    contexts = {f"text-{index}": tiny.tokens(rng, 5 + 9 * index) for index in range(5)}
    found = tiny.answers(
        padded(name), tiny.table([tiny.call(key, context) for key, context in contexts.items()])
    )
    for key, context in contexts.items():
        expected = model.generate(torch.tensor([context]), max_new_tokens=12, do_sample=False)[
            0, len(context) :
        ].tolist()
        ended = expected[-1] == 1
        assert found[key]["text"] == tiny.tokenizer().decode(expected, skip_special_tokens=True)
        assert found[key]["finish_reason"] == ("eos" if ended else "length")
        assert found[key]["n_tokens"] == len(expected)


def bart():
    """Its positions are counted from the first token of a row, padding or not."""
    sizes = {
        "d_model": 32,
        "decoder_layers": 2,
        "decoder_attention_heads": 4,
        "decoder_ffn_dim": 48,
        "init_std": 0.3,
    }
    ends = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": None, "forced_eos_token_id": None}
    return transformers.BartForCausalLM(
        transformers.BartConfig(vocab_size=tiny.VOCABULARY, **sizes, **ends)
    )


def minimax():
    """It takes no cache but its own."""
    experts = {"num_local_experts": 2, "num_experts_per_tok": 1, "block_size": 16}
    return transformers.MiniMaxForCausalLM(transformers.MiniMaxConfig(**tiny.GROUPED, **experts))


def mamba():
    """Its cache has another name, and its mask is of the tokens it reads."""
    sizes = {"hidden_size": 32, "state_size": 8, "num_hidden_layers": 2, "initializer_range": 0.3}
    return transformers.MambaForCausalLM(
        transformers.MambaConfig(
            vocab_size=tiny.VOCABULARY, **sizes, bos_token_id=0, eos_token_id=1, pad_token_id=None
        )
    )


@pytest.mark.parametrize(("build", "rereads"), [(bart, True), (minimax, True), (mamba, False)])
def test_texts_of_models_that_padding_or_a_plain_cache_does_not_suit(build, rereads):
    torch.manual_seed(3)
    model = build().eval()
    rng = np.random.default_rng(3)
    rows = [
        tiny.call(f"text-{index}", tiny.tokens(rng, 5 + 9 * index), max_new_tokens=8 + index)
        for index in range(4)
    ]
    engine = tiny.engine_of(model, "padded")
    found = tiny.answers(engine, tiny.table(rows))
    assert ("read again for every token" in engine.description) == rereads
    for index, row in enumerate(rows):
        ids = torch.tensor([row["context"]])
        expected = model.generate(ids, max_new_tokens=8 + index, do_sample=False)[
            0, ids.shape[1] :
        ].tolist()
        assert found[row["key"]]["text"] == tiny.tokenizer().decode(
            expected, skip_special_tokens=True
        )


def test_a_text_ends_before_the_first_stop_string():
    context = list(range(10, 40))
    whole = tiny.answers(padded("llama"), tiny.table([tiny.call("a", context)]))["a"]["text"]
    stop = whole[4:6]
    found = tiny.answers(
        padded("llama"), tiny.table([tiny.call("a", context, until=["never there", stop])])
    )["a"]
    assert found["text"] == whole[: whole.index(stop)]
    assert found["finish_reason"] == "stop"


def test_no_token_asked_for_is_an_empty_text():
    found = tiny.answers(
        padded("llama"),
        tiny.table([tiny.call("a", [3, 4], max_new_tokens=0), tiny.call("b", [3, 4])]),
    )
    assert (found["a"]["text"], found["a"]["finish_reason"], found["a"]["n_tokens"]) == (
        "",
        "length",
        0,
    )
    assert found["b"]["n_tokens"] > 0


def test_samples_depend_on_key_seed_and_index_alone():
    rng = np.random.default_rng(5)
    settings = {
        "do_sample": True,
        "temperature": 1.3,
        "top_p": 0.9,
        "top_k": 50,
        "repetition_penalty": 1.2,
    }
    rows = [
        tiny.call(f"{c}-{s}", tiny.tokens(rng, 4 + 5 * c), sample=s, seed=11, **settings)
        for c in range(4)
        for s in range(3)
    ]
    together = tiny.answers(padded("llama", 4096), tiny.table(rows))
    alone = tiny.answers(padded("llama", 1), tiny.table(rows[::-1]))
    assert together == alone
    same_prompt = [tiny.call(f"x-{s}", [9, 8, 7], sample=s, seed=11, **settings) for s in range(4)]
    assert (
        len(
            {row["text"] for row in tiny.answers(padded("llama"), tiny.table(same_prompt)).values()}
        )
        == 4
    )


def test_draws_follow_the_shaped_distribution():
    from transformers import (
        LogitsProcessorList,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    from snakeval.backends.calls import Call
    from snakeval.backends.local import sampling

    logits = torch.randn(12, generator=torch.Generator().manual_seed(1)) * 2
    settings = {
        "do_sample": True,
        "temperature": 0.8,
        "top_p": 0.85,
        "top_k": 9,
        "repetition_penalty": 1.0,
        "max_new_tokens": 1,
        "seed": 1,
    }
    none = np.zeros(0, np.int32)
    rows = [
        sampling.start(Call(f"{index}", "generate", none, none, None, None, None, settings, 0), [])
        for index in range(20_000)
    ]
    counts = np.bincount(sampling.choose(logits.repeat(len(rows), 1), rows), minlength=12) / len(
        rows
    )
    shape = LogitsProcessorList(
        [TemperatureLogitsWarper(0.8), TopKLogitsWarper(9), TopPLogitsWarper(0.85)]
    )
    expected = (
        shape(torch.zeros(1, 0, dtype=torch.long), logits[None].clone()).softmax(-1)[0].numpy()
    )
    assert np.abs(counts - expected).max() < 0.015
    assert (counts[expected == 0] == 0).all()


def test_repetition_penalty_is_that_of_generate():
    context = list(range(10, 30))
    found = tiny.answers(
        padded("llama"), tiny.table([tiny.call("a", context, repetition_penalty=1.8)])
    )["a"]
    expected = tiny.causal("llama").generate(
        torch.tensor([context]), max_new_tokens=12, do_sample=False, repetition_penalty=1.8
    )
    assert found["text"] == tiny.tokenizer().decode(
        expected[0, len(context) :], skip_special_tokens=True
    )


def test_load_reads_a_folder_and_names_what_it_cannot_use(tmp_path):
    tiny.save(tiny.causal("gpt2"), tmp_path / "model")
    loaded = build.load(tmp_path / "model", settings(dtype="float32", strategy="padded"))
    assert (loaded.family, loaded.max_length, loaded.device) == ("causal", tiny.LENGTH, "cpu")
    rows = tiny.mixture()[:3]
    assert tiny.answers(loaded, tiny.table(rows)) == tiny.answers(padded("gpt2"), tiny.table(rows))
    with pytest.raises(UserError, match="no config"):
        build.load(tmp_path)
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="no GPU"):
            build.load(tmp_path / "model", settings(device="cuda"))


def test_calls_that_cannot_be_answered_are_named():
    with pytest.raises(ValueError, match="call a: empty context"):
        padded("llama").plan(tiny.table([tiny.call("a", [], [3])]))
    with pytest.raises(ValueError, match="call a: 600 tokens"):
        padded("llama").plan(tiny.table([tiny.call("a", [3] * 600, [3])]))
    with pytest.raises(ValueError, match="call a: extract is not"):
        padded("llama").plan(tiny.table([tiny.call("a", [3], kind="extract")]))


def test_the_order_of_calls_changes_nothing():
    rows = tiny.mixture()
    assert tiny.answers(padded("llama"), tiny.table(rows)) == tiny.answers(
        padded("llama"), tiny.table(rows[::-1])
    )
    assert padded("llama").plan(tiny.table([])) == []


def test_out_of_memory_halves_the_batch(monkeypatch):
    from snakeval.backends.local.padded import Padded

    rows = tiny.mixture()
    expected = tiny.answers(padded("llama"), tiny.table(rows))
    logits, limit = Padded._logits, 300

    def small_memory(self, ids, mask, needed):
        if ids.numel() > limit:
            raise torch.OutOfMemoryError("no more")
        return logits(self, ids, mask, needed)

    monkeypatch.setattr(Padded, "_logits", small_memory)
    found = tiny.answers(padded("llama"), tiny.table(rows))
    for key, answer in expected.items():
        assert found[key]["loglikelihood"] == pytest.approx(
            answer["loglikelihood"], abs=1e-5 * max(1, answer["n_tokens"])
        )
    limit = 2
    with pytest.raises(UserError, match="out of memory for a single sequence"):
        tiny.answers(padded("llama"), tiny.table(rows))


@pytest.mark.parametrize(
    ("times", "dtype", "slow"),
    [(11, torch.bfloat16, True), (1, torch.bfloat16, False), (11, torch.float32, False)],
)
def test_a_precision_that_is_slow_on_this_processor_is_named(monkeypatch, times, dtype, slow):
    monkeypatch.setattr(
        speed, "peak_flops", lambda device, kind: 1e11 if kind == torch.float32 else 1e11 / times
    )
    advice = speed.advice(torch.device("cpu"), dtype)
    expected = (
        "bfloat16 takes 11 times as long as float32 on this processor. "
        "Set `dtype: float32`, which is faster."
    )
    assert advice == (expected if slow else None)


def test_advice_on_a_model_reaches_the_terminal(tmp_path, monkeypatch):
    folder, terminal = tiny.save(tiny.causal("gpt2"), tmp_path), io.StringIO()
    monkeypatch.setattr(speed, "advice", lambda device, dtype: f"{device} {dtype}")
    build.load(folder, settings(dtype="bfloat16", device="cpu"), terminal=terminal)
    assert terminal.getvalue() == "cpu torch.bfloat16\n"

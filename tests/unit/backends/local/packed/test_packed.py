"""The packed path against the plain model, on many architectures, budgets and orders."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers
from builders import engine_models as tiny

from snakeval.backends.local.packed import check, decode, kv_cache
from snakeval.backends.local.padded import Padded
from snakeval.errors import UserError

FALLS_BACK = {"bloom": "does not use the attention interface"}


@pytest.mark.parametrize("name", sorted(tiny.CONFIGS))
def test_loglikelihoods_are_those_of_the_plain_model(name):
    rows = tiny.mixture()
    engine = tiny.engine(name)
    found = tiny.answers(engine, tiny.table(rows))
    if name in FALLS_BACK:
        assert (
            engine.description.startswith("causal/padded (")
            and FALLS_BACK[name] in engine.description
        )
    else:
        assert engine.description == "causal/packed"
        assert engine.counters.computed_tokens < 0.6 * sum(
            len(row["context"]) + len(row["continuation"]) for row in rows
        )
    tiny.engine(name, "padded")
    for row in rows:
        loglikelihood, greedy = tiny.plain(tiny.causal(name), row)
        assert found[row["key"]]["loglikelihood"] == pytest.approx(
            loglikelihood, abs=2e-5 * max(1, len(row["continuation"]))
        )
        assert found[row["key"]]["greedy"] == greedy


@pytest.mark.parametrize("name", sorted(set(tiny.CONFIGS) - set(FALLS_BACK)))
def test_greedy_texts_are_those_of_generate(name):
    rng = np.random.default_rng(3)
    header = tiny.tokens(rng, 60)
    rows = [
        tiny.call(
            f"{index}",
            header * (index % 3 > 0) + tiny.tokens(rng, 3 + 4 * index),
            max_new_tokens=20,
        )
        for index in range(9)
    ]
    engine = tiny.engine(name, rows=4)
    found = tiny.answers(engine, tiny.table(rows))
    assert engine.description == "causal/packed"
    tiny.engine(name, "padded")
    for row in rows:
        ids = torch.tensor([row["context"]])
        expected = (
            tiny.causal(name)
            .generate(ids, max_new_tokens=20, do_sample=False)[0, ids.shape[1] :]
            .tolist()
        )
        assert found[row["key"]]["text"] == tiny.tokenizer().decode(
            expected, skip_special_tokens=True
        )
        assert found[row["key"]]["n_tokens"] == len(expected)
        assert found[row["key"]]["finish_reason"] == ("eos" if expected[-1] == 1 else "length")


@pytest.mark.parametrize("name", ["llama", "mistral", "gpt2"])
def test_no_budget_and_no_order_changes_a_result(name):
    rows = tiny.mixture()
    reference = tiny.answers(tiny.engine(name), tiny.table(rows))
    for budget in (64, 200, 65_536):
        found = tiny.answers(tiny.engine(name, budget=budget), tiny.table(rows[::-1]))
        for key, answer in reference.items():
            assert found[key]["loglikelihood"] == pytest.approx(
                answer["loglikelihood"], abs=1e-5 * max(1, answer["n_tokens"])
            )
            assert found[key]["greedy"] == answer["greedy"]


def test_nothing_shared_is_answered_alike(monkeypatch):
    rows = tiny.mixture()
    reference = tiny.answers(tiny.engine("llama"), tiny.table(rows))
    monkeypatch.setattr("snakeval.backends.local.packed.trie._cheapest", lambda *_: "apart")
    engine = tiny.engine("llama")
    found = tiny.answers(engine, tiny.table(rows))
    for key, answer in reference.items():
        assert found[key]["loglikelihood"] == pytest.approx(
            answer["loglikelihood"], abs=1e-5 * max(1, answer["n_tokens"])
        )


def test_a_plan_depends_on_the_calls_not_on_their_order():
    rows = tiny.mixture()
    order = np.random.default_rng(1).permutation(len(rows))
    first = [
        [rows[row]["key"] for row in batch]
        for batch in tiny.engine("llama", budget=128).plan(tiny.table(rows))
    ]
    shuffled = [rows[row] for row in order]
    second = [
        [shuffled[row]["key"] for row in batch]
        for batch in tiny.engine("llama", budget=128).plan(tiny.table(shuffled))
    ]
    assert first == second
    assert sorted(key for batch in first for key in batch) == sorted(row["key"] for row in rows)


def test_a_run_taken_up_again_gives_the_same_bits():
    calls = tiny.table(tiny.mixture())

    def run(some):
        engine = tiny.engine("llama", budget=50)
        batches = engine.plan(calls)
        assert len(batches) > 5
        found = {}
        for number, batch in enumerate(batches):
            if number in some:
                (table,) = engine.answer(calls.take(batch))
                found |= {row["key"]: row for row in table.to_pylist()}
        return found

    undisturbed = run(range(100))
    assert run(range(3)) | run(range(3, 100)) == undisturbed
    assert run(range(1, 100, 2)) | run(range(0, 100, 2)) == undisturbed


def test_memory_that_never_suffices_is_the_users_to_mend(monkeypatch):
    engine = tiny.engine("llama")
    calls = tiny.table(tiny.mixture())
    engine.plan(calls)

    def none(*_):
        raise torch.OutOfMemoryError("no more")

    monkeypatch.setattr("snakeval.backends.local.packed.passes.Passes.forward", none)
    with pytest.raises(UserError, match="out of memory for a single sequence"):
        next(engine.answer(calls))


def test_calls_without_a_plan_are_answered():
    calls = tiny.table(tiny.mixture())
    found = [row for table in tiny.engine("llama").answer(calls) for row in table.to_pylist()]
    assert sorted(row["key"] for row in found) == sorted(calls["key"].to_pylist())


def test_a_header_is_computed_once():
    rng = np.random.default_rng(8)
    header = tiny.tokens(rng, 200)
    rows = [tiny.call(f"{index}", header + tiny.tokens(rng, 10), [3]) for index in range(20)]
    engine = tiny.engine("llama", budget=64)
    tiny.answers(engine, tiny.table(rows))
    assert engine.counters.computed_tokens == 200 + 20 * 10
    assert engine.counters.prompt_tokens == 20 * 210


def test_samples_share_their_prompt_and_depend_on_key_seed_and_index_alone():
    rng = np.random.default_rng(9)
    settings = {"do_sample": True, "temperature": 1.2, "top_p": 0.95, "top_k": 0, "seed": 3}
    prompts = [tiny.tokens(rng, 80) for _ in range(2)]
    rows = [
        tiny.call(f"{p}-{s}", prompts[p], sample=s, **settings) for p in range(2) for s in range(5)
    ]
    engine = tiny.engine("llama", rows=3)
    wide = tiny.answers(engine, tiny.table(rows))
    assert engine.counters.computed_tokens == 2 * 79 + 10
    assert tiny.answers(tiny.engine("llama", rows=10), tiny.table(rows[::-1])) == wide
    assert tiny.answers(tiny.engine("llama", "padded"), tiny.table(rows)) == wide
    assert len({row["text"] for row in wide.values()}) == 10


def test_stop_strings_end_texts_in_a_refilled_batch():
    rng = np.random.default_rng(10)
    header = tiny.tokens(rng, 50)
    rows = [
        tiny.call(f"{index}", header + tiny.tokens(rng, 6), until=["a", "e"], max_new_tokens=40)
        for index in range(12)
    ]
    found = tiny.answers(tiny.engine("llama", rows=3), tiny.table(rows))
    assert found == tiny.answers(tiny.engine("llama", "padded"), tiny.table(rows))
    assert {row["finish_reason"] for row in found.values()} >= {"stop"}
    assert not any(stop in row["text"] for row in found.values() for stop in "ae")


def test_texts_come_as_they_end():
    rng = np.random.default_rng(11)
    rows = [
        tiny.call(f"{index}", tiny.tokens(rng, 20), max_new_tokens=count)
        for index, count in enumerate((2, 30, 0))
    ]
    engine = tiny.engine("llama")
    (batch,) = engine.plan(tiny.table(rows))
    assert [table["key"].to_pylist() for table in engine.answer(tiny.table(rows).take(batch))] == [
        ["2"],
        ["0"],
        ["1"],
    ]


@pytest.mark.parametrize("limit", [150, 90])
def test_out_of_memory_halves_the_batch_and_loses_nothing(monkeypatch, limit):
    from snakeval.backends.local.packed.passes import Passes

    rows = tiny.mixture()
    expected = tiny.answers(tiny.engine("llama"), tiny.table(rows))
    engine = tiny.engine("llama", budget=1000)
    forward = Passes.forward

    def small_memory(self, tokens, positions, layout):
        if len(tokens) > limit and self.budget == 1000:
            raise torch.OutOfMemoryError("no more")
        return forward(self, tokens, positions, layout)

    calls = tiny.table(rows)
    batches = engine.plan(calls)
    monkeypatch.setattr(Passes, "forward", small_memory)
    found = {
        row["key"]: row
        for batch in batches
        for table in engine.answer(calls.take(batch))
        for row in table.to_pylist()
    }
    assert found.keys() == expected.keys()
    for key, answer in expected.items():
        assert found[key]["loglikelihood"] == pytest.approx(
            answer["loglikelihood"], abs=1e-5 * max(1, answer["n_tokens"])
        )


@pytest.mark.parametrize("limit", [5, 1])
def test_out_of_memory_while_decoding_narrows_the_batch(monkeypatch, limit):
    from snakeval.backends.local.packed.passes import Passes

    rng = np.random.default_rng(12)
    rows = [tiny.call(f"{index}", tiny.tokens(rng, 12)) for index in range(8)]
    expected = tiny.answers(tiny.engine("llama", rows=8), tiny.table(rows))
    engine = tiny.engine("llama", rows=8)
    calls = tiny.table(rows)
    (batch,) = engine.plan(calls)
    forward = Passes.forward

    def small_memory(self, tokens, positions, layout):
        if len(tokens) > limit and isinstance(layout.local, decode.Step):
            raise torch.OutOfMemoryError("no more")
        return forward(self, tokens, positions, layout)

    monkeypatch.setattr(Passes, "forward", small_memory)
    found = {
        row["key"]: row for table in engine.answer(calls.take(batch)) for row in table.to_pylist()
    }
    assert found == expected


@pytest.mark.parametrize("precision", ["auto", "int8"])
def test_memory_that_runs_out_while_slots_grow_loses_nothing(monkeypatch, precision):
    """Wherever it does: between two layers, or between keys and values."""
    rng = np.random.default_rng(12)
    calls = tiny.table(
        [tiny.call(f"{index}", tiny.tokens(rng, 12), max_new_tokens=20) for index in range(4)]
    )
    monkeypatch.setattr(decode, "GROWTH", 8)
    grown, left = kv_cache._grown, 0

    def small_memory(data, capacity):
        nonlocal left
        left -= 1
        if left == 0:
            raise torch.OutOfMemoryError("no more")
        return grown(data, capacity)

    monkeypatch.setattr(kv_cache, "_grown", small_memory)
    expected = tiny.answers(tiny.engine("llama", rows=4, dtype=precision), calls)
    allocations = -left
    assert allocations > 8
    for fails in range(1, allocations + 1):
        left = fails
        assert tiny.answers(tiny.engine("llama", rows=4, dtype=precision), calls) == expected


def test_a_model_that_packing_does_not_suit_falls_back_and_says_why(monkeypatch):
    model = tiny.causal("gpt_neox")
    forward = type(model.base_model).forward

    def looks_at_the_batch(self, *args, **kwargs):
        output = forward(self, *args, **kwargs)
        output.last_hidden_state = output.last_hidden_state + 0.1 * output.last_hidden_state.cumsum(
            1
        )  # like a recurrent layer
        return output

    monkeypatch.setattr(type(model.base_model), "forward", looks_at_the_batch)
    rows = tiny.mixture()[:8]
    engine = tiny.engine("gpt_neox")
    found = tiny.answers(engine, tiny.table(rows))
    assert engine.description.startswith(
        "causal/padded (GPTNeoXForCausalLM is not exact in packed passes"
    )
    assert found == tiny.answers(tiny.engine("gpt_neox", "padded"), tiny.table(rows))
    with pytest.raises(UserError, match="strategy: it is packed, but GPTNeoX"):
        tiny.engine("gpt_neox", "packed").plan(tiny.table(rows))


def test_a_model_that_fails_in_packed_passes_falls_back_and_says_why(monkeypatch):
    monkeypatch.setattr("snakeval.backends.local.packed.passes.Passes.run", lambda *_, **__: 1 / 0)
    engine = tiny.engine("llama")
    tiny.answers(engine, tiny.table(tiny.mixture()[:3]))
    reason = "LlamaForCausalLM fails in packed passes: ZeroDivisionError: division by zero"
    assert engine.description == f"causal/padded ({reason})"


@pytest.mark.parametrize(
    ("what", "words"), [("loglikelihoods", "is not exact"), ("texts", "does not decode exactly")]
)
def test_what_cannot_be_compared_has_not_been_shown(monkeypatch, what, words):
    scores, seen = Padded.scores, []

    def undefined_from_the_third_on(self, calls):
        seen.extend(calls)
        return [
            replace(answer, loglikelihood=float("nan")) if len(seen) > 2 else answer
            for answer in scores(self, calls)
        ]

    if what == "texts":
        monkeypatch.setattr(check.Check, "_loglikelihood_difference", lambda *_: 0.0)
    monkeypatch.setattr(Padded, "scores", undefined_from_the_third_on)
    engine = tiny.engine("llama")
    scored = [row for row in tiny.mixture() if row["continuation"]]
    tiny.answers(engine, tiny.table([*scored[:3], tiny.call("text", [5, 9, 7, 8])]))
    assert (
        engine.description
        == f"causal/padded (LlamaForCausalLM {words} in packed passes: nan per token off)"
    )


@pytest.mark.parametrize("name", sorted(tiny.CONFIGS))
def test_the_longest_ask_is_checked_where_distance_matters(name):
    assert check._distance_matters(tiny.causal(name)) == (name in ("mistral", "gemma2", "gpt_oss"))


def test_positions_that_depend_on_the_length_of_the_batch_are_noticed():
    """Positions are scaled beyond the trained length, so only the longest call shows it."""
    model = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            **tiny.GROUPED | {"max_position_embeddings": 64},
            rope_parameters={"rope_type": "dynamic", "factor": 8.0, "rope_theta": 1e4},
        )
    ).eval()
    engine = tiny.engine_of(model, "auto")
    rng = np.random.default_rng(13)
    tiny.answers(engine, tiny.table([tiny.call("short", tiny.tokens(rng, 20), [4])]))
    assert engine.description == "causal/packed"
    header = tiny.tokens(rng, 120)
    tiny.answers(
        engine,
        tiny.table(
            [tiny.call(f"{index}", header + tiny.tokens(rng, 50), [4]) for index in range(4)]
        ),
    )
    assert engine.description.startswith("causal/padded")

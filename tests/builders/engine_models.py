"""Tiny models of many architectures with random weights, and calls for them."""

from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from snakeval.backends.local.causal import Causal
from snakeval.backends.local.ending import Ending
from snakeval.backends.local.engine import TableEngine
from snakeval.backends.local.packed.kv_cache import Room
from snakeval.backends.local.patches.modes import Modes
from snakeval.backends.protocol import Counters
from snakeval.schemas.model import CALLS

VOCABULARY = 320
LENGTH = 512

_SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": LENGTH,
    "initializer_range": 0.3,  # far from uniform, so that errors show and greedy texts vary
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": None,
}
GROUPED = _SMALL | {"num_key_value_heads": 2, "head_dim": 8}

CONFIGS = {
    "llama": lambda: transformers.LlamaConfig(**GROUPED),
    "qwen2": lambda: transformers.Qwen2Config(**GROUPED),
    "qwen3": lambda: transformers.Qwen3Config(**GROUPED),
    "mistral": lambda: transformers.MistralConfig(**GROUPED, sliding_window=24),
    "gemma2": lambda: transformers.Gemma2Config(
        **GROUPED, sliding_window=24, query_pre_attn_scalar=8
    ),
    "gpt2": lambda: transformers.GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=LENGTH,
        n_embd=32,
        n_layer=2,
        n_head=4,
        initializer_range=0.3,
        bos_token_id=0,
        eos_token_id=1,
    ),
    "opt": lambda: transformers.OPTConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        ffn_dim=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        word_embed_proj_dim=32,
        init_std=0.3,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=None,
    ),
    "gpt_neox": lambda: transformers.GPTNeoXConfig(**_SMALL),
    "bloom": lambda: transformers.BloomConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        n_layer=2,
        n_head=4,
        initializer_range=0.3,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=None,
    ),
    "phi": lambda: transformers.PhiConfig(**_SMALL),
    "mixtral": lambda: transformers.MixtralConfig(
        **GROUPED, num_local_experts=4, num_experts_per_tok=2
    ),
    "gpt_oss": lambda: transformers.GptOssConfig(
        **GROUPED,
        sliding_window=24,
        num_local_experts=4,
        num_experts_per_tok=2,
        rope_parameters={"rope_type": "default", "rope_theta": 1e4},
    ),
}


def tokenizer() -> transformers.PreTrainedTokenizerFast:
    """One token per byte, some longer ones, and the special tokens <s> and </s>."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = ["<s>", "</s>", *alphabet]
    merges = [(a, b) for a in "aeiou" for b in "nrst"] + [("Ġ", c) for c in "abcdefghijklm"]
    pieces += ["".join(pair) for pair in merges]
    pieces += [f"<{index}>" for index in range(VOCABULARY - len(pieces))]
    built = Tokenizer(
        models.BPE(vocab={piece: index for index, piece in enumerate(pieces)}, merges=merges)
    )
    built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    built.decoder = decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=built, bos_token="<s>", eos_token="</s>"
    )


def save(model: transformers.PreTrainedModel, folder: Path) -> Path:
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def causal(name: str) -> transformers.PreTrainedModel:
    """The one tiny model of an architecture in this process, in its plain mode."""
    modes_of(name).plain()
    return modes_of(name).model


@cache
def modes_of(name: str) -> Modes:
    torch.manual_seed(7)
    return Modes(
        transformers.AutoModelForCausalLM.from_config(CONFIGS[name](), dtype=torch.float32).eval()
    )


def engine(
    name: str, strategy: str = "auto", budget: int = 1024, rows: int = 4, **room
) -> TableEngine:
    """An engine of a tiny causal model, without a folder."""
    return engine_of(causal(name), strategy, budget, rows, **room)


def engine_of(
    model: transformers.PreTrainedModel,
    strategy: str = "auto",
    budget: int = 1024,
    rows: int = 4,
    **room,
) -> TableEngine:
    built = Causal(
        model, Ending.of_model(model, tokenizer()), Counters(), budget, Room(rows, **room), strategy
    )
    return TableEngine("causal", built, model, LENGTH)


GREEDY = {"until": [], "max_new_tokens": 12, "do_sample": False, "temperature": 1.0, "top_p": 1.0}
GREEDY |= {"top_k": 0, "repetition_penalty": 1.0, "samples": 1, "seed": 0}


def call(key: str, context: list[int], continuation: list[int] | None = None, **settings) -> dict:
    """A row of CALLS; without a continuation it generates with the given settings."""
    generation = None
    if continuation is None and settings.get("kind", "generate") == "generate":
        others = ("kind", "sample", "token_types", "offsets", "passage")
        own = {name: value for name, value in settings.items() if name not in others}
        generation = GREEDY | own
    return {
        "key": key,
        "kind": settings.get("kind", "generate" if continuation is None else "loglikelihood"),
        "context": context,
        "continuation": continuation or [],
        "token_types": settings.get("token_types"),
        "offsets": settings.get("offsets"),
        "passage": settings.get("passage"),
        "generation": generation,
        "sample": settings.get("sample", 0),
    }


def table(rows: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=CALLS)


def answers(engine, calls: pa.Table) -> dict[str, dict]:
    """Outputs by key, batch by batch as the workflow asks for them."""
    found = [
        row
        for batch in engine.plan(calls)
        for part in engine.answer(calls.take(batch))
        for row in part.to_pylist()
    ]
    assert len(found) == len(calls)
    return {row["key"]: row for row in found}


@torch.inference_mode()
def plain(model, row: dict) -> tuple[float, bool]:
    """Log-likelihood and greedy flag of one call by itself, the obvious way."""
    ids = row["context"] + row["continuation"]
    scores = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    places = range(len(row["context"]) - 1, len(ids) - 1)
    pairs = list(zip(places, row["continuation"], strict=True))
    loglikelihood = sum(scores[place, token].item() for place, token in pairs)
    return loglikelihood, all(scores[place].argmax() == token for place, token in pairs)


def tokens(rng: np.random.Generator, count: int) -> list[int]:
    return rng.integers(2, VOCABULARY, count).tolist()


def mixture(seed: int = 0) -> list[dict]:
    """Log-likelihood calls of every shape: shared headers, choices, prefixes of others, rolling
    texts, duplicates, nothing to score."""
    rng = np.random.default_rng(seed)
    header, other = tokens(rng, 90), tokens(rng, 70)
    rows = []
    for document in range(6):
        question = tokens(rng, int(rng.integers(3, 40)))
        context = (header if document < 4 else other) + question
        for choice in range(4):
            continuation = tokens(rng, 1 if document % 2 else int(rng.integers(1, 9)))
            rows.append(call(f"choice-{document}-{choice}", context, continuation))
        rows.append(call(f"longer-{document}", context, rows[-1]["continuation"] + tokens(rng, 3)))
    long = tokens(rng, 230)
    rows += [
        call("rolling-1", long[:1], long[1:]),
        call("rolling-2", [0], tokens(rng, 150)),
        call("prefix", header[:40], header[40:60]),
        call("whole header", header[:-1], header[-1:]),
        call("short", [5], [6]),
        call("empty", header, []),
        call("again", header[:40], header[40:60]),
    ]
    return rows


def mixed_calls():
    """Continuations to score and texts to write that share a header."""
    rng = np.random.default_rng(3)
    header = tokens(rng, 60)
    scored = [call(f"s{i}", [*header, *tokens(rng, 9 + i)], tokens(rng, 3)) for i in range(5)]
    written = [call(f"w{i}", [*header, *tokens(rng, 4 + i)], max_new_tokens=12) for i in range(5)]
    drawn = [call("d", [*header, 7], max_new_tokens=12, do_sample=True, temperature=1.0, seed=4)]
    return table(scored + written + drawn)

"""Whether the packed path is exact for a model, shown on some of a plan's own asks against the padded path.

Architectures differ in what attention may see (windows, sinks, position biases, recurrent layers), and not all say so through the
interface that the packed path uses. So it is proven, on two kinds of asks: short ones that share starts, with a budget so small that
headers, trees and pieces all occur; and the longest one as it is, since windows and position scaling show only there.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from snakeval.engine import asks as rows_of
from snakeval.engine import sampling
from snakeval.engine.asks import Answer, Ask
from snakeval.engine.attention import Unsupported
from snakeval.engine.packed import Packed
from snakeval.engine.padded import Padded
from snakeval.engine.protocol import Counters
from snakeval.errors import UserError

PACKED = "snakeval"  # the name of attention.attend in transformers' AttentionInterface
TOKENS = 64  # of a short ask
SCORED = 12  # of them as continuation
BUDGET = 48  # for the short asks
DECODED = 6  # tokens generated to compare
# Largest difference allowed in the mean log-likelihood of a token. In float32 both paths agree to about 1e-6; in lower precision any two
# batch shapes differ by hundredths, while a wrong mask or position shows as tenths or more.
TOLERANCE = {torch.float32: 1e-4, torch.float16: 0.05, torch.bfloat16: 0.1}


def use(model: Any, attention: str) -> None:
    """Switch the model's attention."""
    if model.config._attn_implementation != attention:
        model.set_attn_implementation(attention)


def why_not_packed(model: Any, own_attention: str, packed: Packed, padded: Padded, asks: list[Ask]) -> str | None:
    """None if the packed path agrees with the padded one, else the reason, for people."""
    if not asks:
        return None
    if not model._can_set_attn_implementation():
        return f"{type(model).__name__} does not use the attention interface"
    short = _short(asks)
    unseen = Counters()  # what the check computes is no part of the run
    small = Packed(model, packed.ending, unseen, BUDGET, 2)
    whole = Packed(model, packed.ending, unseen, packed.passes.budget, 2)
    plain = Padded(model, padded.ending, unseen, BUDGET)
    try:
        for engine, some in ((small, short), (whole, _longest(asks))):
            use(model, PACKED)
            found = {answer.key: _per_token(answer) for answers in engine.answer(some) for answer in answers}
            use(model, own_attention)
            expected = {answer.key: _per_token(answer) for ask in some for answer in plain.loglikelihoods([ask])}
            difference = max(abs(found[key] - expected[key]) for key in expected)
            if not difference <= _tolerance(model):
                return f"{type(model).__name__} is not exact in packed passes: {difference:.2g} per token off"
        if any(ask.kind == rows_of.GENERATE for ask in asks):
            loss = _decoding_loss(model, own_attention, small, plain, short)
            if not loss <= _tolerance(model):
                return f"{type(model).__name__} does not decode exactly in packed passes: {loss:.2g} per token off"
    except (UserError, torch.OutOfMemoryError):
        raise
    except Unsupported as reason:
        return f"{type(model).__name__}: {reason}"
    except Exception as error:  # remote code may fail in any way; the reason stands in the description of the engine
        return f"{type(model).__name__} fails in packed passes: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return None


def _tolerance(model: Any) -> float:
    return TOLERANCE.get(model.dtype, TOLERANCE[torch.bfloat16])


def _per_token(answer: Answer) -> float:
    assert answer.loglikelihood is not None
    return answer.loglikelihood / answer.n_tokens


def _short(asks: list[Ask]) -> list[Ask]:
    """From two asks, variants that part at their middle and near their end."""
    made: dict[bytes, Ask] = {}
    for number, ask in enumerate(sorted(asks, key=lambda ask: ask.key)[:2]):
        tokens = np.concatenate([ask.context, ask.continuation])[:TOKENS]
        half, late = len(tokens) // 2, max(len(tokens) - 4, len(tokens) // 2)
        variants = (tokens, np.concatenate([tokens[:late], tokens[late:][::-1]]), np.concatenate([tokens[:half], tokens[half:][::-1]]))
        for variant in variants:
            made.setdefault(variant.tobytes(), _scored(variant, f"check {number} {len(made)}"))
    return list(made.values())


def _longest(asks: list[Ask]) -> list[Ask]:
    ask = max(asks, key=lambda ask: (ask.length, ask.key))
    return [_scored(np.concatenate([ask.context, ask.continuation]), "check longest")]


def _scored(tokens: np.ndarray, key: str) -> Ask:
    """An ask for the last tokens."""
    if len(tokens) == 1:
        tokens = np.repeat(tokens, 2)
    cut = max(1, len(tokens) - SCORED)
    return Ask(key, rows_of.LOGLIKELIHOOD, tokens[:cut], tokens[cut:], None, None, None, None, 0)


def _decoding_loss(model: Any, own_attention: str, packed: Packed, padded: Padded, asks: list[Ask]) -> float:
    """By how much, per token, texts of the packed path are less likely than those of the padded path, at most; both greedy.

    Texts may differ where two tokens are about equally likely, and in lower precision they do.
    """
    settings = dict.fromkeys(("until", "temperature", "top_p", "top_k", "repetition_penalty", "seed"))
    settings |= {"max_new_tokens": DECODED, "do_sample": False, "until": []}
    prompts = [replace(ask, kind=rows_of.GENERATE, generation=settings) for ask in asks]
    likelihoods = []
    for engine, attention in ((packed, PACKED), (padded, own_attention)):
        use(model, attention)
        engine.plan(prompts)
        rows = [sampling.start(ask, ask.context) for ask in prompts]
        for _ in engine.texts(rows):
            pass
        use(model, own_attention)
        texts = [replace(ask, continuation=np.array(row.tokens, np.int32)) for ask, row in zip(asks, rows, strict=True)]
        likelihoods.append([_per_token(answer) for ask in texts for answer in padded.loglikelihoods([ask])])
    return max(plain - fast for fast, plain in zip(*likelihoods, strict=True))

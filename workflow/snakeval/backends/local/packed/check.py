"""Whether packing is exact for a model: some of a plan's own calls, packed and padded.

Architectures differ in what attention may see: windows, sinks, position biases, recurrent layers.
Not all say so through the interface that packing uses. So it is checked on two kinds of calls:

- short ones that share starts, with a budget so small that headers, trees and pieces all occur;
- where distance matters to the architecture, the longest one in two pieces, because windows and
  scaled positions show only there.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from snakeval.backends.calls import GENERATE, LOGLIKELIHOOD, Call, Output
from snakeval.backends.local import sampling
from snakeval.backends.local.packed import trie
from snakeval.backends.local.packed.attention import Unsupported
from snakeval.backends.local.packed.kv_cache import Room
from snakeval.backends.local.packed.packed import Packed
from snakeval.backends.local.padded import Padded, tolerance
from snakeval.backends.local.patches.modes import Modes
from snakeval.backends.protocol import Counters
from snakeval.errors import UserError

TOKENS = 64  # of a short call
SCORED = 12  # of them as continuation
BUDGET = 48  # for the short calls
DECODED = 6  # tokens generated to compare


@dataclass
class Check:
    """What has been shown for a model so far. It is not shown again for every plan."""

    model: Any
    modes: Modes
    packed: Packed
    padded: Padded
    exact_to: int = 0  # longest call for which both strategies agreed
    decodes: bool = False  # texts agreed
    distance_matters: bool = field(init=False)

    def __post_init__(self) -> None:
        self.distance_matters = _distance_matters(self.model)

    def why_not_packed(self, calls: list[Call]) -> str | None:
        """None if packed and padded agree, else the reason, for the engine's description."""
        name = type(self.model).__name__
        if not self.model._can_set_attn_implementation():
            return f"{name} does not use the attention interface"
        try:
            return self._difference(calls)
        except (UserError, torch.OutOfMemoryError):
            raise
        except Unsupported as reason:
            return f"{name}: {reason}"
        except Exception as error:  # remote code may fail in any way
            words = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            return f"{name} fails in packed passes: {words}"

    def _difference(self, calls: list[Call]) -> str | None:
        name = type(self.model).__name__
        unseen = Counters()  # what the check computes is no part of the run
        small = Packed(self.model, self.packed.ending, unseen, BUDGET, Room(2))
        length = max(call.length for call in calls)
        halves = Packed(self.model, self.packed.ending, unseen, length // 2 + 1, Room(2))
        generates = any(call.kind == GENERATE for call in calls)
        plain = Padded(self.model, self.padded.ending, unseen, BUDGET)
        short = _short(calls)
        far = length > self.exact_to and self.distance_matters
        trials = ((small, short, not self.exact_to), (halves, _longest(calls), far))
        for packed, some, needed in trials:
            if needed:
                off = self._loglikelihood_difference(packed, plain, some)
                if not off <= tolerance(self.model):
                    return f"{name} is not exact in packed passes: {off:.2g} per token off"
        self.exact_to = max(length, self.exact_to)
        if generates and not self.decodes:
            loss = self._decoding_loss(small, plain, short)
            if not loss <= tolerance(self.model):
                return f"{name} does not decode exactly in packed passes: {loss:.2g} per token off"
            self.decodes = True
        return None

    def _loglikelihood_difference(self, packed: Packed, padded: Padded, calls: list[Call]) -> float:
        """Largest difference of a token's mean log-likelihood; padded takes each call alone."""
        self.modes.packed()
        found = {each.key: _per_token(each) for some in packed.answer(calls) for each in some}
        self.modes.plain()
        expected = {each.key: _per_token(each) for call in calls for each in padded.scores([call])}
        return _largest([abs(found[key] - expected[key]) for key in expected])

    def _decoding_loss(self, packed: Packed, padded: Padded, calls: list[Call]) -> float:
        """How much less likely a packed text is than a padded one, at most, per token of DECODED.

        Both are greedy. Texts may part where two tokens are about equally likely, and in lower
        precision they do. What follows depends on the token taken, so only what comes before it is
        compared.
        """
        names = ("temperature", "top_p", "top_k", "repetition_penalty", "seed")
        settings: dict[str, Any] = dict.fromkeys(names)
        settings |= {"max_new_tokens": DECODED, "do_sample": False, "until": []}
        prompts = [replace(call, kind=GENERATE, generation=settings) for call in calls]
        packed.plan(prompts)
        written = []
        for strategy, mode in ((packed, self.modes.packed), (padded, self.modes.plain)):
            mode()
            rows = [sampling.start(call, call.context) for call in prompts]
            for _ in strategy.continued(rows):
                pass
            written.append([np.array(row.tokens, np.int32) for row in rows])
        self.modes.plain()
        losses = [0.0]
        for call, *texts in zip(calls, *written, strict=True):
            parted = trie.common_length(*texts) + 1
            fast, plain = (
                padded.scores([replace(call, continuation=text[:parted])])[0].loglikelihood
                for text in texts
            )
            assert fast is not None and plain is not None
            losses.append((plain - fast) / DECODED)
        return _largest(losses)


def _distance_matters(model: Any) -> bool:
    """Whether other rules may hold for distant tokens, so that short calls prove nothing about long
    ones.

    The architectures of transformers say so in their configuration. Code that comes with the
    weights may not.
    """
    config = model.config.get_text_config()
    rope = getattr(config, "rope_parameters", None) or {}
    kinds = {str(value) for name, value in _leaves(rope) if name == "rope_type"}
    words = ("window", "chunk", "alibi", "sparse")
    limits = any(
        value and name != "max_window_layers"  # of Qwen: which layers, if any
        for name, value in _leaves(config.to_dict())
        if any(word in name for word in words)
    )
    layers = set(getattr(config, "layer_types", None) or ()) - {"full_attention"}
    foreign = not type(model).__module__.startswith("transformers.")
    return bool(foreign or limits or layers or kinds - {"default", "linear", "llama3", "yarn"})


def _leaves(tree: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield str(name), value


def _largest(differences: list[float]) -> float:
    """The largest; NaN if one is NaN, as then nothing is shown. Python's `max` may skip NaN."""
    return float(np.max(differences))


def _per_token(output: Output) -> float:
    assert output.loglikelihood is not None
    return output.loglikelihood / output.n_tokens


def _short(calls: list[Call]) -> list[Call]:
    """Variants of two calls that part at their middle and near their end."""
    made: dict[bytes, Call] = {}
    for number, call in enumerate(sorted(calls, key=lambda call: call.key)[:2]):
        tokens = np.concatenate([call.context, call.continuation])[:TOKENS]
        half, late = len(tokens) // 2, max(len(tokens) - 4, len(tokens) // 2)
        turned = [np.concatenate([tokens[:at], tokens[at:][::-1]]) for at in (late, half)]
        variants = [tokens, *turned]
        for variant in variants:
            made.setdefault(variant.tobytes(), _scored(variant, f"check {number} {len(made)}"))
    return list(made.values())


def _longest(calls: list[Call]) -> list[Call]:
    call = max(calls, key=lambda call: (call.length, call.key))
    return [_scored(np.concatenate([call.context, call.continuation]), "check longest")]


def _scored(tokens: np.ndarray, key: str) -> Call:
    """A call for the last tokens."""
    if len(tokens) == 1:
        tokens = np.repeat(tokens, 2)
    cut = max(1, len(tokens) - SCORED)
    return Call(key, LOGLIKELIHOOD, tokens[:cut], tokens[cut:])

"""Attention in parts: what a token attends to is split, a fused kernel computes each part, and the
results are merged exactly.

A part gives its output and the logarithm of its softmax's denominator (log-sum-exp). Two parts
merge as a weighted mean, weighted by their shares of the denominators. That is exact, because
softmax over a union is this mean (Juravsky et al. 2024, arXiv:2402.05099; Ye et al. 2025,
arXiv:2501.01005). So the keys of a shared header meet all queries below it in one dense call, and
each unit meets its own keys.

`attend` is registered in transformers' AttentionInterface as "snakeval". Models pass the `layout`
of the forward pass to it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import torch

# Output [tokens, heads, width] and log-sum-exp [tokens, heads] float32.
Part = tuple[torch.Tensor, torch.Tensor]
CPU = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
FLASH = torch.ops.aten._scaled_dot_product_flash_attention
EFFICIENT = torch.ops.aten._scaled_dot_product_efficient_attention
MANY_QUERIES = 128  # of each head

Window = int | None  # a token sees the last `window` tokens, itself included; None: all


@dataclass(frozen=True)
class Score:
    """How a query and a key give a score: their product times `scale`, then bent to ± `softcap`."""

    scale: float
    softcap: float | None = None


class Unsupported(Exception):
    """The model needs attention that is not computed here. The message says which."""


@dataclass
class Past:
    """Keys and values of a stretch of tokens, per layer [1, key-value heads, tokens, width]."""

    positions: torch.Tensor  # [tokens]
    keys: list[torch.Tensor] = field(default_factory=list)
    values: list[torch.Tensor] = field(default_factory=list)


class Local(Protocol):
    """How the tokens of a forward pass attend to one another."""

    def part(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        window: Window,
        score: Score,
    ) -> Part:
        """query [1, heads, tokens, width], key and value [1, key-value heads, tokens, width]."""


@dataclass
class Layout:
    """What every token of one forward pass attends to."""

    local: Local
    positions: torch.Tensor  # [tokens]
    pasts: list[tuple[slice | torch.Tensor, Past]]  # these tokens attend to this past, too
    layer: int = 0
    masks: dict = field(default_factory=dict)

    def past_mask(
        self, number: int, window: Window, dtype: torch.dtype, device: torch.device
    ) -> tuple[torch.Tensor, torch.Tensor] | None:
        """The mask of past `number`; None where every key is seen.

        An additive mask [1, 1, tokens, keys], and which tokens see no key at all [tokens].
        """
        if window is None:
            return None
        place = (number, window, device)
        if place not in self.masks:
            rows, past = self.pasts[number]
            outside = (self.positions[rows, None] - past.positions[None, :] >= window).to(device)
            self.masks[place] = None
            if bool(outside.any()):
                self.masks[place] = additive(~outside[None, None], dtype), outside.all(1)
        return self.masks[place]


@dataclass
class Group:
    """Neighbouring units of about equal length, padded to one length."""

    rows: slice
    units: int
    length: int
    # [units × length] rows of the forward pass, where padding repeats one; None: no padding
    gather: torch.Tensor | None
    scatter: torch.Tensor | None  # places of the group's rows among units × length
    allowed: torch.Tensor | None  # [units, 1, length, length] bool; None: causal
    masks: dict = field(default_factory=dict)

    def mask(
        self, positions: torch.Tensor, window: Window, dtype: torch.dtype, device: torch.device
    ) -> torch.Tensor | None:
        """Additive mask, or None for plain causal attention."""
        if (window, device) not in self.masks:
            allowed = self.allowed
            if window is not None and self.length > window:
                here = positions[self.rows] if self.gather is None else positions[self.gather]
                here = here.view(self.units, 1, self.length)
                near = here[..., :, None] - here[..., None, :] < window
                square = torch.ones(self.length, self.length, dtype=torch.bool, device=near.device)
                allowed = near & (square.tril() if allowed is None else allowed)
            mask = None if allowed is None else additive(allowed.to(device), dtype)
            self.masks[window, device] = mask
        return self.masks[window, device]


@dataclass
class Prefill:
    """Prefill: units side by side, each attends to itself. Keeps keys and values in `kept`."""

    groups: list[Group]
    positions: torch.Tensor
    kept: Past | None = None

    def part(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        window: Window,
        score: Score,
    ) -> Part:
        if self.kept is not None:
            self.kept.keys.append(key)
            self.kept.values.append(value)
        parts = []
        for group in self.groups:
            mask = group.mask(self.positions, window, query.dtype, query.device)
            query_, key_, value_ = (_units(state, group) for state in (query, key, value))
            output, lse = partial(query_, key_, value_, score, mask, causal=mask is None)
            output, lse = output.flatten(0, 1), lse.flatten(0, 1)
            if group.scatter is not None:
                kept = group.scatter.to(output.device)
                output, lse = output[kept], lse[kept]
            parts.append((output, lse))
        if len(parts) == 1:
            return parts[0]
        return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    layout: Layout | None = None,
    scaling: float | None = None,
    sliding_window: Window = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    position_bias: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """One layer's attention. query [1, heads, tokens, width]; gives [1, tokens, heads, width]."""
    if layout is None or position_bias is not None:
        biased = "the architecture biases attention by position"
        raise Unsupported(biased if layout else "the architecture does not pass arguments on")
    score = Score(query.shape[-1] ** -0.5 if scaling is None else scaling, softcap)
    output, lse = layout.local.part(layout.layer, query, key, value, sliding_window, score)
    for number, (rows, past) in enumerate(layout.pasts):
        rows = rows if isinstance(rows, slice) else rows.to(query.device)
        mask = layout.past_mask(number, sliding_window, query.dtype, query.device)
        keys, values = past.keys[layout.layer], past.values[layout.layer]
        more, more_lse = partial(query[:, :, rows], keys, values, score, mask[0] if mask else None)
        share = more_lse[0].masked_fill(mask[1][:, None], -math.inf) if mask else more_lse[0]
        merge(output, lse, rows, more[0], share)
    if s_aux is not None:  # an attention sink: one more key per head, of value zero
        output = output * torch.sigmoid(lse - s_aux.float())[..., None].to(output.dtype)
    layout.layer += 1
    return output[None], None


def merge(
    output: torch.Tensor,
    lse: torch.Tensor,
    rows: slice | torch.Tensor,
    more: torch.Tensor,
    more_lse: torch.Tensor,
) -> None:
    """Merge another part, of some of the tokens, into `output` [tokens, heads, width] and `lse`
    [tokens, heads], in place."""
    mine = lse[rows]
    weight = torch.sigmoid(more_lse - mine)[..., None].to(output.dtype)
    if isinstance(rows, slice):
        output[rows].lerp_(more, weight)
    else:
        output[rows] = output[rows].lerp(more, weight)
    lse[rows] = torch.logaddexp(mine, more_lse)


def partial(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    score: Score,
    mask: torch.Tensor | None = None,
    causal: bool = False,
) -> Part:
    """Attention over some of the keys: output [batch, queries, heads, width] and log-sum-exp
    [batch, queries, heads].

    `query`: [batch, heads, queries, width]; `key` and `value`: [batch, key-value heads, keys,
    width]. `mask` is added to the scores. The result of a query that sees no key is arbitrary.
    """
    kernel = _plain if score.softcap is not None else _kernel(query, value, mask)
    alike = not causal and (mask is None or mask.shape[-2] == 1)  # all queries see the same keys
    # Flash attention reads the keys of a group once; many queries would be copied.
    takes_groups = kernel is _flash and query.shape[2] >= MANY_QUERIES
    if query.shape[1] > key.shape[1] and alike and not takes_groups:
        return _grouped(query, key, value, score, mask)
    return kernel(query, key, value, score, mask, causal)


def _kernel(
    query: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
) -> Callable[..., Part]:
    """The fastest kernel that gives a log-sum-exp and takes these shapes and this precision.

    The others raise errors, by the checks of torch's flash_api.cpp and attention.cu.
    `scaled_dot_product_attention` chooses by itself, but gives no log-sum-exp.
    """
    device, width, value_width = device_type(query), query.shape[-1], value.shape[-1]
    if device == "cpu":
        return _cpu if value_width == width else _plain
    if device != "cuda":
        return _plain
    half = query.dtype in (torch.float16, torch.bfloat16)
    fits = value_width == width and width % 8 == 0 and width <= 256
    if mask is None and half and fits and ampere(query.device):
        return _flash
    aligned = 8 if half else 4
    return _plain if width % aligned or value_width % aligned else _efficient


def device_type(state: torch.Tensor) -> str:
    """The kind of device whose kernels a tensor's attention takes."""
    return state.device.type


@cache
def ampere(device: torch.device) -> bool:
    """Whether a GPU is of the Ampere generation or newer, which flash attention needs."""
    return torch.cuda.get_device_capability(device) >= (8, 0)


def _cpu(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    score: Score,
    mask: torch.Tensor | None,
    causal: bool,
) -> Part:
    return _turned(query, CPU(query, key, value, 0.0, causal, attn_mask=mask, scale=score.scale))


def _flash(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    score: Score,
    mask: torch.Tensor | None,
    causal: bool,
) -> Part:
    return _turned(query, FLASH(query, key, value, 0.0, causal, False, scale=score.scale))


def _efficient(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    score: Score,
    mask: torch.Tensor | None,
    causal: bool,
) -> Part:
    """The memory-efficient kernel.

    It needs as many heads of keys as of queries, and a mask of the scores' whole shape.
    """
    bias = None if mask is None else mask.expand(*query.shape[:3], -1)
    states = (query, *_repeated(query, key, value))
    return _turned(query, EFFICIENT(*states, bias, True, 0.0, causal, scale=score.scale))


def _turned(query: torch.Tensor, found: Sequence[torch.Tensor]) -> Part:
    """A part from a kernel's output [batch, heads, queries, width] and log-sum-exp [batch, heads,
    at least queries]."""
    output, lse = found[:2]
    return output.transpose(1, 2), lse[..., : query.shape[2]].transpose(1, 2)


def _repeated(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and values with a head for every head of queries; copied only where there are fewer."""
    times = query.shape[1] // key.shape[1]
    if times == 1:
        return key, value
    return key.repeat_interleave(times, 1), value.repeat_interleave(times, 1)


def _grouped(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    score: Score,
    mask: torch.Tensor | None,
) -> Part:
    """Attention where all queries see the same keys.

    The heads that share a key-value head are then more queries of that head. So its keys are read
    once, and not copied for any kernel.
    """
    batch, heads, queries, width = query.shape
    shared = key.shape[1]
    many = query.reshape(batch, shared, heads // shared * queries, width)
    output, lse = partial(many, key, value, score, mask)
    output = output.unflatten(1, (heads // shared, queries)).permute(0, 2, 3, 1, 4).flatten(2, 3)
    return output, lse.unflatten(1, (heads // shared, queries)).permute(0, 2, 3, 1).flatten(2, 3)


def additive(allowed: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A mask to add to scores.

    Its rows are a multiple of 16 elements apart, as the memory-efficient CUDA kernel needs them.
    """
    keys = allowed.shape[-1]
    shape = (*allowed.shape[:-1], -(-keys // 16) * 16)
    mask = torch.zeros(shape, dtype=dtype, device=allowed.device)[..., :keys]
    return mask.masked_fill_(~allowed, -math.inf)


def _plain(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    score: Score,
    mask: torch.Tensor | None,
    causal: bool,
) -> Part:
    """The definition, with its softmax in float32, for what the kernels do not cover."""
    key, value = _repeated(query, key, value)
    # Scaled before the product, so that float16 does not overflow.
    scores = torch.matmul(query * score.scale, key.transpose(-1, -2)).float()
    if score.softcap is not None:
        scores = torch.tanh(scores / score.softcap) * score.softcap
    if causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(later, -math.inf)
    if mask is not None:
        scores = scores + mask
    lse = scores.logsumexp(-1)
    weights = torch.exp(scores - lse.clamp(min=torch.finfo(lse.dtype).min)[..., None])
    return torch.matmul(weights.to(value.dtype), value).transpose(1, 2), lse.transpose(1, 2)


def _units(state: torch.Tensor, group: Group) -> torch.Tensor:
    """The group's rows of [1, heads, tokens, width] as [units, heads, length, width]."""
    rows = state[0].transpose(0, 1)
    rows = rows[group.rows] if group.gather is None else rows[group.gather.to(rows.device)]
    return rows.reshape(group.units, group.length, *rows.shape[1:]).transpose(1, 2)

"""What torch's CUDA attention kernels take and give, on the CPU: the demands that their sources
check, and the layout of their results.

From aten/src/ATen/native/transformers/cuda of PyTorch 2.13: flash_attn/flash_api.cpp, attention.cu,
mem_eff_attention/kernel_forward.h.
"""

import math
from collections import Counter

import torch

from snakeval.backends.local.packed import attention


def install(monkeypatch, *, ampere: bool = True) -> Counter:
    """Make the engine choose kernels as on a GPU; gives the number of calls of each kernel."""
    calls: Counter = Counter()

    def counting(name, kernel):
        return lambda *arguments, **settings: calls.update([name]) or kernel(*arguments, **settings)

    monkeypatch.setattr(attention, "device_type", lambda state: "cuda")
    monkeypatch.setattr(attention, "ampere", lambda device: ampere)
    monkeypatch.setattr(attention, "FLASH", counting("flash", flash))
    monkeypatch.setattr(attention, "EFFICIENT", counting("efficient", efficient))
    monkeypatch.setattr(attention, "_plain", counting("plain", attention._plain))
    return calls


def flash(query, key, value, dropout, causal, debug, *, scale):
    assert query.dtype in (torch.float16, torch.bfloat16)
    assert query.shape[-1] == key.shape[-1] == value.shape[-1] <= 256 and query.shape[-1] % 8 == 0
    assert query.shape[1] % key.shape[1] == 0
    assert not causal or query.shape[2] == key.shape[2]
    assert all(state.stride(-1) == 1 for state in (query, key, value))
    times = query.shape[1] // key.shape[1]
    keys, values = key.repeat_interleave(times, 1), value.repeat_interleave(times, 1)
    return *_softmax(query, keys, values, None, causal, scale), None


def efficient(query, key, value, bias, with_lse, dropout, causal, *, scale):
    aligned = 4 if query.dtype == torch.float32 else 8
    assert query.shape[1] == key.shape[1] == value.shape[1]
    assert query.shape[-1] % aligned == 0 == value.shape[-1] % aligned
    for state in (query, key, value):
        assert state.stride(-1) == 1 and state.storage_offset() % aligned == 0
        assert _aligned(state, aligned)
    if bias is not None:
        assert bias.dtype == query.dtype and bias.stride(-1) == 1
        assert bias.shape == (*query.shape[:3], key.shape[2])
        assert _aligned(bias, aligned)
    output, lse = _softmax(query, key, value, bias, causal, scale)
    lse = lse.masked_fill(lse.isinf(), 0.0)  # of a query that sees nothing
    padded = torch.nn.functional.pad(lse, (0, -query.shape[2] % 32), value=math.inf)
    return output, padded, None, None


def _aligned(state, to):
    """Whether all strides but the last are multiples of `to`, where they matter."""
    strides = zip(state.stride()[:3], state.shape[:3], strict=True)
    return all(stride % to == 0 for stride, size in strides if size > 1)


def _softmax(query, key, value, bias, causal, scale):
    """Output [batch, heads, queries, width], in the layout [batch, queries, heads, width], and
    log-sum-exp [batch, heads, queries]."""
    scores = query.float() @ key.float().transpose(-1, -2) * scale
    if bias is not None:
        scores = scores + bias.float()
    if causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(later, -math.inf)
    output = scores.softmax(-1).nan_to_num(0.0) @ value.float()
    return output.transpose(1, 2).contiguous().transpose(1, 2).to(query.dtype), scores.logsumexp(-1)

"""What a token costs, and what the device could do: for the share of the machine's speed that inference reaches."""

import time
from functools import cache
from typing import Any

import torch

SECONDS = 0.3  # of trying; there may be no fast kernel for a precision


def flops_per_token(model: Any) -> float:
    """Floating-point operations of the layers' matrix products over one token: two per parameter that it meets.

    Embeddings and head are left out, the first for being a look-up, the other since it runs where a token is scored only; so is attention,
    which grows with the context. Of a mixture of experts the routed ones count by the share that a token meets.
    """
    config = model.config.get_text_config()
    experts = next(
        (
            count
            for name in ("num_experts", "num_local_experts", "n_routed_experts")
            if (count := getattr(config, name, None))
        ),
        0,
    )
    used = (getattr(config, "num_experts_per_tok", None) or experts) / experts if experts else 1.0
    outside = {
        id(module.weight)
        for module in (model.get_input_embeddings(), model.get_output_embeddings())
        if hasattr(module, "weight")
    }
    met = sum(
        parameter.numel() * (used if ".experts." in name else 1.0)
        for name, parameter in model.named_parameters()
        if parameter.ndim > 1 and id(parameter) not in outside
    )
    return 2.0 * met


@cache
def peak_flops(device: torch.device, dtype: torch.dtype) -> float:
    """Operations per second of a large matrix product, the best of a few: what the device reaches, not what its maker says."""
    rows, inner, columns = (8192, 8192, 8192) if device.type == "cuda" else (512, 512, 1024)
    inputs, weights = (
        torch.randn(size, inner, dtype=dtype, device=device) for size in (rows, columns)
    )
    best, begun = float("inf"), _now(device)
    while best == float("inf") or _now(device) - begun < SECONDS:
        started = _now(device)
        torch.nn.functional.linear(inputs, weights)
        best = min(best, _now(device) - started)
    return 2.0 * rows * inner * columns / best


def advice(device: torch.device, dtype: torch.dtype) -> str | None:
    """What to set where a precision is far slower than float32, as on a CPU without instructions for it."""
    if device.type != "cpu" or dtype == torch.float32:
        return None
    times = peak_flops(device, torch.float32) / peak_flops(device, dtype)
    name = str(dtype).removeprefix("torch.")
    return (
        f"{name} takes {times:.0f} times as long as float32 on this processor; `dtype: float32` is faster"
        if times >= 2
        else None
    )


def _now(device: torch.device) -> float:
    """Seconds, once the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()

"""What a token costs and what the device can do: the share of its speed that inference reaches."""

import time
from functools import cache
from typing import Any

import torch

SECONDS = 0.3  # of measuring; a precision may have no fast kernel


def flops_per_token(model: Any) -> float:
    """Floating-point operations of the layers' matrix products over one token.

    That is two per parameter that a token meets. Three parts are left out: embeddings, which are a
    look-up; the head, which runs only where a token is scored; and attention, which grows with the
    context. The routed experts of a mixture count by the share that a token meets.
    """
    config = model.config.get_text_config()
    names = ("num_experts", "num_local_experts", "n_routed_experts")
    experts = next((count for name in names if (count := getattr(config, name, None))), 0)
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
    """Operations per second of a large matrix product, the best of a few.

    This is what the device reaches, not what its maker promises.
    """
    rows, inner, columns = (8192, 8192, 8192) if device.type == "cuda" else (512, 512, 1024)
    sizes = (rows, columns)
    inputs, weights = (torch.randn(size, inner, dtype=dtype, device=device) for size in sizes)
    best, begun = float("inf"), _now(device)
    while best == float("inf") or _now(device) - begun < SECONDS:
        started = _now(device)
        torch.nn.functional.linear(inputs, weights)
        best = min(best, _now(device) - started)
    return 2.0 * rows * inner * columns / best


def advice(device: torch.device, dtype: torch.dtype) -> str | None:
    """What to set where a precision is far slower than float32, or None.

    That is so on a CPU without instructions for the precision.
    """
    if device.type != "cpu" or dtype == torch.float32:
        return None
    times = peak_flops(device, torch.float32) / peak_flops(device, dtype)
    if times < 2:
        return None
    name = str(dtype).removeprefix("torch.")
    return (
        f"{name} takes {times:.0f} times as long as float32 on this processor. "
        "Set `dtype: float32`, which is faster."
    )


def _now(device: torch.device) -> float:
    """Seconds, once the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()

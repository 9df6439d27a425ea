"""Matrix products of few rows on processors that MKL is not made for.

PyTorch's float32 products on a CPU are MKL's. On AMD's processors those of a few hundred rows and less, which is what a decoding step
has, run at half of what oneDNN reaches (benchmarks/products.py); both come with PyTorch. From about 500 rows on there is no difference.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch

ROWS = 512  # up to here oneDNN's products are the faster ones


def replacements(model: Any) -> list[tuple[torch.nn.Module, Callable]]:
    """The linear layers of a model, with their other forward; none where MKL does well or the model is not a float32 one on the CPU."""
    if not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()) or _made_by_intel():
        return []
    return [
        (module, by_onednn(module))
        for module in model.modules()
        if type(module) is torch.nn.Linear
        and "forward" not in vars(module)
        and module.weight.device.type == "cpu"
        and module.weight.dtype == torch.float32
    ]


def by_onednn(module: torch.nn.Linear) -> Callable:
    """A forward of the same module that asks oneDNN where rows are few."""

    def forward(hidden: torch.Tensor) -> torch.Tensor:
        if hidden.numel() > ROWS * hidden.shape[-1]:
            return torch.nn.functional.linear(hidden, module.weight, module.bias)
        return torch.ops.mkldnn._linear_pointwise(hidden, module.weight, module.bias, "none", [], "")

    return forward


@cache
def _made_by_intel() -> bool:
    """Where nothing tells, yes: MKL is what PyTorch chose."""
    told = Path("/proc/cpuinfo")
    return not told.exists() or "GenuineIntel" in told.read_text(encoding="utf-8", errors="replace")

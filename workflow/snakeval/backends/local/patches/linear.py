"""Matrix products with weights laid out beforehand, on processors that MKL is not made for.

PyTorch's float32 products on a CPU are MKL's. On AMD's processors oneDNN, which comes with PyTorch too, is up to twice as fast for few rows
of inputs, which is what a decoding step has, and for wide heads (benchmarks/products.py), if it need not lay out the weights in each call.
The second copy takes memory, so large models go without.
"""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch

ROWS = 64  # of inputs, for which weights are laid out; others meet the same layout
LARGEST = 2**32  # bytes of weights of which there may be two copies


def replacements(model: Any) -> list[tuple[torch.nn.Module, Callable]]:
    """The linear layers of a model, with their other forward; none where MKL does well or the model is no small float32 one on the CPU."""
    if (
        not torch.backends.mkl.is_available()
        or not torch.backends.mkldnn.is_available()
        or _made_by_intel()
    ):
        return []
    found = [
        module
        for module in model.modules()
        if type(module) is torch.nn.Linear
        and type(module.weight)
        is torch.nn.Parameter  # not a slice of one that lies on several devices
        and "forward" not in vars(module)
        and module.weight.device.type == "cpu"
        and module.weight.dtype == torch.float32
    ]
    if sum(module.weight.nbytes for module in found) > LARGEST:
        return []
    return [(module, laid_out(module)) for module in found]


def laid_out(module: torch.nn.Linear) -> Callable:
    """A forward of the same module by oneDNN; its weights are laid out when they are first needed."""
    weight = cache(partial(torch.ops.mkldnn._reorder_linear_weight, module.weight.detach(), ROWS))

    def forward(hidden: torch.Tensor) -> torch.Tensor:
        return torch.ops.mkldnn._linear_pointwise(hidden, weight(), module.bias, "none", [], "")

    return forward


@cache
def _made_by_intel() -> bool:
    """Where nothing tells, yes: MKL is what PyTorch chose."""
    told = Path("/proc/cpuinfo")
    return not told.exists() or "GenuineIntel" in told.read_text(encoding="utf-8", errors="replace")

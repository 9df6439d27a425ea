"""Matrix products with weights laid out in advance, on processors that MKL is not made for.

PyTorch computes float32 products on a CPU with MKL. On AMD's processors oneDNN, which comes with
PyTorch too, is up to twice as fast for few rows of inputs, as in decoding, and for wide heads
(benchmarks/products.py). For that it must not lay out the weights in each call. The second copy of
the weights takes memory, so large models go without it.
"""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch

ROWS = 64  # of inputs, for which weights are laid out; other numbers get the same layout
LARGEST = 2**32  # bytes of weights of which there may be two copies


def replacements(model: Any) -> list[tuple[torch.nn.Module, Callable]]:
    """The linear layers of a model, with their other forward.

    None where MKL is fast, and none of a model that is large, not in float32 or not on the CPU.
    """
    both = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()
    if not both or _made_by_intel():
        return []
    found = [module for module in model.modules() if _suits(module)]
    if sum(module.weight.nbytes for module in found) > LARGEST:
        return []
    return [(module, laid_out(module)) for module in found]


def _suits(module: torch.nn.Module) -> bool:
    if type(module) is not torch.nn.Linear or "forward" in vars(module):
        return False
    weight = module.weight
    whole = type(weight) is torch.nn.Parameter  # not a slice of one on several devices
    return whole and weight.device.type == "cpu" and weight.dtype == torch.float32


def laid_out(module: torch.nn.Linear) -> Callable:
    """A forward of the same module by oneDNN. Weights are laid out when they are first needed."""
    weight = cache(partial(torch.ops.mkldnn._reorder_linear_weight, module.weight.detach(), ROWS))

    def forward(hidden: torch.Tensor) -> torch.Tensor:
        return torch.ops.mkldnn._linear_pointwise(hidden, weight(), module.bias, "none", [], "")

    return forward


@cache
def _made_by_intel() -> bool:
    """True where it is unknown, because PyTorch chose MKL."""
    file = Path("/proc/cpuinfo")
    return not file.exists() or "GenuineIntel" in file.read_text(encoding="utf-8", errors="replace")

"""Norms and rotary embeddings in fewer passes over memory.

Between its matrix products a layer of transformers writes a dozen intermediate tensors. On a CPU
that takes a sixth of the time. The two slowest are replaced here in a model's modules: RMS norms,
and `apply_rotary_pos_emb` as attention modules call it. A replacement is used only if it gives the
same as the module's own code on random input.
"""

import inspect
import types
from collections.abc import Callable
from typing import Any

import torch

Replacements = list[tuple[torch.nn.Module, Callable]]  # a module and its other forward

ROTARY = "apply_rotary_pos_emb"


@torch.inference_mode()
def replacements(model: Any) -> Replacements:
    """What can be replaced in a model.

    Modules whose forward is already wrapped, for example by accelerate, are left alone.
    """
    found: Replacements = []
    equal: dict[Callable, bool] = {}
    for module in model.modules():
        if "forward" in vars(module):
            continue
        forward = inspect.unwrap(type(module).forward)
        # A gated norm takes its gate, too.
        takes_one = len(inspect.signature(module.forward).parameters) == 1
        if "RMSNorm" in type(module).__name__ and takes_one and (norm := _norm(module)):
            found.append((module, norm))
        elif ROTARY in forward.__code__.co_names and not forward.__closure__:
            own = forward.__globals__[ROTARY]
            if own not in equal:
                equal[own] = _rotates_alike(own)
            if equal[own]:
                # The same code, in which one name means another function.
                names = forward.__globals__ | {ROTARY: rotate}
                defaults = forward.__defaults__
                other = types.FunctionType(forward.__code__, names, None, defaults)
                other.__kwdefaults__ = forward.__kwdefaults__
                found.append((module, types.MethodType(other, module)))
    return found


def install(chosen: Replacements) -> None:
    for module, forward in chosen:
        module.forward = forward  # type: ignore[method-assign]


def remove(chosen: Replacements) -> None:
    for module, _ in chosen:
        vars(module).pop("forward", None)


def rotate(
    q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, unsqueeze_dim: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotary position embedding (Su et al. 2021, arXiv:2104.09864).

    It turns the first `cos.shape[-1]` elements of each head. Their halves are the two coordinates
    of a turned point.
    """
    cos, sin = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)
    width = cos.shape[-1]
    half = width // 2

    def turned(state: torch.Tensor) -> torch.Tensor:
        result = state[..., :width] * cos
        result[..., :half].addcmul_(state[..., half:width], sin[..., :half], value=-1)
        result[..., half:].addcmul_(state[..., :half], sin[..., half:])
        return result if width == state.shape[-1] else torch.cat([result, state[..., width:]], -1)

    return turned(q), turned(k)


def _norm(module: Any) -> Callable | None:
    """RMS norm (Zhang and Sennrich 2019, arXiv:1910.07467) in one call.

    None unless the module computes it with its weight, or with one plus its weight.
    """
    weight = getattr(module, "weight", None)
    epsilon = getattr(module, "variance_epsilon", getattr(module, "eps", None))
    if weight is None or weight.ndim != 1 or not isinstance(epsilon, float):
        return None
    if weight.device.type == "meta":
        return None
    sample = torch.randn(4, len(weight), generator=torch.Generator().manual_seed(0)).to(weight)
    for scale in (weight, (1 + weight.float()).to(weight.dtype)):

        def norm(hidden: torch.Tensor, scale: torch.Tensor = scale) -> torch.Tensor:
            return torch.nn.functional.rms_norm(hidden, scale.shape, scale, epsilon)

        if _close(norm(sample), module(sample)):
            return norm
    return None


def _rotates_alike(own: Callable) -> bool:
    if list(inspect.signature(own).parameters) != ["q", "k", "cos", "sin", "unsqueeze_dim"]:
        return False
    random = torch.Generator().manual_seed(0)
    q, k = (torch.randn(1, heads, 3, 8, generator=random) for heads in (4, 2))
    compared = 0
    for width in (8, 4):
        cos, sin = (torch.randn(1, 3, width, generator=random) for _ in range(2))
        try:
            expected = own(q, k, cos, sin)
        except RuntimeError:  # another layout of cos and sin, or whole heads are always turned
            continue
        if not all(_close(a, b) for a, b in zip(rotate(q, k, cos, sin), expected, strict=True)):
            return False
        compared += 1
    return compared > 0


def _close(found: torch.Tensor, expected: torch.Tensor) -> bool:
    precision = 4 * torch.finfo(expected.dtype).eps
    if found.dtype != expected.dtype:
        return False
    return torch.allclose(found, expected, rtol=precision, atol=precision)

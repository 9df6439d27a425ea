import pytest
import torch
from builders import engine_models as tiny

from snakeval.backends.local.patches import elementwise

ROTARY = {"llama", "qwen2", "qwen3", "mistral", "gemma2", "gpt_neox", "phi", "mixtral"}
NORMS = {"llama", "qwen2", "qwen3", "mistral", "gemma2", "mixtral", "gpt_oss"}


@pytest.mark.parametrize("name", sorted(tiny.CONFIGS))
def test_replaced_modules_compute_the_same(name):
    model = tiny.causal(name)
    chosen = elementwise.replacements(model)
    kinds = {"norm" if "Norm" in type(module).__name__ else "rotary" for module, _ in chosen}
    assert kinds == {kind for kind, names in (("rotary", ROTARY), ("norm", NORMS)) if name in names}
    ids = torch.arange(40)[None]
    with torch.inference_mode():
        expected = model(ids).logits
        elementwise.install(chosen)
        try:
            found = model(ids).logits
        finally:
            elementwise.remove(chosen)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
        assert torch.equal(model(ids).logits, expected)


def test_a_norm_of_another_formula_is_left_alone():
    class OddRMSNorm(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.full((8,), 0.5))
            self.eps = 1e-6

        def forward(self, hidden):
            return hidden * self.weight

    assert elementwise.replacements(OddRMSNorm()) == []


def test_a_wrapped_forward_is_left_alone():
    model = tiny.causal("llama")
    norm = model.base_model.norm
    norm.forward = norm.forward
    try:
        assert norm not in [module for module, _ in elementwise.replacements(model)]
    finally:
        del norm.forward


@pytest.mark.parametrize("needs_gate", [True, False])
def test_a_norm_that_takes_a_gate_is_left_alone(needs_gate):
    class GatedRMSNorm(torch.nn.RMSNorm):
        def forward(self, hidden, gate):
            return super().forward(hidden) * gate

    class MaybeGatedRMSNorm(torch.nn.RMSNorm):
        def forward(self, hidden, gate=None):
            return super().forward(hidden if gate is None else hidden * gate)

    assert (
        elementwise.replacements((GatedRMSNorm if needs_gate else MaybeGatedRMSNorm)(8, eps=1e-6))
        == []
    )

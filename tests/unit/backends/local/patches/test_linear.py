"""Products with weights laid out beforehand: the same numbers, and only where MKL is slow."""

import pytest
import torch
from builders import engine_models as tiny

from snakeval.backends.local.patches import linear

pytestmark = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="PyTorch was built without oneDNN"
)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [1, 7, linear.ROWS, 700])
def test_the_same_numbers(rows, bias):
    torch.manual_seed(rows)
    module, hidden = torch.nn.Linear(96, 40, bias=bias), torch.randn(1, rows, 96)
    with torch.inference_mode():
        exact = module.double()(hidden.double())
        torch.testing.assert_close(
            linear.laid_out(module.float())(hidden).double(), exact, atol=1e-5, rtol=1e-5
        )


@pytest.mark.parametrize("intel", [True, False])
def test_chosen_by_who_made_the_processor(monkeypatch, intel):
    monkeypatch.setattr(linear, "_made_by_intel", lambda: intel)
    model = tiny.causal("llama")
    layers = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    chosen = [module for module, _ in linear.replacements(model)]
    assert chosen == ([] if intel or not torch.backends.mkl.is_available() else layers)


def test_large_models_are_not_kept_twice(monkeypatch):
    monkeypatch.setattr(linear, "_made_by_intel", lambda: False)
    monkeypatch.setattr(linear, "LARGEST", 4 * 4 * 4)
    assert (
        len(linear.replacements(torch.nn.Sequential(torch.nn.Linear(4, 4))))
        == torch.backends.mkl.is_available()
    )
    assert linear.replacements(torch.nn.Sequential(torch.nn.Linear(4, 5))) == []


def test_other_precisions_are_left_alone(monkeypatch):
    monkeypatch.setattr(linear, "_made_by_intel", lambda: False)
    assert (
        linear.replacements(torch.nn.Sequential(torch.nn.Linear(4, 4, dtype=torch.bfloat16))) == []
    )

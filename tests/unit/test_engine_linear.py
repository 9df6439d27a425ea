"""oneDNN's products where MKL's are slow: the same numbers, and only there."""

import engine_models as tiny
import pytest
import torch

from snakeval.engine import linear

pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="PyTorch was built without oneDNN")


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [1, 7, linear.ROWS, linear.ROWS + 1])
def test_the_same_numbers(rows, bias):
    torch.manual_seed(rows)
    module, hidden = torch.nn.Linear(96, 40, bias=bias), torch.randn(1, rows, 96)
    with torch.inference_mode():
        exact = module.double()(hidden.double())
        torch.testing.assert_close(linear.by_onednn(module.float())(hidden).double(), exact, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("intel", [True, False])
def test_chosen_by_who_made_the_processor(monkeypatch, intel):
    monkeypatch.setattr(linear, "_made_by_intel", lambda: intel)
    tiny.modes_of("llama").plain()
    model = tiny.causal("llama")
    layers = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    chosen = [module for module, _ in linear.replacements(model)]
    assert chosen == ([] if intel or not torch.backends.mkl.is_available() else layers)


def test_other_precisions_are_left_alone(monkeypatch):
    monkeypatch.setattr(linear, "_made_by_intel", lambda: False)
    assert linear.replacements(torch.nn.Sequential(torch.nn.Linear(4, 4, dtype=torch.bfloat16))) == []

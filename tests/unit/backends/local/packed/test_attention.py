import math

import pytest
import torch

from snakeval.backends.local.packed import attention
from snakeval.backends.local.packed.attention import Score

SCORE = Score(0.3)


def states(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def definition(query, key, value, score, allowed):
    """Softmax over the keys a query may see, in float64."""
    key, value = (
        state.double().repeat_interleave(query.shape[1] // key.shape[1], 1)
        for state in (key, value)
    )
    scores = query.double() @ key.transpose(-1, -2) * score.scale
    if score.softcap:
        scores = score.softcap * torch.tanh(scores / score.softcap)
    scores = scores.masked_fill(~allowed, -math.inf)
    return (scores.softmax(-1) @ value).transpose(1, 2), scores.logsumexp(-1).transpose(1, 2)


@pytest.mark.parametrize("softcap", [None, 2.0])
@pytest.mark.parametrize("how", ["all", "causal", "mask", "keys"])
@pytest.mark.parametrize("heads", [(4, 4), (4, 2), (4, 1)])
def test_a_part_gives_output_and_log_sum_exp(softcap, how, heads):
    query, key, value = (
        states(2, heads[0], 7, 16),
        states(2, heads[1], 7, 16, seed=1),
        states(2, heads[1], 7, 16, seed=2),
    )
    allowed = torch.ones(7, 7, dtype=torch.bool)
    if how == "causal":
        allowed = allowed.tril()
    if how == "mask":
        allowed = (states(2, 1, 7, 7, seed=3) > 0) | torch.eye(7, dtype=torch.bool)
    if how == "keys":  # the same for every query of a sequence
        allowed = (states(2, 1, 1, 7, seed=3) > 0) | (torch.arange(7) == 2)
    score = Score(0.3, softcap)
    mask = attention.additive(allowed, query.dtype) if how in ("mask", "keys") else None
    found = attention.partial(query, key, value, score, mask, causal=how == "causal")
    for a, b in zip(found, definition(query, key, value, score, allowed), strict=True):
        torch.testing.assert_close(a.double(), b, atol=1e-5, rtol=1e-5)


def test_merged_parts_are_the_whole():
    query, key, value = (
        states(1, 4, 9, 16),
        states(1, 2, 30, 16, seed=1),
        states(1, 2, 30, 16, seed=2),
    )
    output, lse = (
        part[0] for part in attention.partial(query, key[:, :, :5], value[:, :, :5], SCORE)
    )
    for low, high in ((5, 18), (18, 30)):
        for rows in (slice(0, 4), torch.arange(4, 9)):
            more, more_lse = attention.partial(
                query[:, :, rows], key[:, :, low:high], value[:, :, low:high], SCORE
            )
            attention.merge(output, lse, rows, more[0], more_lse[0])
    whole, whole_lse = definition(query, key, value, SCORE, torch.ones(9, 30, dtype=torch.bool))
    torch.testing.assert_close(output.double(), whole[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(lse.double(), whole_lse[0], atol=1e-5, rtol=1e-5)


def test_a_part_that_is_not_seen_changes_nothing():
    output, lse = states(3, 2, 4), states(3, 2, seed=1)
    before = output.clone(), lse.clone()
    attention.merge(
        output, lse, slice(0, 3), states(3, 2, 4, seed=2), torch.full((3, 2), -math.inf)
    )
    torch.testing.assert_close((output, lse), before)


def test_value_heads_of_another_width():
    query, key, value = states(1, 2, 3, 16), states(1, 2, 5, 16, seed=1), states(1, 2, 5, 8, seed=2)
    output, _ = attention.partial(query, key, value, SCORE)
    torch.testing.assert_close(
        output.double(),
        definition(query, key, value, SCORE, torch.ones(3, 5, dtype=torch.bool))[0],
        atol=1e-5,
        rtol=1e-5,
    )


def test_what_is_not_computed_is_said():
    with pytest.raises(attention.Unsupported, match="does not pass arguments on"):
        attention.attend(None, states(1, 1, 1, 4), states(1, 1, 1, 4), states(1, 1, 1, 4), None)
    layout = attention.Layout(attention.Prefill([], torch.arange(1)), torch.arange(1), [])
    with pytest.raises(attention.Unsupported, match="by position"):
        attention.attend(
            None,
            states(1, 1, 1, 4),
            states(1, 1, 1, 4),
            states(1, 1, 1, 4),
            None,
            layout=layout,
            position_bias=states(1),
        )


def test_masks_lie_as_the_cuda_kernel_wants_them():
    mask = attention.additive(torch.ones(2, 1, 3, 5, dtype=torch.bool).tril(), torch.bfloat16)
    assert mask.shape == (2, 1, 3, 5)
    assert mask.stride(-2) == 16
    assert mask[0, 0].tolist() == [
        [0] + [-math.inf] * 4,
        [0, 0] + [-math.inf] * 3,
        [0, 0, 0] + [-math.inf] * 2,
    ]

"""Numbers of documents against simulated tests."""

import numpy as np
import pytest
from builders.score_series import rng

from snakeval.statistics import comparisons, sample_size


def test_power_is_what_was_wanted():
    discordant, gap = 0.25, 0.05
    n = sample_size.documents_needed_right_or_wrong(gap, discordant)
    only_a, only_b, _ = (
        rng()
        .multinomial(n, [(discordant + gap) / 2, (discordant - gap) / 2, 1 - discordant], size=4000)
        .T
    )
    assert np.mean(comparisons.mcnemar(only_a, only_b)[0] < 0.05) == pytest.approx(0.8, abs=0.02)
    n = sample_size.documents_needed(0.2, variance=1.0)
    z = rng().normal(0.2, 1 / np.sqrt(n), 4000) * np.sqrt(n)
    assert np.mean(np.abs(z) > 1.96) == pytest.approx(0.8, abs=0.02)
    assert sample_size.detectable_difference(1 / np.sqrt(n)) == pytest.approx(0.2, abs=0.001)


def test_impossible_questions_of_power_are_errors():
    with pytest.raises(ValueError, match="smallest difference that matters"):
        sample_size.documents_needed(0, 1)
    with pytest.raises(ValueError, match="discordant share"):
        sample_size.documents_needed_right_or_wrong(0.2, 0.1)


def test_discordant_share_of_independent_models():
    assert sample_size.discordant_share(0.5, 0.5) == pytest.approx(0.5)
    assert sample_size.discordant_share(0.9, 0.6) == pytest.approx(0.9 * 0.4 + 0.1 * 0.6)
    assert sample_size.discordant_share(1.0, 0.0) == 1

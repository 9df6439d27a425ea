"""AlpacaEval's win rate, from a preference: 1 for the baseline, 2 for the model.

A value between them says how sure the annotator is.
"""

import math

from snakeval.metrics.metric import Metric


def mean_preference(prediction: str, references: list[str]) -> float:
    """Preference - 1 as it stands; no number where the annotation is none."""
    try:
        return float(prediction) - 1
    except ValueError:
        return math.nan


def win_rate(prediction: str, references: list[str]) -> float:
    """Preference - 1; 0 says that the annotator could not decide, which counts as half a win."""
    preferred = mean_preference(prediction, references)
    return 0.5 if preferred == -1 else preferred


WIN_RATE = Metric("win_rate", "generate_until", win_rate, aggregation="nanmean")
MEAN_PREFERENCE = Metric(
    "mean_preference", "generate_until", mean_preference, aggregation="nanmean"
)

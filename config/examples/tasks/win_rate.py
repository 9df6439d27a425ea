"""AlpacaEval's win rate, from a preference: 1 for the baseline, 2 for the model, between them how sure the annotator is."""

from snakeval.metrics import Metric


def win_rate(prediction: str, references: list[str]) -> float:
    """Preference - 1; 0 says that the annotator could not decide, which counts as half a win."""
    preference = float(prediction)
    return 0.5 if preference == 0 else preference - 1


def mean_preference(prediction: str, references: list[str]) -> float:
    """Preference - 1 as it stands."""
    return float(prediction) - 1


WIN_RATE = Metric("win_rate", "generate_until", win_rate)
MEAN_PREFERENCE = Metric("mean_preference", "generate_until", mean_preference)

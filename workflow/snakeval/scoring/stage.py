"""The stage that scores responses, and what its jobs depend on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from snakeval.files import extensions
from snakeval.jobs.stage import ONLY, Stage
from snakeval.metrics import local_files
from snakeval.sources.signature import signature
from snakeval.tasks.run import ResolvedRun
from snakeval.tasks.scoring_settings import ScoringSettings

PACKAGES = (
    *("evaluate", "math-verify", "latex2sympy2-extended", "sympy"),
    *("nltk", "rouge-score", "sacrebleu", "scikit-learn"),
)
"""Packages whose versions decide scores."""

Scoring = dict[str, ScoringSettings]
"""Scoring settings by task."""


@dataclass(frozen=True)
class ScoresSettings:
    """What scores depend on."""

    allow_functions: bool
    allow_code: Literal[False, "sandbox", "weak"]
    benchmarks: dict[str, Scoring]


@cache
def scoring(run: ResolvedRun) -> dict[str, Scoring]:
    """Scoring settings of every task, with signatures of the local files that its metrics read."""
    own = extensions.signed(run.config.extensions, run.where)
    signature = cache(_signature)

    def signed(settings: ScoringSettings) -> ScoringSettings:
        named = {
            (key, item[key])
            for item in settings.metric_list
            for key in local_files.KEYS
            if isinstance(item.get(key), str)
        }
        found = {f"{key}: {value}": signature(key, value) for key, value in sorted(named)}
        signatures = {name: one for name, one in found.items() if one}
        return replace(settings, signatures=signatures, extensions=own)

    return {
        name: {task.name: signed(task.scoring_settings()) for task in benchmark.tasks}
        for name, benchmark in run.benchmarks.items()
    }


def score_jobs(run: ResolvedRun) -> Mapping[str, ScoresSettings]:
    """What scores depend on, the same for every model."""
    config = run.config
    return {ONLY: ScoresSettings(config.allow_functions, config.allow_code, scoring(run))}


def _signature(key: str, value: str) -> str | None:
    """Signature of the local files that a value of a metric's key names; None if none."""
    path = local_files.KEYS[key](value)
    return None if path is None else signature(path)


SCORES = Stage(
    name="scores",
    settings=ScoresSettings,
    jobs=score_jobs,
    code=(
        "snakeval.scoring.score",
        "snakeval.metrics.math_worker",
    ),  # the second is run, not imported
    packages=(*PACKAGES, "numpy", "torch", "transformers"),
    reads=("responses", "recorded", "list_requests"),
)
STAGES = (SCORES,)

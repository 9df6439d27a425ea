"""The stage that scores responses, and what its jobs depend on."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from snakeval.errors import UserError
from snakeval.jobs.stage import ONLY, Stage
from snakeval.metrics import local_files
from snakeval.sources.signature import signature
from snakeval.tasks.run import ResolvedRun

PACKAGES = (
    *("evaluate", "math-verify", "latex2sympy2-extended", "sympy"),
    *("nltk", "rouge-score", "sacrebleu", "scikit-learn"),
)
"""Packages whose versions decide scores."""

Scoring = dict[str, dict[str, Any]]
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
    extensions = [_extension(file, run.where) for file in run.config.extensions]
    own = {"extensions": extensions} if extensions else {}
    signature = cache(_signature)

    def signed(settings: dict[str, Any]) -> dict[str, Any]:
        named = {
            (key, item[key])
            for item in settings["metric_list"]
            for key in local_files.KEYS
            if isinstance(item.get(key), str)
        }
        found = {f"{key}: {value}": signature(key, value) for key, value in sorted(named)}
        found = {name: one for name, one in found.items() if one}
        return settings | ({"signatures": found} if found else {}) | own

    return {
        name: {task.name: signed(task.scoring_settings()) for task in benchmark.tasks}
        for name, benchmark in run.benchmarks.items()
    }


def score_jobs(run: ResolvedRun) -> Mapping[str, ScoresSettings]:
    """What scores depend on, the same for every model."""
    config = run.config
    return {ONLY: ScoresSettings(config.allow_functions, config.allow_code, scoring(run))}


def _extension(file: str, where: str) -> dict[str, str]:
    try:
        return {"file": file, "digest": hashlib.sha256(Path(file).read_bytes()).hexdigest()}
    except OSError as error:
        raise UserError(
            f"{where}: extensions: {file}: cannot be read ({error.strerror}). Correct the path."
        ) from None


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

"""Stages that ask models and gather what they answer, and what their jobs depend on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snakeval.config import kinds
from snakeval.config.model import Answers, Model, of_values, values_of
from snakeval.jobs.stage import Stage
from snakeval.sources.stage import recorded_files
from snakeval.tasks.run import ResolvedRun


@dataclass(frozen=True)
class CallsSettings:
    """What the answers of a model depend on: values of the model's keys that decide them."""

    values: dict[str, Any]

    @property
    def model(self) -> Model:
        """The model's section, with defaults for keys that do not decide answers."""
        return of_values(self.values)


@dataclass(frozen=True)
class RecordedSettings:
    """Where the recorded answers of a model are, and how they are read."""

    answers: Answers
    files: dict[str, str]
    """File of each task."""
    limits: dict[str, int | None]
    """Documents per leaf task of each benchmark; null: all."""

    def as_json(self) -> dict[str, Any]:
        """Plain values, for a fingerprint."""
        return {"answers": self.answers.model_dump(), "files": self.files, "limits": self.limits}


def call_jobs(run: ResolvedRun) -> Mapping[str, CallsSettings]:
    """What each asked model's jobs depend on."""
    models = run.config.models
    passing = kinds.passing(models, "calls")
    return {name: CallsSettings(values_of(models[name], "calls")) for name in passing}


def recorded_jobs(run: ResolvedRun) -> Mapping[str, RecordedSettings]:
    """What each recorded model's job depends on."""
    limits = {benchmark: run.config.limit_of(benchmark) for benchmark in run.benchmarks}
    jobs = {}
    for name in kinds.passing(run.config.models, "recorded"):
        answers = run.config.models[name].answers
        assert answers is not None  # the configuration is checked
        without_files = answers.model_copy(update={"files": {}})
        jobs[name] = RecordedSettings(without_files, recorded_files(name, run), limits)
    return jobs


CALLS = Stage(
    name="calls",
    settings=CallsSettings,
    jobs=call_jobs,
    code=("snakeval.inference.ask", "snakeval.backends.claimed", "snakeval.backends.local.build"),
    left_out=("snakeval.jobs.gpus",),  # which device answers changes no answer
    reads=("check_tasks", "models", "tokens"),
)
RESPONSES = Stage(
    name="responses",
    settings=CallsSettings,
    jobs=call_jobs,
    code=("snakeval.inference.gather",),
    reads=("models", "tokens", "calls"),
)
RECORDED = Stage(
    name="recorded",
    settings=RecordedSettings,
    jobs=recorded_jobs,
    code=("snakeval.inference.recorded",),
    reads=("list_requests", "models"),
)
STAGES = (CALLS, RESPONSES, RECORDED)

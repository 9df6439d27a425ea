"""Stages that look for what ruins a run, and what their jobs depend on."""

from dataclasses import dataclass

from snakeval.config import kinds
from snakeval.jobs.stage import ONLY, Stage
from snakeval.scoring.stage import PACKAGES, ScoresSettings, score_jobs
from snakeval.tasks.run import ResolvedRun


@dataclass(frozen=True)
class FindingsSettings:
    """What the forecast depends on."""

    dtypes: dict[str, str]
    """Configured precision of each asked model."""


def finding_jobs(run: ResolvedRun) -> dict[str, FindingsSettings]:
    """What the tables of findings depend on."""
    models = run.config.models
    dtypes: dict[str, str] = {name: models[name].dtype for name in kinds.passing(models, "calls")}
    return {ONLY: FindingsSettings(dtypes)}


CHECK_TASKS = Stage(
    name="check_tasks",
    settings=ScoresSettings,
    jobs=score_jobs,
    code=(
        "snakeval.preflight.documents",
        "snakeval.preflight.rehearsal",
        "snakeval.metrics.math_worker",  # which is run, not imported
    ),
    packages=(*PACKAGES, "torch", "transformers"),
    reads=("list_requests",),
)
FINDINGS = Stage(
    name="findings",
    settings=FindingsSettings,
    jobs=finding_jobs,
    code=("snakeval.preflight.findings", "snakeval.preflight.forecast"),
    reads=("check_tasks", "tokens"),
)
STAGES = (CHECK_TASKS, FINDINGS)

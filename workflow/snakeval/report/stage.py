"""The stage that writes the report, and what its job depends on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakeval.analysis.stage import RunSettings, figures, of_run
from snakeval.analysis.targets import to_reach
from snakeval.errors import UserError
from snakeval.files.layout import SCORES_OF_A_RUN
from snakeval.jobs.stage import ONLY, Stage
from snakeval.tasks.run import ResolvedRun


@dataclass(frozen=True)
class EarlierRun:
    """A run that the report shows next to this one."""

    label: str
    results: str


@dataclass(frozen=True)
class ReportSettings(RunSettings):
    """What the report depends on, besides the tables it shows."""

    title: str
    tasks: list[str]
    """Benchmarks in the order of the configuration."""
    targets: dict[str, float]
    """Score to reach, by task."""
    baseline: str | None
    """The model of this run that others are compared with."""
    history: list[EarlierRun]


def report_jobs(run: ResolvedRun) -> dict[str, ReportSettings]:
    """What the report depends on."""
    config, folders = run.config, earlier_runs(run)
    own: dict[str, Any] = {
        "title": config.title,
        "tasks": list(run.benchmarks),
        "targets": to_reach(figures(run)),
        "baseline": config.baseline if config.baseline in config.models else None,
        "history": list(map(EarlierRun, _labels(folders), folders)),
    }
    return {ONLY: ReportSettings(**of_run(run), **own)}


def earlier_runs(run: ResolvedRun) -> list[str]:
    """Results folders that the report shows next to this run, oldest first.

    The baseline is one of them if it is a run with tables. Raises UserError for a folder without
    tables, and for the folder of this run.
    """
    config = run.config
    for folder in config.history:
        where = f"{run.where}: history: {folder}"
        if Path(folder).resolve() == Path(config.results).resolve():
            raise UserError(f"{where}: is the folder of this run. Name those of earlier runs.")
        if not Path(folder, SCORES_OF_A_RUN).is_file():
            raise UserError(
                f"{where}: holds no {SCORES_OF_A_RUN}. Name the results folder of a finished run."
            )
    baseline = config.baseline
    if baseline is None or baseline in (*config.models, *config.history):
        return config.history
    return [*config.history, *([baseline] if Path(baseline, SCORES_OF_A_RUN).is_file() else [])]


def _labels(folders: Sequence[str]) -> list[str]:
    """The ends of the paths, as long as it takes to tell them apart."""
    for size in range(1, 1 + max((len(Path(folder).parts) for folder in folders), default=0)):
        labels = ["/".join(Path(folder).parts[-size:]) for folder in folders]
        if len(set(labels)) == len(labels):
            return labels
    return list(folders)


REPORT = Stage(
    name="report",
    settings=ReportSettings,
    jobs=report_jobs,
    code=("snakeval.report.page", "snakeval.report.provenance", "snakeval.transfer.verify"),
    reads=(
        *("datasets", "models", "list_requests", "tokens", "responses", "recorded", "scores"),
        *("tables", "findings"),
    ),
)
STAGES = (REPORT,)

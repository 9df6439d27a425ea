"""Stages that take a run elsewhere, and what their jobs depend on."""

from dataclasses import dataclass
from typing import Any

from snakeval.jobs.stage import ONLY, Stage
from snakeval.scoring.stage import scoring
from snakeval.sources.location import is_generator_file
from snakeval.sources.stage import parts
from snakeval.tasks.run import ResolvedRun
from snakeval.tasks.scoring_settings import ScoringSettings


@dataclass(frozen=True)
class Documents:
    """Documents that a task needs, and the key of `datasets` that will lead to their copies."""

    key: str
    dataset: str
    subset: str
    splits: list[str]


@dataclass(frozen=True)
class BundleSettings:
    """What a bundle holds."""

    config: dict[str, Any]
    """Values of the configuration that are not defaults."""
    task_folders: dict[str, str]
    documents: list[Documents]
    generators: dict[str, str]
    """Key of `datasets` -> generator:FILE."""
    scoring: list[ScoringSettings]
    """Scoring settings of all tasks."""


@dataclass(frozen=True)
class PublishSettings:
    """Publishing depends on what it publishes alone."""


def bundle_jobs(run: ResolvedRun) -> dict[str, BundleSettings]:
    """What a bundle of the configuration holds."""
    needed = parts(run).values()
    configured = run.config.datasets
    settings = BundleSettings(
        config=run.config.model_dump(exclude_defaults=True),
        task_folders=dict(run.task_folders),
        documents=[
            Documents(part.keys[0], part.dataset, part.subset, part.splits)
            for part in needed
            if not part.source.startswith("generator:")  # whose documents are made on the spot
        ],
        generators={
            next((key for key in part.keys if key in configured), part.keys[-1]): part.source
            for part in needed
            if is_generator_file(part.source)
        },
        scoring=[task for benchmark in scoring(run).values() for task in benchmark.values()],
    )
    return {ONLY: settings}


BUNDLE = Stage(
    name="bundle", settings=BundleSettings, jobs=bundle_jobs, code=("snakeval.transfer.bundle",)
)
PUBLISH = Stage(
    name="publish",
    settings=PublishSettings,
    jobs=lambda run: {ONLY: PublishSettings()},
    code=("snakeval.transfer.archive",),
)
STAGES = (BUNDLE, PUBLISH)

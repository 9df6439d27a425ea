"""Stages that render documents for tasks, and what their jobs depend on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from snakeval.errors import UserError
from snakeval.jobs.stage import ONLY, Stage
from snakeval.sources import stage as sources
from snakeval.tasks.request_settings import RequestSettings
from snakeval.tasks.resolution import ResolvedBenchmark
from snakeval.tasks.run import ResolvedRun


@dataclass(frozen=True)
class TaskRequests:
    """What the requests of one task depend on: its request settings, and the documents it reads."""

    settings: RequestSettings
    dataset: str
    subset: str
    splits: list[str]


@dataclass(frozen=True)
class RequestsSettings:
    """What the requests of a benchmark depend on."""

    limit: int | None
    seed: int
    allow_functions: bool
    allow_code: Literal[False, "sandbox", "weak"]
    """How programs that models write may be run; false where the benchmark has none."""
    tasks: dict[str, TaskRequests]


@dataclass(frozen=True)
class ListSettings:
    """What the list of all requests depends on: which benchmarks there are."""

    benchmarks: list[str]


def request_jobs(run: ResolvedRun) -> Mapping[str, RequestsSettings]:
    """What each benchmark's job depends on."""
    return {
        name: RequestsSettings(
            limit=run.config.limit_of(name),
            seed=run.config.seed,
            allow_functions=run.config.allow_functions,
            allow_code=allowed_code(run, benchmark),
            tasks={
                task.name: TaskRequests(
                    task.request_settings(), part.dataset, part.subset, part.splits
                )
                for task in benchmark.tasks
                for part in [sources.parts(run)[name, task.name]]
            },
        )
        for name, benchmark in run.benchmarks.items()
    }


def allowed_code(
    run: ResolvedRun, benchmark: ResolvedBenchmark
) -> Literal[False, "sandbox", "weak"]:
    """How programs that models write may be run for a benchmark; false where it has none.

    Raises UserError where the configuration does not allow them.
    """
    unsafe = [task.name for task in benchmark.tasks if task.settings.get("unsafe_code")]
    if unsafe and not run.config.allow_code:
        raise UserError(
            f"{run.where}: {unsafe[0]}: scoring runs programs that models write. "
            "`allow_code: sandbox` permits it (docs/explanation/security.md)."
        )
    return run.config.allow_code if unsafe else False


REQUESTS = Stage(
    name="requests",
    settings=RequestsSettings,
    jobs=request_jobs,
    code=("snakeval.requests.build",),
    packages=("datasets", "jinja2"),
    reads=("datasets",),
)
LIST_REQUESTS = Stage(
    name="list_requests",
    settings=ListSettings,
    jobs=lambda run: {ONLY: ListSettings(sorted(run.benchmarks))},
    code=("snakeval.files.benchmark_files",),
    reads=("requests",),
)
STAGES = (REQUESTS, LIST_REQUESTS)

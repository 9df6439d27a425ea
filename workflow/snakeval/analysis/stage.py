"""Stages that make the tables of the run, and what their jobs depend on."""

from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from snakeval.analysis import targets
from snakeval.config import kinds
from snakeval.jobs.stage import ONLY, Stage
from snakeval.scoring.stage import PACKAGES, Scoring, scoring
from snakeval.tasks.run import ResolvedRun


@dataclass(frozen=True)
class RunSettings:
    """What every table of scores depends on."""

    seed: int
    models: list[str]
    benchmarks: dict[str, Scoring]
    groups: dict[str, list[dict[str, Any]]]
    """Groups of each benchmark, outer before inner."""


@dataclass(frozen=True)
class TablesSettings(RunSettings):
    """What the tables of the run depend on."""

    asked: list[str]
    """Models that were asked; the others' answers were recorded."""
    targets: list[dict[str, Any]]


@dataclass(frozen=True)
class GateSettings(RunSettings):
    """What the comparison with the baseline depends on."""

    baseline: str | None
    margin: dict[str, float]
    alpha: float
    undecided: Literal["fail", "pass"]


@dataclass(frozen=True)
class PowerSettings:
    """What the numbers of documents depend on."""

    differences: list[float]
    power: float
    alpha: float


def of_run(run: ResolvedRun) -> dict[str, Any]:
    """The fields of RunSettings."""
    groups = {
        name: [asdict(group) for group in benchmark.groups]
        for name, benchmark in run.benchmarks.items()
    }
    shared = {"seed": run.config.seed, "models": sorted(run.config.models)}
    return shared | {"benchmarks": scoring(run), "groups": groups}


@cache
def figures(run: ResolvedRun) -> list[dict[str, Any]]:
    """The published figures that the configuration names."""
    return targets.read(Path(run.config.targets)) if run.config.targets else []


def table_jobs(run: ResolvedRun) -> dict[str, TablesSettings]:
    """What the tables depend on."""
    asked = kinds.passing(run.config.models, "calls")
    return {ONLY: TablesSettings(**of_run(run), asked=asked, targets=figures(run))}


def gate_jobs(run: ResolvedRun) -> dict[str, GateSettings]:
    """What the comparison with the baseline depends on."""
    config = run.config
    own = {"baseline": config.baseline, **config.gate.model_dump()}
    return {ONLY: GateSettings(**of_run(run), **own)}


def power_jobs(run: ResolvedRun) -> dict[str, PowerSettings]:
    """What the numbers of documents depend on."""
    return {ONLY: PowerSettings(**run.config.power.model_dump())}


TABLES = Stage(
    name="tables",
    settings=TablesSettings,
    jobs=table_jobs,
    code=(
        *("snakeval.analysis.leaderboard", "snakeval.analysis.answer_health"),
        *("snakeval.analysis.markdown", "snakeval.analysis.targets", "snakeval.analysis.export"),
        "snakeval.inference.timings",
    ),
    packages=(*PACKAGES, "numpy", "scipy"),  # a task's score is its metric's business
    reads=("list_requests", "tokens", "calls", "responses", "recorded", "scores"),
)
GATE_TABLE = Stage(
    name="gate_table",
    settings=GateSettings,
    jobs=gate_jobs,
    code=("snakeval.analysis.gate",),
    packages=(*PACKAGES, "numpy", "scipy"),
)
POWER_TABLE = Stage(
    name="power_table",
    settings=PowerSettings,
    jobs=power_jobs,
    code=("snakeval.analysis.power",),
    packages=("numpy", "scipy"),
)
STAGES = (TABLES, GATE_TABLE, POWER_TABLE)

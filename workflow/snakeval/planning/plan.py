"""From a configuration to what each stage's jobs depend on.

The Snakefile imports this at every start, also of every remote job. So this imports no more than
YAML and pydantic, reads no data and uses no network.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from snakeval.config import kinds
from snakeval.config.check import check
from snakeval.config.run import Config
from snakeval.errors import UserError
from snakeval.files import atomic
from snakeval.files.code_digest import LIBRARY, code_digest
from snakeval.files.layout import Layout
from snakeval.files.yaml_file import read_yaml
from snakeval.jobs.stage import Stage
from snakeval.report.stage import earlier_runs
from snakeval.sources import location
from snakeval.sources.stage import dataset_jobs, parts
from snakeval.tasks import resolution
from snakeval.tasks.loader import PACKAGE
from snakeval.tasks.run import ResolvedRun


@dataclass(frozen=True)
class Plan:
    """A resolved run, and what every job depends on, by stage and job."""

    run: ResolvedRun
    settings: Mapping[str, Mapping[str, Any]]

    @property
    def config(self) -> Config:
        return self.run.config

    @property
    def layout(self) -> Layout:
        """Where the files of the run are."""
        return Layout(self.config.results)

    @property
    def earlier_runs(self) -> list[str]:
        """Results folders of the runs that the report shows next to this one."""
        return earlier_runs(self.run)

    @property
    def runs_code(self) -> bool:
        """Whether scoring runs programs that models write."""
        tasks = [task for benchmark in self.run.benchmarks.values() for task in benchmark.tasks]
        return any(task.settings.get("unsafe_code") for task in tasks)

    @property
    def datasets(self) -> list[str]:
        """Ids of all data sets."""
        return sorted(dataset_jobs(self.run))

    def datasets_of(self, benchmark: str) -> list[str]:
        """Ids of the data sets that a benchmark's tasks read."""
        of_tasks = parts(self.run).items()
        return sorted({part.dataset for (name, _), part in of_tasks if name == benchmark})

    def models_passing(self, stage: str) -> list[str]:
        """Names of the models that pass a stage."""
        return kinds.passing(self.config.models, stage)

    def rule_graph(self) -> list[tuple[str, str]]:
        """The stages behind the report and what each reads, as `snakemake --rulegraph` does."""
        used = {stage for stage in kinds.OF_MODELS if self.models_passing(stage)}
        known = {stage.name: stage for stage in stages()}
        edges: dict[tuple[str, str], None] = {}
        waiting = ["report"]
        while waiting:
            name = waiting.pop()
            for read in known[name].reads:
                if (read in kinds.OF_MODELS and read not in used) or (read, name) in edges:
                    continue
                edges[read, name] = None
                waiting.append(read)
        return list(edges)


@cache
def stages() -> tuple[Stage, ...]:
    """The stages that the rooms of the library declare."""
    rooms = sorted(
        file.parent.name for file in LIBRARY.glob("*/stage.py") if file.parent.name != "jobs"
    )
    modules = [import_module(f"{LIBRARY.name}.{room}.stage") for room in rooms]
    return tuple(stage for module in modules for stage in module.STAGES)


def make(values: Mapping[str, Any], files: list[str], root: Path) -> Plan:
    """Check the configuration's `values`, resolve the tasks and collect each job's settings.

    `files` are the configuration files of the values. They are read again for what a YAML parser
    ignores, such as duplicate keys. `root` is the repository's folder, which holds the demo.
    Relative paths start from the working directory. Raises UserError.
    """
    for file in files:
        read_yaml(Path(file))
    where = files[-1] if files else "configuration"
    config = check(values, where)
    folders = {
        path: path if path == PACKAGE else str(location.task_folder(path, root))
        for path in config.task_paths
    }
    catalogue = resolution.Catalogue(list(folders.values()))
    benchmarks = {
        name: resolution.resolve(benchmark.model_dump(), catalogue)
        for name, benchmark in config.benchmarks().items()
    }
    run = ResolvedRun(config, benchmarks, folders, root, where)
    return Plan(run, {stage.name: _jobs(stage, run) for stage in stages()})


def write(plan: Plan) -> None:
    """Write each job's settings under the results folder if they changed. Raises UserError."""
    for stage, jobs in plan.settings.items():
        for job, settings in jobs.items():
            _write_if_changed(Path(plan.layout.settings(stage, job)), settings)


def _jobs(stage: Stage, run: ResolvedRun) -> dict[str, Any]:
    """What each job of a stage depends on: code, versions of packages, settings."""
    code = {"snakeval": _digest(stage, stage.code), **_versions(stage.packages)}
    shared = {"code": code} | ({"looks": _digest(stage, stage.looks)} if stage.looks else {})
    adapter: TypeAdapter[Any] = TypeAdapter(stage.settings)
    return {
        job: shared | {"settings": adapter.dump_python(settings, mode="json")}
        for job, settings in stage.jobs(run).items()
    }


def _digest(stage: Stage, modules: Iterable[str]) -> str:
    return code_digest([f"scripts/{stage.name}.py", *modules], left_out(stage))


def left_out(stage: Stage) -> tuple[str, ...]:
    """Modules that do not count in a stage's digest: its own, and those that make settings.

    What the code of configuration and declarations decides is in the settings already.
    """
    return (*stage.left_out, *_modules_of_settings())


@cache
def _modules_of_settings() -> tuple[str, ...]:
    files = [*(LIBRARY / "config").glob("[!_]*.py"), *LIBRARY.glob("*/stage.py")]
    return tuple(sorted(f"{LIBRARY.name}.{file.parent.name}.{file.stem}" for file in files))


def _versions(packages: Iterable[str]) -> dict[str, str | None]:
    """The versions installed where the run is planned, null for a missing package.

    Builds for another device (+cpu, +cu128) are the same program.
    """
    found: dict[str, str | None] = dict.fromkeys(packages)
    for name in found:
        with suppress(PackageNotFoundError):
            found[name] = version(name).partition("+")[0]
    return found


def _write_if_changed(path: Path, settings: Mapping[str, Any]) -> None:
    text = json.dumps(settings, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    try:
        # Compared as bytes: a bad disk may leave something that is not text.
        if path.exists() and path.read_bytes() == text.encode():
            return
        atomic.write_text(path, text)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}). "
            "Make the results folder writable, with space left."
        ) from None

"""Stages that bring models and documents to this machine, and what their jobs depend on."""

import dataclasses
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from snakeval.config import kinds
from snakeval.config.dataset import DataSource
from snakeval.config.model import Model
from snakeval.errors import UserError
from snakeval.jobs.stage import Stage
from snakeval.sources import location, naming, signature
from snakeval.tasks.definition import Task
from snakeval.tasks.run import ResolvedRun


@dataclass
class Subset:
    """What is needed of a data set's subset."""

    name: str | None
    kwargs: dict[str, Any]
    splits: list[str]


@dataclass(frozen=True)
class DatasetSettings:
    """What the documents of a data set depend on."""

    source: str
    subsets: dict[str, Subset]
    """By the subset's folder."""
    revision: str | None = None
    splits: dict[str, str] = dataclasses.field(default_factory=dict)
    columns: list[str] | None = None
    field: str | None = None
    text: str | None = None
    types: dict[str, str] = dataclasses.field(default_factory=dict)
    format: str | None = None
    function: dict[str, str] | None = None
    """Of a task's custom_dataset: the reference that holds the digest of its module."""
    signature: str | None = None
    """Of a source on this machine."""


@dataclass(frozen=True)
class ModelSettings:
    """What the list of a model's files depends on."""

    source: str
    revision: str | None = None
    signature: str | list[str] | None = None
    """Of files on this machine."""
    files: list[str] = dataclasses.field(default_factory=list)
    """Of a recorded model: the files of its answers."""


class Part(NamedTuple):
    """Which documents a task reads."""

    dataset: str
    subset: str
    splits: list[str]
    keys: list[str]
    """Keys of `datasets` that may lead to them; the first that exists counts."""
    source: str


@cache
def parts(run: ResolvedRun) -> dict[tuple[str, str], Part]:
    """What each task reads, by benchmark and task."""
    return {
        (name, task.name): _part(task, run)[0]
        for name, benchmark in run.benchmarks.items()
        for task in benchmark.tasks
    }


@cache
def dataset_jobs(run: ResolvedRun) -> dict[str, DatasetSettings]:
    """What each data set's job depends on: the subsets and splits that some task reads."""
    settings: dict[str, dict[str, Any]] = {}
    for benchmark in run.benchmarks.values():
        for task in benchmark.tasks:
            part, origin, wanted = _part(task, run)
            subsets = settings.setdefault(part.dataset, origin | {"subsets": {}})["subsets"]
            subset = subsets.setdefault(part.subset, Subset(*wanted, splits=[]))
            subset.splits = sorted({*subset.splits, *part.splits})
    for values in settings.values():
        if "function" not in values:
            where = f"{run.where}: datasets"
            values |= location.local_signature(values["source"], run.root, where)
    return {name: DatasetSettings(**values) for name, values in settings.items()}


def model_jobs(run: ResolvedRun) -> dict[str, ModelSettings]:
    """What each model's job depends on."""
    return {name: _model(name, model, run) for name, model in run.config.models.items()}


def recorded_files(name: str, run: ResolvedRun) -> dict[str, str]:
    """The file of answers of each task, of a recorded model. Raises UserError when none exists."""
    model, where = run.config.models[name], f"{run.where}: models.{name}.source"
    source = location.parse(model.source, where, "models")
    pattern = str(location.local_path(source))
    assert model.answers is not None
    tasks = [task.name for benchmark in run.benchmarks.values() for task in benchmark.tasks]
    files = {
        task: model.answers.files.get(task) or pattern.replace("{task}", task)
        for task in dict.fromkeys(tasks)
    }
    if not any(Path(file).is_file() for file in files.values()):
        raise UserError(
            f"{where}: no file {next(iter(files.values()))}. "
            "Correct the path, or name the files of tasks under answers.files."
        )
    return files


def _model(name: str, model: Model, run: ResolvedRun) -> ModelSettings:
    if kinds.kind_of(model) is kinds.RECORDED:
        found = {file for file in recorded_files(name, run).values() if Path(file).is_file()}
        signatures = [signature.signature(Path(file)) for file in sorted(found)]
        return ModelSettings(model.source, None, signatures, sorted(found))
    where = f"{run.where}: models.{name}.source"
    signed = location.local_signature(model.source, run.root, where, model=True)
    return ModelSettings(model.source, model.revision, signed.get("signature"))


def _part(task: Task, run: ResolvedRun) -> tuple[Part, dict[str, Any], tuple[Any, Any]]:
    """A task's part, what else its data set depends on, and the subset's name and arguments."""
    wanted = task.dataset
    name, kwargs = wanted["name"], wanted["kwargs"]
    keys = _keys(task)
    configured = run.config.datasets
    data = next((configured[key] for key in keys if key in configured), None)
    key = next((key for key in keys if key in configured), keys[-1])
    origin = configured[key].source if key in configured else key
    if data is None and "custom" in wanted:
        function, kwargs = wanted["custom"], wanted["arguments"]
        _require_consent(run, task, f"custom_dataset: !function {function['!function']}")
        source = f"function:{function['!function']}"
        settings: dict[str, Any] = {"source": source, "function": function}
        dataset = naming.dataset_id(source, None, {"file": function["file"]})
    else:
        data = data or _published(task, run)
        settings = data.model_dump()
        options = data.model_dump(exclude={"source", "revision"}, exclude_defaults=True)
        dataset = naming.dataset_id(data.source, data.revision, options)
    subset = naming.subset_id(name, kwargs)
    part = Part(dataset, subset, sorted(wanted["splits"]), keys, origin)
    return part, settings, (name, kwargs)


def _published(task: Task, run: ResolvedRun) -> DataSource:
    """The source that a task file names itself: by a scheme of its own, else on the hub.

    Built without the checks of the configuration: a task file must not look into the environment.
    """
    path, kwargs = task.dataset["path"], task.dataset["kwargs"]
    source = location.dataset_source(path)
    if location.is_generator_file(source):
        _require_consent(run, task, f"dataset_path: {path}")
    return DataSource.model_construct(source=source, revision=kwargs.get("revision"))


def _keys(task: Task) -> list[str]:
    """Keys of `datasets` that may name a task's documents; the first that exists counts."""
    path, name, custom = (task.dataset.get(key) for key in ("path", "name", "custom"))
    of_path = [f"{path}/{name}", path] if path and name else [path] if path else []
    return of_path + ([custom["!function"]] if custom else [])


def _require_consent(run: ResolvedRun, task: Task, what: str) -> None:
    if not run.config.allow_functions:
        raise UserError(
            f"{task.name}: {what} is Python that comes with the task. "
            "Set `allow_functions: true` to run it."
        )


DATASETS = Stage(
    name="datasets",
    settings=DatasetSettings,
    jobs=dataset_jobs,
    code=("snakeval.sources.download",),
    # It finds a custom_dataset's function, whose digest is part of the settings.
    left_out=("snakeval.tasks.functions",),
)
MODELS = Stage(
    name="models", settings=ModelSettings, jobs=model_jobs, code=("snakeval.sources.download",)
)
STAGES = (DATASETS, MODELS)

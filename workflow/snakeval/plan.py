"""From a configuration to what each rule's jobs depend on, as plain settings.

Imported by the Snakefile, also of every remote job: nothing here imports more than YAML and pydantic, reads data or uses a network.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from snakeval import sources, tasks
from snakeval.code_digest import code_digest
from snakeval.config import Config, DataSource, Model, check, read_yaml
from snakeval.errors import UserError

STAGES = {  # the modules whose code decides what a rule's files hold
    "datasets": ["snakeval.download"],
    "models": ["snakeval.download"],
    "requests": ["snakeval.requests"],
    "tokens": ["snakeval.tokens"],
    "responses": ["snakeval.infer", "snakeval.engine"],
    "scores": ["snakeval.scoring"],
    "tables": ["snakeval.leaderboard"],
    "report": ["snakeval.report", "snakeval.provenance"],
}
MODEL_KEYS = {  # the keys of a model that decide what a rule's files hold; the others say how to run
    "models": ("source", "revision"),
    "tokens": ("family", "max_length", "on_overflow", "add_bos", "chat", "system_prompt", "fewshot_as_multiturn", "trust_remote_code"),
    "responses": ("family", "dtype", "max_length", "path", "trust_remote_code"),
}


@dataclass(frozen=True)
class Run:
    """A checked configuration, its tasks resolved, and the settings of every job by rule and name."""

    config: Config
    entries: Mapping[str, tasks.ResolvedEntry]
    settings: Mapping[str, Mapping[str, Any]]

    def datasets_of(self, entry: str) -> list[str]:
        """Ids of the data sets an entry's tasks read."""
        return sorted({task["dataset"] for task in self.settings["requests"][entry]["tasks"].values()})


def make(values: Mapping[str, Any], files: list[str], root: Path) -> Run:
    """Check `values`, resolve the tasks and write each job's settings under the results folder where they changed.

    `files` are the configuration files the values came from (read again for what a YAML parser swallows, as duplicate keys); `root` is
    the repository's folder, where the demo lies. Relative paths are relative to the working directory. Raises UserError.
    """
    for file in files:
        read_yaml(Path(file))
    where = files[-1] if files else "configuration"
    config = check(values, where)
    entries = {name: tasks.resolve(entry.model_dump(), config.task_paths) for name, entry in config.entries().items()}
    run = Run(config, entries, _settings(config, entries, root, where))
    for rule, jobs in run.settings.items():
        for name, settings in jobs.items():
            _write_if_changed(Path(config.results, "settings", *([rule, f"{name}.json"] if name else [f"{rule}.json"])), settings)
    return run


def _settings(config: Config, entries: Mapping[str, tasks.ResolvedEntry], root: Path, where: str) -> dict[str, dict[str, Any]]:
    code = {rule: code_digest(modules) for rule, modules in STAGES.items()}
    datasets: dict[str, Any] = {}
    requests = {}
    for name, resolved in entries.items():
        leaves = {task.name: _request_settings(config, task, datasets, root, where) for task in resolved.tasks}
        limit = config.entries()[name].limit or config.limit
        requests[name] = {"limit": limit, "seed": config.seed, "allow_functions": config.allow_functions, "tasks": leaves}
    for settings in datasets.values():
        settings["code"] = code["datasets"]
    for settings in requests.values():
        settings["code"] = code["requests"]
    scoring = {name: {task.name: task.scoring_settings() for task in resolved.tasks} for name, resolved in entries.items()}
    groups = {name: [asdict(group) for group in resolved.groups] for name, resolved in entries.items()}
    names = sorted(config.models)
    per_model = {
        rule: {name: {"code": code[rule]} | model.model_dump(include=set(keys)) for name, model in config.models.items()}
        for rule, keys in MODEL_KEYS.items()
    }
    for name, model in config.models.items():
        per_model["models"][name] |= _model_source(model, root, f"{where}: models.{name}.source")
    return {
        "datasets": datasets,
        "requests": requests,
        **per_model,
        "scores": {name: {"code": code["scores"], "allow_functions": config.allow_functions, "entries": scoring} for name in names},
        "tables": {"": {"code": code["tables"], "seed": config.seed, "models": names, "entries": scoring, "groups": groups}},
        "report": {"": {"code": code["report"], "config": config.model_dump(), "groups": groups}},
    }


def _request_settings(config: Config, task: tasks.Task, datasets: dict[str, Any], root: Path, where: str) -> dict[str, Any]:
    """A leaf task's share of a requests job; adds the data it needs to `datasets`."""
    path, name, kwargs, splits = (task.dataset[key] for key in ("path", "name", "kwargs", "splits"))
    data = config.datasets.get(f"{path}/{name}") or config.datasets.get(path) or _published(path, kwargs)
    dataset, subset = _dataset_id(data), sources.subset_id(name, kwargs)
    if dataset not in datasets:
        signature = _local_signature(data.source, root, f"{where}: datasets.{path}")
        datasets[dataset] = data.model_dump() | signature | {"allow_functions": config.allow_functions, "subsets": {}}
    part = datasets[dataset]["subsets"].setdefault(subset, {"name": name, "kwargs": kwargs, "splits": []})
    part["splits"] = sorted({*part["splits"], *splits})
    return {"dataset": dataset, "subset": subset, "splits": sorted(splits), "settings": task.request_settings()}


def _published(path: str, kwargs: Mapping[str, Any]) -> DataSource:
    """Where a task's dataset_path leads when the configuration does not say: a scheme of its own, else the hub."""
    return DataSource(source=sources.dataset_source(path, {}), revision=kwargs.get("revision"))


def _dataset_id(data: DataSource) -> str:
    scheme, _, location = data.source.partition(":")
    how = data.model_dump(exclude={"source", "revision"}, exclude_defaults=True)
    revision = f"{data.revision} {json.dumps(how, sort_keys=True)}" if how else data.revision
    return sources.dataset_id(location if scheme == "hf" else data.source, revision)


def _local_signature(source: str, root: Path, where: str) -> dict[str, str]:
    """Tells content of local sources apart; hub sources are told apart by name and revision."""
    parsed = sources.parse(source, where=where)
    if parsed.scheme not in ("demo", "path"):
        return {}
    return {"signature": sources.signature(sources.local_path(parsed, root=root, base=Path.cwd()))}


def _model_source(model: Model, root: Path, where: str) -> dict[str, str]:
    parsed = sources.parse(model.source, where=where, schemes=("demo", "path", "hf", "modelscope"))
    if parsed.scheme in ("demo", "path"):
        sources.model_folder(parsed, root=root, base=Path.cwd(), where=where)
    return _local_signature(model.source, root, where)


def _write_if_changed(path: Path, settings: Mapping[str, Any]) -> None:
    text = json.dumps(settings, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    try:
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); the results folder must be writable, with space left") from None

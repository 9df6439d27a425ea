"""One folder with all that a configuration needs, which runs where there is no network: program, task files, documents, models, metrics.

Snakefile, workflow/, envs/, profiles/ …    the program
config/config.yaml                          the configuration, its sources turned to `path:` of the files here
config/tasks/{folder}/                      task files, with the Python beside them
datasets/{dataset}/{subset}/{split}.parquet the documents that the tasks read
generators/                                 Python files that make documents
models/{model}/                             weights, tokenizer, configuration
metrics/                                    metrics of `evaluate` and of the user's own files
targets/                                    published figures
"""

import hashlib
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import yaml

from snakeval.errors import UserError
from snakeval.metrics import external, registry
from snakeval.sources import location
from snakeval.tasks.loader import PACKAGE

PROGRAM = (
    "Snakefile",
    "workflow",
    "envs",
    "profiles",
    "pyproject.toml",
    "constraints.txt",
    "Makefile",
    "LICENSE",
)
EARLIER = ("baseline", "history")  # keys that name results of other runs
_LEFT = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*")


def build(
    settings: Mapping[str, Any],
    folder: Path,
    *,
    models: Mapping[str, pa.Table],
    datasets: Path,
    repository: Path,
    terminal: TextIO,
) -> dict[str, Any]:
    """Fill `folder` and return the configuration to be written there.

    `settings`: `config` (the configuration's values), `task_folders` (as configured: where they lie), `documents` (a dict per task: `key`
    of `datasets`, `dataset`, `subset`, `splits`), `generators` (key of `datasets` -> generator:FILE), `scoring` (the tasks' scoring
    settings); `models`: MODEL_FILES by name; `datasets`: the results' folder of documents; `repository`: the program. Weights that are
    there already and right are kept. Raises UserError for what cannot be brought along.
    """
    config: dict[str, Any] = {
        key: value for key, value in settings["config"].items() if key not in ("results", *EARLIER)
    }
    for key in EARLIER:
        if settings["config"].get(key):
            _say(f"{key} is left out: it is a run's results, copy them yourself", terminal)
    for part in PROGRAM:
        if (repository / part).is_dir():
            shutil.copytree(repository / part, folder / part, ignore=_LEFT, dirs_exist_ok=True)
        elif (repository / part).is_file():
            _copy(repository / part, folder / part)
    if files := [
        benchmark["name"]
        for benchmark in config["tasks"]
        if benchmark["name"].endswith((".yaml", ".yml"))
    ]:
        raise UserError(
            f"bundle: tasks: {files[0]} is a file; put its folder into task_paths and name the task"
        )
    config["task_paths"] = [
        _task_folder(path, lies, folder) for path, lies in settings["task_folders"].items()
    ]
    generated = {
        key: data
        for key, data in config.get("datasets", {}).items()
        if data["source"].startswith("generator:")
    }
    config["datasets"] = (
        generated
        | _generators(settings["generators"], folder)
        | _documents(settings["documents"], datasets, folder)
    )
    config["models"] = {
        name: _model(name, config["models"][name], files, folder, terminal)
        for name, files in models.items()
    }
    if config.get("extensions"):
        config["extensions"] = list(_copies(config["extensions"], "metrics", folder).values())
    if config.get("targets"):
        config["targets"] = _copies([config["targets"]], "targets", folder)[config["targets"]]
    for name, module in _evaluate_modules(settings["scoring"]):
        _copy(module, folder / "metrics" / name / f"{name}.py")
        _say(f"metric {name} of evaluate", terminal)
    return config


def _task_folder(configured: str, path: str, folder: Path) -> str:
    """Copy a folder of task files to the path it has here, so that what it names is found, or to one of its own if that leads elsewhere."""
    if configured == PACKAGE:
        return configured
    inside = not Path(configured).is_absolute() and ".." not in Path(configured).parts
    name = (
        configured
        if inside
        else f"config/tasks/{hashlib.sha256(path.encode()).hexdigest()[:8]}-{Path(path).name}"
    )
    shutil.copytree(path, folder / name, ignore=_LEFT, dirs_exist_ok=True)
    return name


def _documents(needed: Iterable[Mapping[str, Any]], datasets: Path, folder: Path) -> dict[str, Any]:
    """The entries of `datasets` that lead to copies of the documents."""
    places: dict[str, tuple[str, str]] = {}
    entries: dict[str, Any] = {}
    for part in needed:
        key, place = part["key"], (part["dataset"], part["subset"])
        if places.setdefault(key, place) != place:
            raise UserError(
                f"bundle: {key} is read with different dataset_kwargs by several tasks; make a bundle of each"
            )
        entry = entries.setdefault(
            key, {"source": f"path:datasets/{'/'.join(place)}/{{split}}.parquet", "splits": {}}
        )
        for split in part["splits"]:
            file = f"{location.split_id(split)}.parquet"
            _copy(datasets.joinpath(*place, file), folder.joinpath("datasets", *place, file))
            if file != f"{split}.parquet":
                entry["splits"][split] = location.split_id(split)
    return entries


def _generators(used: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """The entries of `datasets` that lead to copies of the generators' files."""
    files = {key: source.partition(":")[2].strip() for key, source in used.items()}
    places = _copies(files.values(), "generators", folder)
    return {key: {"source": f"generator:{places[file]}"} for key, file in files.items()}


def _model(
    name: str, values: Mapping[str, Any], files: pa.Table, folder: Path, terminal: TextIO
) -> dict[str, Any]:
    """A model's section of the configuration, with its files copied and compared with their sha256."""
    if values["source"].startswith("recorded:"):
        raise UserError(
            f"bundle: models.{name}: its answers are recorded, there is nothing to run elsewhere; leave it out"
        )
    for row in files.to_pylist():
        target = folder / "models" / name / row["file"]
        if not target.is_file() or location.sha256_of(target) != row["sha256"]:
            _copy(Path(row["folder"], row["file"]), target)
            if location.sha256_of(target) != row["sha256"]:
                raise UserError(
                    f"{row['folder']}/{row['file']}: has changed since it was listed; run again"
                )
    _say(
        f"model {name}: {files.num_rows} files, {sum(files['size'].to_pylist()) / 1e6:.0f} MB",
        terminal,
    )
    return {key: value for key, value in values.items() if key != "revision"} | {
        "source": f"path:models/{name}"
    }


def _evaluate_modules(scoring: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, Path]]:
    """Name and file of the metrics that come from the hub of `evaluate`."""
    found: dict[str, Path] = {}
    for settings in scoring:
        for item in settings["metric_list"]:
            name = item["metric"]
            named = isinstance(name, str) and not settings.get("process_results")
            if (
                named
                and name not in found
                and registry.metric_of(item, settings) is None
                and not Path(name).exists()
            ):
                found[name] = external.evaluate_module(name)
    return found.items()


def text(config: Mapping[str, Any], models: Mapping[str, pa.Table]) -> str:
    """The configuration file: where the models came from as comments, then the values."""
    lines = [
        "# Everything this run needs lies in this folder: `snakemake --cores 1` here runs it without a network.",
        "#",
    ]
    for name, files in models.items():
        source, revision = files["source"][0].as_py(), files["revision"][0].as_py()
        lines.append(f"# {name}: {source}{f' at {revision}' if revision else ''}")
    return "\n".join(
        [*lines, "", yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=120)]
    )


def _copies(files: Iterable[str], kind: str, folder: Path) -> dict[str, str]:
    """Copy files, each to a folder of its own, since two may have one name: file -> copy, as the configuration there names it."""
    places = {
        file: f"{kind}/{number}/{Path(file).name}"
        for number, file in enumerate(dict.fromkeys(files))
    }
    for file, place in places.items():
        _copy(Path(file), folder / place)
    return places


def _copy(file: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    except OSError as error:
        raise UserError(
            f"bundle: {file} cannot be copied to {target} ({error.strerror}); is there space left?"
        ) from None


def _say(line: str, terminal: TextIO) -> None:
    for stream in (sys.stderr, terminal):
        print(line, file=stream, flush=True)

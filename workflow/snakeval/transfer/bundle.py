"""A folder with all that a configuration needs, which runs without a network.

Snakefile, workflow/, envs/, profiles/ …    the program
config/config.yaml                          the configuration, its sources `path:` of files here
config/tasks/{folder}/                      task files, with the Python next to them
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
from snakeval.metrics import external
from snakeval.scoring.task_metrics import resolve
from snakeval.sources.naming import split_id
from snakeval.sources.signature import sha256_of
from snakeval.tasks.loader import PACKAGE
from snakeval.tasks.scoring_settings import ScoringSettings
from snakeval.transfer.stage import BundleSettings, Documents

_FILES = ("Snakefile", "pyproject.toml", "constraints.txt", "Makefile", "LICENSE")
PROGRAM = ("workflow", "envs", "profiles", *_FILES)
EARLIER = ("baseline", "history")  # keys that name results of other runs
_LEFT = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*")


def build(
    settings: BundleSettings,
    folder: Path,
    *,
    models: Mapping[str, pa.Table],
    datasets: Path,
    repository: Path,
    terminal: TextIO,
) -> dict[str, Any]:
    """Fill `folder` and return the configuration to be written there.

    `models`: MODEL_FILES by name. `datasets`: the results' folder of documents. `repository`: the
    program. `terminal` gets a line per model and metric.

    Weights that an earlier call copied whole are kept. Raises UserError for what cannot be copied.
    """
    given = settings.config
    for key in EARLIER:
        if given.get(key):
            _report(f"{key} is left out: these are results of other runs. Copy them.", terminal)
    config = {key: value for key, value in given.items() if key not in ("results", *EARLIER)}
    _program(repository, folder)
    config["task_paths"] = _task_paths(config["tasks"], settings.task_folders, folder)
    config["datasets"] = {
        **_built_in_generators(config.get("datasets", {})),
        **_generators(settings.generators, folder),
        **_documents(settings.documents, datasets, folder),
    }
    config["models"] = {
        name: _model(name, config["models"][name], files, folder, terminal)
        for name, files in models.items()
    }
    if config.get("extensions"):
        config["extensions"] = list(_copies(config["extensions"], "metrics", folder).values())
    if config.get("targets"):
        config["targets"] = _copies([config["targets"]], "targets", folder)[config["targets"]]
    for name, module in _evaluate_modules(settings.scoring):
        _copy(module, folder / "metrics" / name / f"{name}.py")
        _report(f"metric {name} of evaluate", terminal)
    return config


def text(config: Mapping[str, Any], models: Mapping[str, pa.Table]) -> str:
    """The configuration file: comments say where the models came from, then come the values."""
    lines = [
        "# This folder has everything that this run needs, without a network:",
        "# start it here with `snakemake --cores 1`.",
        "#",
    ]
    for name, files in models.items():
        source, revision = files["source"][0].as_py(), files["revision"][0].as_py()
        lines.append(f"# {name}: {source}{f' at {revision}' if revision else ''}")
    values = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=120)
    return "\n".join([*lines, "", values])


def _program(repository: Path, folder: Path) -> None:
    for part in PROGRAM:
        if (repository / part).is_dir():
            shutil.copytree(repository / part, folder / part, ignore=_LEFT, dirs_exist_ok=True)
        elif (repository / part).is_file():
            _copy(repository / part, folder / part)


def _task_paths(
    benchmarks: Iterable[Mapping[str, Any]], folders: Mapping[str, str], folder: Path
) -> list[str]:
    """The copied folders of task files, as the configuration there names them."""
    for benchmark in benchmarks:
        if benchmark["name"].endswith((".yaml", ".yml")):
            raise UserError(
                f"bundle: tasks: {benchmark['name']} is a file. "
                "Put its folder into task_paths and name the task."
            )
    return [_task_folder(configured, path, folder) for configured, path in folders.items()]


def _task_folder(configured: str, path: str, folder: Path) -> str:
    """Copy a folder of task files to the same relative path, so that its references work.

    A path that leads out of the folder is replaced.
    """
    if configured == PACKAGE:
        return configured
    if Path(configured).is_absolute() or ".." in Path(configured).parts:
        digest = hashlib.sha256(path.encode()).hexdigest()[:8]
        configured = f"config/tasks/{digest}-{Path(path).name}"
    shutil.copytree(path, folder / configured, ignore=_LEFT, dirs_exist_ok=True)
    return configured


def _built_in_generators(datasets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The sections of `datasets` that need no copy, for the program generates their documents."""
    return {key: data for key, data in datasets.items() if data["source"].startswith("generator:")}


def _documents(needed: Iterable[Documents], datasets: Path, folder: Path) -> dict[str, Any]:
    """The sections of `datasets` for copies of the documents."""
    places: dict[str, tuple[str, str]] = {}
    sections: dict[str, Any] = {}
    for part in needed:
        key, place = part.key, (part.dataset, part.subset)
        if places.setdefault(key, place) != place:
            raise UserError(
                f"bundle: {key} is read with different dataset_kwargs by several tasks. "
                "Make a bundle of each."
            )
        source = f"path:datasets/{'/'.join(place)}/{{split}}.parquet"
        section = sections.setdefault(key, {"source": source, "splits": {}})
        for split in part.splits:
            file = f"{split_id(split)}.parquet"
            _copy(datasets.joinpath(*place, file), folder.joinpath("datasets", *place, file))
            if file != f"{split}.parquet":
                section["splits"][split] = split_id(split)
    return sections


def _generators(used: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """The sections of `datasets` for copies of the generators' files."""
    files = {key: source.partition(":")[2].strip() for key, source in used.items()}
    places = _copies(files.values(), "generators", folder)
    return {key: {"source": f"generator:{places[file]}"} for key, file in files.items()}


def _model(
    name: str, values: Mapping[str, Any], files: pa.Table, folder: Path, terminal: TextIO
) -> dict[str, Any]:
    """A model's section of the configuration. Its files are copied and checked by their sha256."""
    if values["source"].startswith("recorded:"):
        raise UserError(
            f"bundle: models.{name}: its answers are recorded, so nothing of it can run elsewhere. "
            "Leave it out."
        )
    for row in files.to_pylist():
        target = folder / "models" / name / row["file"]
        if not target.is_file() or sha256_of(target) != row["sha256"]:
            _copy(Path(row["folder"], row["file"]), target)
            if sha256_of(target) != row["sha256"]:
                raise UserError(
                    f"{row['folder']}/{row['file']}: changed since it was listed. Run again."
                )
    megabytes = sum(files["size"].to_pylist()) / 1e6
    _report(f"model {name}: {files.num_rows} files, {megabytes:.0f} MB", terminal)
    section = {key: value for key, value in values.items() if key != "revision"}
    return section | {"source": f"path:models/{name}"}


def _evaluate_modules(scoring: Iterable[ScoringSettings]) -> Iterable[tuple[str, Path]]:
    """Name and file of the metrics that come from the hub of `evaluate`."""
    found: dict[str, Path] = {}
    for settings in scoring:
        for item in () if settings.process_results else resolve(settings).items:
            name = item.reference
            if item.metric is not None or not isinstance(name, str) or name in found:
                continue
            if not Path(name).exists():
                found[name] = external.evaluate_module(name)
    return found.items()


def _copies(files: Iterable[str], kind: str, folder: Path) -> dict[str, str]:
    """Copy files, each to its own folder, for two may have one name.

    Returns file -> copy, as the configuration there names it.
    """
    numbered = enumerate(dict.fromkeys(files))
    places = {file: f"{kind}/{number}/{Path(file).name}" for number, file in numbered}
    for file, place in places.items():
        _copy(Path(file), folder / place)
    return places


def _copy(file: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.is_dir():  # of extensions
            shutil.copytree(file, target, ignore=_LEFT, dirs_exist_ok=True)
        else:
            shutil.copyfile(file, target)
    except OSError as error:
        raise UserError(
            f"bundle: {file} cannot be copied to {target} ({error.strerror}). "
            "Check the free space and the permissions."
        ) from None


def _report(line: str, terminal: TextIO) -> None:
    for stream in (sys.stderr, terminal):
        print(line, file=stream, flush=True)

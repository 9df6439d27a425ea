"""From a configuration to what each rule's jobs depend on, as plain settings.

Imported by the Snakefile, also of every remote job: nothing here imports more than YAML and pydantic, reads data or uses a network.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from snakeval.analysis import targets
from snakeval.config.check import check
from snakeval.config.dataset import DataSource
from snakeval.config.run import Config
from snakeval.errors import UserError
from snakeval.files import atomic
from snakeval.files.code_digest import code_digest
from snakeval.files.yaml_file import read_yaml
from snakeval.metrics import local_files
from snakeval.sources import location
from snakeval.tasks import definition, resolution
from snakeval.tasks.loader import PACKAGE
from snakeval.tasks.scoring_settings import ScoringSettings

STAGES = {  # the script, and the modules whose code decides what a rule's files hold
    "datasets": ["scripts/download_dataset.py", "snakeval.sources.download"],
    "models": ["scripts/download_model.py", "snakeval.sources.download"],
    "requests": ["scripts/build_requests.py", "snakeval.requests.build"],
    "list_requests": ["scripts/list_requests.py", "snakeval.files.benchmark_files"],
    "check_tasks": [
        *("scripts/check_tasks.py", "snakeval.preflight.documents", "snakeval.preflight.rehearsal"),
        "snakeval.metrics.math_worker",  # which is run, not imported
    ],
    "tokens": ["scripts/encode_tokens.py", "snakeval.tokens.encode"],
    "preflight": ["snakeval.preflight.prompts", "snakeval.preflight.forecast"],
    "findings": [
        "scripts/collect_findings.py",
        "snakeval.preflight.findings",
        "snakeval.preflight.forecast",
    ],
    "responses": [
        "scripts/infer.py",
        "scripts/assemble_responses.py",
        "snakeval.inference.ask",
        "snakeval.inference.low_precision",
        "snakeval.backends.local.build",
    ],
    "recorded": ["scripts/read_responses.py", "snakeval.inference.recorded"],
    "scores": ["scripts/score.py", "snakeval.scoring.score", "snakeval.metrics.math_worker"],
    "tables": [
        *(
            "scripts/make_tables.py",
            "snakeval.analysis.leaderboard",
            "snakeval.analysis.answer_health",
            "snakeval.inference.ask",
            "snakeval.analysis.markdown",
            "snakeval.analysis.targets",
        ),
        "snakeval.analysis.export",
    ],
    "gate": ["scripts/compare_with_baseline.py", "snakeval.analysis.gate"],
    "power": ["scripts/sample_size.py", "snakeval.analysis.power"],
    "report": [
        "scripts/write_report.py",
        "snakeval.report.page",
        "snakeval.report.provenance",
        "snakeval.transfer.verify",
    ],
    "bundle": ["scripts/make_bundle.py", "snakeval.transfer.bundle"],
    "publish": ["scripts/publish.py", "snakeval.transfer.archive"],
}
_SCORING = (
    "evaluate",
    "math-verify",
    "latex2sympy2-extended",
    "sympy",
    "nltk",
    "rouge-score",
    "sacrebleu",
    "scikit-learn",
)
PACKAGES = {  # of others, whose versions count with the stage's code; the store knows those that answer, downloads stay as published
    "requests": ("datasets", "jinja2"),
    "check_tasks": (*_SCORING, "torch", "transformers"),
    "tokens": ("jinja2", "sentencepiece", "tokenizers", "transformers"),
    "scores": (*_SCORING, "numpy", "torch", "transformers"),
    "tables": (*_SCORING, "numpy", "scipy"),  # a task's score is its metric's business
    "gate": (*_SCORING, "numpy", "scipy"),
    "power": ("numpy", "scipy"),
}
SCORES_OF_A_RUN = "tables/scores.parquet"
LEFT_OUT = {  # modules whose changes cannot change what a rule's files hold
    "datasets": [
        "snakeval.tasks.functions"
    ],  # they find a custom_dataset's function; its digest is in the settings
}
MODEL_KEYS = {  # the keys of a model that decide what a rule's files hold; the others say how to run
    "models": ("source", "revision"),
    "tokens": (
        "family",
        "max_length",
        "on_overflow",
        "add_bos",
        "chat",
        "system_prompt",
        "fewshot_as_multiturn",
        "trust_remote_code",
    ),
    "responses": (
        "family",
        "dtype",
        "kv_cache_dtype",
        "max_length",
        "strategy",
        "numerics",
        "trust_remote_code",
    ),
}


@dataclass(frozen=True)
class Run:
    """A checked configuration, its tasks resolved, and the settings of every job by rule and name."""

    config: Config
    benchmarks: Mapping[str, resolution.ResolvedBenchmark]
    settings: Mapping[str, Mapping[str, Any]]

    @property
    def earlier_runs(self) -> list[str]:
        """Results folders of the runs that the report shows beside this one."""
        return [run["results"] for run in self.settings["report"][""]["history"]]

    @property
    def runs_code(self) -> bool:
        """Whether scoring runs programs that models write."""
        return any(settings["allow_code"] for settings in self.settings["requests"].values())

    def datasets_of(self, benchmark: str) -> list[str]:
        """Ids of the data sets a benchmark's tasks read."""
        return sorted(
            {task["dataset"] for task in self.settings["requests"][benchmark]["tasks"].values()}
        )


def make(values: Mapping[str, Any], files: list[str], root: Path) -> Run:
    """Check `values`, resolve the tasks and tell each job's settings.

    `files` are the configuration files the values came from (read again for what a YAML parser swallows, as duplicate keys); `root` is
    the repository's folder, where the demo lies. Relative paths are relative to the working directory. Raises UserError.
    """
    for file in files:
        read_yaml(Path(file))
    where = files[-1] if files else "configuration"
    config = check(values, where)
    folders = [
        path if path == PACKAGE else str(location.task_folder(path, root))
        for path in config.task_paths
    ]
    catalogue = resolution.Catalogue(folders)
    benchmarks = {
        name: resolution.resolve(benchmark.model_dump(), catalogue)
        for name, benchmark in config.benchmarks().items()
    }
    return Run(config, benchmarks, _settings(config, benchmarks, folders, root, where))


def write(run: Run) -> None:
    """Write each job's settings under the results folder where they changed. Raises UserError when they cannot be written."""
    for rule, jobs in run.settings.items():
        for name, settings in jobs.items():
            _write_if_changed(
                Path(
                    run.config.results,
                    "settings",
                    *([rule, f"{name}.json"] if name else [f"{rule}.json"]),
                ),
                settings,
            )


def _settings(
    config: Config,
    benchmarks: Mapping[str, resolution.ResolvedBenchmark],
    folders: list[str],
    root: Path,
    where: str,
) -> dict[str, dict[str, Any]]:
    """Rule -> name of the job -> settings; a rule with one job has the name ""."""
    versions = _versions({package for packages in PACKAGES.values() for package in packages})
    code: dict[str, dict[str, str | None]] = {
        rule: {
            "snakeval": code_digest(modules, LEFT_OUT.get(rule, ())),
            **{name: versions[name] for name in PACKAGES.get(rule, ())},
        }
        for rule, modules in STAGES.items()
    }
    datasets: dict[str, Any] = {}
    requests: dict[str, Any] = {}
    for name, resolved in benchmarks.items():
        requests[name] = {
            "code": code["requests"],
            "limit": config.benchmarks()[name].limit or config.limit,
            "seed": config.seed,
            "allow_functions": config.allow_functions,
            "allow_code": _allowed_code(config, resolved, where),
            "tasks": {
                task.name: {"settings": task.request_settings(), **_needed(task, config, datasets)}
                for task in resolved.tasks
            },
        }
    for settings in datasets.values():
        settings["code"] = code["datasets"]
        if "function" not in settings:  # whose reference holds the digest of its module
            settings |= location.local_signature(settings["source"], root, f"{where}: datasets")
    names = sorted(config.models)
    recorded = {
        name: _recorded(name, config, benchmarks, where) | {"code": code["recorded"]}
        for name in names
        if is_recorded(config, name)
    }
    models = {
        rule: {
            name: {"code": code[rule]} | model.model_dump(include=set(keys))
            for name, model in config.models.items()
            if rule == "models" or name not in recorded
        }
        for rule, keys in MODEL_KEYS.items()
    }
    for settings in models["tokens"].values():
        settings["preflight"] = code["preflight"]  # looks at the tokens, does not change them
    for name, settings in models["models"].items():
        if name in recorded:
            settings |= recorded[name].pop("signed")
        else:
            settings |= location.local_signature(
                settings["source"], root, f"{where}: models.{name}.source", model=True
            )
    own_metrics = (
        {"extensions": [_metric_file(file, where) for file in config.metric_files]}
        if config.metric_files
        else {}
    )
    signature = cache(_metric_signature)
    scoring = {
        name: {
            task.name: asdict(_with_signatures(task.scoring_settings(), signature)) | own_metrics
            for task in resolved.tasks
        }
        for name, resolved in benchmarks.items()
    }
    groups = {
        name: [asdict(group) for group in resolved.groups] for name, resolved in benchmarks.items()
    }
    allowed = {"allow_functions": config.allow_functions, "allow_code": config.allow_code}
    sourced = [
        (name, task, *_source(task, config))
        for name, benchmark in benchmarks.items()
        for task in benchmark.tasks
    ]
    of_run = {"seed": config.seed, "models": names, "benchmarks": scoring, "groups": groups}
    figures = targets.read(Path(config.targets)) if config.targets else []
    earlier = _earlier_runs(config, where)
    return {
        "datasets": datasets,
        "requests": requests,
        "list_requests": {
            "": {"code": code["list_requests"], "benchmarks": sorted(benchmarks)}
        },  # one gone or back: another list
        **models,
        "check_tasks": {"": {"code": code["check_tasks"], **allowed, "benchmarks": scoring}},
        "findings": {
            "": {
                "code": code["findings"],
                "dtypes": {
                    name: config.models[name].dtype for name in names if name not in recorded
                },
            }
        },
        "scores": {"": {"code": code["scores"], **allowed, "benchmarks": scoring}},
        "recorded": recorded,
        "tables": {
            "": of_run
            | {
                "code": code["tables"],
                "calls": [name for name in names if name not in recorded],
                "targets": figures,
            }
        },
        "gate": {
            "": of_run
            | {"code": code["gate"], "baseline": config.baseline, **config.gate.model_dump()}
        },
        "power": {"": {"code": code["power"], **config.power.model_dump()}},
        "bundle": {
            "": {
                "code": code["bundle"],
                "config": config.model_dump(exclude_defaults=True),
                "task_folders": dict(zip(config.task_paths, folders, strict=True)),
                "documents": [
                    _bundled(task, requests[name]["tasks"][task.name])
                    for name, task, _, source in sourced
                    if not source.startswith("generator:")  # whose documents are made on the spot
                ],
                "generators": {
                    key: source
                    for _, _, key, source in sourced
                    if location.is_generator_file(source)
                },
                "scoring": [
                    task for of_benchmark in scoring.values() for task in of_benchmark.values()
                ],
            }
        },
        "publish": {"": {"code": code["publish"]}},
        "report": {
            "": of_run
            | {
                "code": code["report"],
                "title": config.title,
                "tasks": list(benchmarks),
                "targets": targets.to_reach(figures),
                "baseline": config.baseline if config.baseline in config.models else None,
                "history": [
                    {"label": label, "results": folder}
                    for label, folder in zip(_labels(earlier), earlier, strict=True)
                ],
            }
        },
    }


def _allowed_code(
    config: Config, benchmark: resolution.ResolvedBenchmark, where: str
) -> str | bool:
    """How programs that models write may be run for a benchmark; false where none are. Raises UserError where they must not be."""
    unsafe = [task.name for task in benchmark.tasks if task.settings.get("unsafe_code")]
    if unsafe and not config.allow_code:
        raise UserError(
            f"{where}: {unsafe[0]}: scoring runs programs that models write; allow_code: sandbox permits it (docs/security.md)"
        )
    return config.allow_code if unsafe else False


def is_recorded(config: Config, model: str) -> bool:
    """Whether a model's answers exist already, so that it is never asked."""
    return config.models[model].source.startswith("recorded:")


def _recorded(
    name: str, config: Config, benchmarks: Mapping[str, resolution.ResolvedBenchmark], where: str
) -> dict[str, Any]:
    """Where the answers of a recorded model lie, task by task; `signed` is what the list of its files depends on."""
    model, place = config.models[name], f"{where}: models.{name}.source"
    pattern = str(location.local_path(location.parse(model.source, place, ("recorded",))))
    assert model.answers is not None
    names = [task.name for resolved in benchmarks.values() for task in resolved.tasks]
    files = {
        task: model.answers.files.get(task) or pattern.replace("{task}", task)
        for task in dict.fromkeys(names)
    }
    there = sorted({file for file in files.values() if Path(file).is_file()})
    if not there:
        raise UserError(
            f"{place}: no file {next(iter(files.values()))}; correct the path, or name the files of tasks under answers.files"
        )
    return {
        "answers": model.answers.model_dump(exclude={"files"}),
        "files": files,
        "limits": {
            benchmark: config.benchmarks()[benchmark].limit or config.limit
            for benchmark in benchmarks
        },
        "signed": {"files": there, "signature": [location.signature(Path(file)) for file in there]},
    }


def _earlier_runs(config: Config, where: str) -> list[str]:
    """Results folders that the report shows beside this run, oldest first; the baseline is one where it is a run with tables.

    Raises UserError for one without tables, and for the folder of this run.
    """
    for folder in config.history:
        if Path(folder).resolve() == Path(config.results).resolve():
            raise UserError(
                f"{where}: history: {folder}: the folder of this run; name those of earlier ones"
            )
        if not Path(folder, SCORES_OF_A_RUN).is_file():
            raise UserError(
                f"{where}: history: {folder}: holds no {SCORES_OF_A_RUN}; name the results folder of a run that has ended"
            )
    baseline = config.baseline
    if (
        baseline is None
        or baseline in config.models
        or baseline in config.history
        or not Path(baseline, SCORES_OF_A_RUN).is_file()
    ):
        return config.history
    return [*config.history, baseline]


def _labels(folders: Sequence[str]) -> list[str]:
    """The ends of the paths, as long as it takes to tell them apart."""
    for size in range(1, 1 + max((len(Path(folder).parts) for folder in folders), default=0)):
        labels = ["/".join(Path(folder).parts[-size:]) for folder in folders]
        if len(set(labels)) == len(labels):
            return labels
    return list(folders)


def _metric_file(file: str, where: str) -> dict[str, str]:
    try:
        return {"file": file, "digest": hashlib.sha256(Path(file).read_bytes()).hexdigest()}
    except OSError as error:
        raise UserError(
            f"{where}: metric_files: {file}: cannot be read ({error.strerror}); correct the path"
        ) from None


def _with_signatures(
    scoring: ScoringSettings, signature: Callable[[str, str], str | None]
) -> ScoringSettings:
    """A task's scoring settings with the signatures of the local files that its metrics read."""
    named = {
        (key, item[key])
        for item in scoring.metric_list
        for key in local_files.KEYS
        if isinstance(item.get(key), str)
    }
    found = {
        f"{key}: {value}": signed
        for key, value in sorted(named)
        if (signed := signature(key, value))
    }
    return replace(scoring, signatures=found)


def _metric_signature(key: str, value: str) -> str | None:
    """Signature of the local files that the value of a key of a metric leads to; None where it leads to none."""
    path = local_files.KEYS[key](value)
    return None if path is None else location.signature(path)


def _versions(packages: Iterable[str]) -> dict[str, str | None]:
    """The versions installed where the run is planned, null of what is not; without +cpu or +cu128, builds of the same program."""
    found: dict[str, str | None] = dict.fromkeys(packages)
    for name in found:
        with suppress(PackageNotFoundError):
            found[name] = version(name).partition("+")[0]
    return found


def _needed(task: definition.Task, config: Config, datasets: dict[str, Any]) -> dict[str, Any]:
    """Which files of which data set a task reads; what the download of them needs to know is added to `datasets`."""
    wanted = task.dataset
    path, name, kwargs, splits = (wanted[key] for key in ("path", "name", "kwargs", "splits"))
    data = next((config.datasets[key] for key in _data_keys(task) if key in config.datasets), None)
    if data is None and "custom" in wanted:
        function, kwargs = wanted["custom"], wanted["arguments"]
        _allow(config, task, f"custom_dataset: !function {function['!function']}")
        settings: dict[str, Any] = {
            "source": f"function:{function['!function']}",
            "function": function,
        }
        dataset = location.dataset_id(settings["source"], None, {"file": function["file"]})
    else:
        if data is None:  # a scheme of its own, else the hub
            # as it stands: a task file has no business with the environment, which DataSource would look into
            data = DataSource.model_construct(
                source=location.dataset_source(path), revision=kwargs.get("revision")
            )
            if location.is_generator_file(data.source):
                _allow(config, task, f"dataset_path: {path}")
        settings = data.model_dump()
        options = data.model_dump(exclude={"source", "revision"}, exclude_defaults=True)
        dataset = location.dataset_id(data.source, data.revision, options)
    subset = location.subset_id(name, kwargs)
    part = datasets.setdefault(dataset, settings | {"subsets": {}})["subsets"]
    part.setdefault(subset, {"name": name, "kwargs": kwargs, "splits": []})
    part[subset]["splits"] = sorted({*part[subset]["splits"], *splits})
    return {"dataset": dataset, "subset": subset, "splits": sorted(splits)}


def _data_keys(task: definition.Task) -> list[str]:
    """Under which keys of `datasets` a task's documents are looked for, the first that is there counting."""
    path, name, custom = task.dataset["path"], task.dataset["name"], task.dataset.get("custom")
    return [
        *([f"{path}/{name}"] if path and name else []),
        *([path] if path else []),
        *([custom["!function"]] if custom else []),
    ]


def _source(task: definition.Task, config: Config) -> tuple[str, str]:
    """The key under which a task's documents are found in `datasets`, or would be, and their source; itself where it is not there."""
    keys = _data_keys(task)
    key = next((key for key in keys if key in config.datasets), keys[-1])
    return key, config.datasets[key].source if key in config.datasets else key


def _bundled(task: definition.Task, needed: Mapping[str, Any]) -> dict[str, Any]:
    """Which documents a task needs, and the key of `datasets` that leads it to them."""
    return {
        "key": _data_keys(task)[0],
        **{key: needed[key] for key in ("dataset", "subset", "splits")},
    }


def _allow(config: Config, task: definition.Task, what: str) -> None:
    if not config.allow_functions:
        raise UserError(
            f"{task.name}: {what} is Python that comes with the task; allow_functions: true runs it"
        )


def _write_if_changed(path: Path, settings: Mapping[str, Any]) -> None:
    text = json.dumps(settings, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    try:
        if (
            path.exists() and path.read_bytes() == text.encode()
        ):  # bytes: what a bad disk left there may be no text
            return
        atomic.write_text(path, text)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}); the results folder must be writable, with space left"
        ) from None

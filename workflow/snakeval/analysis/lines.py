"""The lines of the score table: the metrics of tasks and groups, and what they average.

One benchmark of the configuration is in memory at a time, as numbers: 8 bytes per score.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.analysis.series import Series, from_scores
from snakeval.analysis.stage import RunSettings
from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.schemas.model import SCORES
from snakeval.schemas.task import REQUESTS
from snakeval.scoring.task_metrics import resolve
from snakeval.statistics import bootstrap
from snakeval.tasks import metric_names
from snakeval.tasks.scoring_settings import ScoringSettings

# By these metrics, guessing is right in a share of gold / choices of the documents.
GUESSED = ("acc", "acc_norm", "acc_bytes", "acc_tokens", "acc_mutual_info")
OF_KIND = {"sums": "statistics", "items": "item"}  # the column of SCORES that an aggregation reads

Settings = Mapping[str, Any]
Key = tuple[str, str]  # filter, metric
SeriesOfKeys = dict[Key, dict[str, Series]]  # (filter, metric) -> model -> series


@dataclass(frozen=True)
class Line:
    """One metric of a task or group: what is averaged, per model."""

    task: str
    key: Key
    members: list[str]  # leaf tasks; for a task's own line only the task
    strata: list[dict[str, Series]]  # model -> series, one per member
    weight_by_size: bool
    higher_is_better: bool
    primary: bool
    constants: dict[str, Any]  # columns that are the same for all models

    @property
    def is_group(self) -> bool:
        return self.members != [self.task]

    @property
    def scale(self) -> str:
        """The scale on which models are compared: score or log."""
        series = (one for stratum in self.strata for one in stratum.values())
        return "log" if any(one.aggregation.log_of_sums for one in series) else "score"

    def has(self, model: str) -> bool:
        """Whether the model has scores of every member."""
        return all(model in stratum for stratum in self.strata)

    def weights(self, sizes: Sequence[int]) -> np.ndarray:
        """Weights of the strata from their numbers of documents.

        They sum to 1, and are equal where no stratum has documents.
        """
        by_size = self.weight_by_size and any(sizes)
        weights = np.asarray(sizes, dtype=float) if by_size else np.ones(len(sizes))
        return weights / weights.sum()


@dataclass(frozen=True)
class _Benchmark:
    """What the lines of a benchmark are made from; all mappings but `groups` are by leaf task."""

    groups: Mapping[str, Settings]
    tasks: Mapping[str, ScoringSettings]
    series: Mapping[str, SeriesOfKeys]
    keys: Mapping[str, list[Key]]  # in the order of the table
    leads: Mapping[str, Key | None]  # the primary metric
    guessing: Mapping[str, float | None]  # share of right answers of guessing among choices


def of_benchmark(
    benchmark: str,
    files: Mapping[str, Path],
    requests: Path,
    settings: RunSettings,
    among: Mapping[str, np.ndarray] | None = None,
) -> Iterator[Line]:
    """The lines of one benchmark: each group, then its members in their order, then other tasks.

    `files`: the SCORES file of each model. `requests`: the REQUESTS file. `settings`: as for
    `leaderboard.build`. `among`: task -> doc_id of the documents that count, for the scores of an
    earlier run. With `among`, scores of tasks that are not in the configuration are left out, as
    are scores of another kind than their metric has now.

    Raises UserError for scores of a task that is not in the configuration, without `among`.
    """
    tasks = settings.benchmarks[benchmark]
    series = _read(files, tasks, settings.seed, of_this_run=among is None)
    if among is not None:
        for task, by_key in series.items():
            for by_model in by_key.values():
                by_model |= {model: one.among(among[task]) for model, one in by_model.items()}
    groups = {group["name"]: group for group in settings.groups.get(benchmark) or []}
    keys = {task: _ordered(series[task], tasks[task]) for task in tasks}
    leads = {task: _leading(keys[task], tasks[task]) for task in tasks}
    inside = {member for group in groups.values() for member in group["members"]}
    whole = _Benchmark(groups, tasks, series, keys, leads, _guessing(requests, tasks))
    done: set[str] = set()
    for name in [*groups, *tasks]:
        if name not in inside:
            yield from _lines(whole, name, None, done)


def _read(
    files: Mapping[str, Path], tasks: Mapping[str, ScoringSettings], seed: int, of_this_run: bool
) -> dict[str, SeriesOfKeys]:
    """Task -> (filter, metric) -> model -> series, from the score files of a benchmark."""
    found: dict[str, SeriesOfKeys] = {task: {} for task in tasks}
    columns = ["task", "doc_id", "filter", "metric", "value", "statistics", "item", "cluster"]
    metrics = {task: resolve(settings) for task, settings in tasks.items()}
    for model, path in files.items():
        parts = list(_split(parquet.read(path, SCORES, columns), ["task", "filter", "metric"]))
        for (task, name, metric), rows in parts:
            if task not in tasks:
                if not of_this_run:
                    continue
                raise UserError(
                    f"{path}: scores of {task}, which is not in the configuration. "
                    "Delete the file and run again."
                )
            names = {other for (of, _, other), _ in parts if of == task}
            aggregation = metrics[task].aggregation_of(metric, names)
            column = OF_KIND.get(aggregation.kind)
            if not of_this_run and column and rows[column].null_count == rows.num_rows:
                continue
            series = from_scores(rows, aggregation, bootstrap.seed_of(seed, task))
            by_model = found[task].setdefault((name, metric), {})
            first = next(iter(by_model.values()), series)
            # One array for all models takes less memory, and needs no comparison later.
            if np.array_equal(series.documents, first.documents):
                series = replace(series, documents=first.documents)
            by_model[model] = series
    return {
        task: {key: _as_shares(by_model) for key, by_model in by_key.items()}
        for task, by_key in found.items()
    }


def _split(table: pa.Table, keys: list[str]) -> Iterator[tuple[tuple[str, ...], pa.Table]]:
    """The rows of each combination of values of `keys`, in their order in `table`."""
    if not table.num_rows:
        return
    codes = np.zeros(table.num_rows, dtype=np.int64)
    for key in keys:
        column = table[key].combine_chunks().dictionary_encode()
        indices = column.indices.to_numpy(zero_copy_only=False)
        codes = codes * max(1, len(column.dictionary)) + indices
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    table = table.take(order)
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        rows = table.slice(start, end - start)
        yield tuple(rows[key][0].as_py() for key in keys), rows


def _as_shares(by_model: dict[str, Series]) -> dict[str, Series]:
    """Mark a mean as a share where its values are in [0, 1] for all models.

    Not every metric declares this: those of `process_results` do not.
    """
    values = [series.data for series in by_model.values() if series.kind == "mean" and series.n]
    if not values or any(data.min() < 0 or data.max() > 1 for data in values):
        return by_model
    return {
        model: replace(series, aggregation=replace(series.aggregation, proportion=True))
        for model, series in by_model.items()
    }


def _guessing(path: Path, tasks: Mapping[str, ScoringSettings]) -> dict[str, float | None]:
    """The share of right answers of guessing, of each task: the mean of right choices / choices.

    None for tasks without choices. `path`: the REQUESTS file.
    """
    found: dict[str, float | None] = dict.fromkeys(tasks)
    if not any(_is_of_choices(task) for task in tasks.values()):
        return found
    requests = parquet.read(path, REQUESTS, ["task", "choices", "gold"])
    choices = pc.list_value_length(requests["choices"]).to_numpy()
    pairs = zip(requests["gold"].to_pylist(), choices, strict=True)
    right = np.array([len({index for index in gold if 0 <= index < n}) for gold, n in pairs])
    names = np.array(requests["task"].to_pylist())
    for task in tasks:
        of_task = (names == task) & (choices > 0)
        if of_task.any():
            found[task] = float(np.mean(right[of_task] / choices[of_task]))
    return found


def _lines(whole: _Benchmark, name: str, parent: str | None, done: set[str]) -> Iterator[Line]:
    """The lines of a group and its members, or of a task; those of names in `done` come once."""
    if name in done:
        return
    done.add(name)
    if name not in whole.groups:
        yield from (_task_line(whole, name, key, parent) for key in whole.keys[name])
        return
    own = list(_group_lines(whole, name, parent))
    yield from own
    for member in whole.groups[name]["members"]:
        # A group without metrics has no line that could be a parent.
        yield from _lines(whole, member, name if own else parent, done)


def _task_line(whole: _Benchmark, task: str, key: Key, parent: str | None) -> Line:
    by_model = whole.series[task][key]
    higher_is_better = next(iter(by_model.values())).aggregation.higher_is_better
    chance = _chance(whole, task, key)
    constants = {"parent": parent, **_version(whole.tasks[task]), "chance": chance}
    primary = key == whole.leads[task]
    return Line(task, key, [task], [by_model], True, higher_is_better, primary, constants)


def _group_lines(whole: _Benchmark, name: str, parent: str | None) -> Iterator[Line]:
    """A group's own metrics, over those of its leaf tasks that have the metric, as in lm-eval."""
    group, leaves = whole.groups[name], _leaves(name, whole.groups)
    available = [key for task in leaves for key in whole.keys[task]]
    keys: dict[Key, bool] = {}
    for item in group["metrics"]:
        filters, metric = item["filter_list"], item["metric"]
        found = [key for key in available if key[1] == metric]
        keys |= {
            key: item["weight_by_size"] for key in found if filters is None or key[0] in filters
        }
    leading = set(whole.leads.values())
    primary = next((key for key in keys if key in leading), next(iter(keys), None))
    for key, weight_by_size in keys.items():
        members = [task for task in leaves if key in whole.series[task]]
        strata = [whole.series[task][key] for task in members]
        up = next(iter(strata[0].values())).aggregation.higher_is_better
        line = Line(name, key, members, strata, weight_by_size, up, key == primary, {})
        yield replace(line, constants=_group_constants(whole, line, parent))


def _group_constants(whole: _Benchmark, line: Line, parent: str | None) -> dict[str, Any]:
    """Columns of a group's line: of the members the common number of examples, and the chance."""
    shots = {_version(whole.tasks[task])["num_fewshot"] for task in line.members}
    chances = [_chance(whole, task, line.key) for task in line.members]
    sizes = [max(series.n for series in stratum.values()) for stratum in line.strata]
    return {
        "parent": parent,
        "num_fewshot": shots.pop() if len(shots) == 1 else None,
        "version": whole.groups[line.task].get("version"),
        "chance": None if None in chances else float(line.weights(sizes) @ np.array(chances)),
    }


def _leaves(name: str, groups: Mapping[str, Settings]) -> list[str]:
    """The leaf tasks of a group, its subgroups' included, each once."""
    if name not in groups:
        return [name]
    members = groups[name]["members"]
    return list(dict.fromkeys(leaf for member in members for leaf in _leaves(member, groups)))


def _chance(whole: _Benchmark, task: str, key: Key) -> float | None:
    """The score of guessing.

    The task's own `chance` is for its primary metric. Otherwise it is the share of right choices,
    for accuracies of multiple choice.
    """
    settings = whole.tasks[task]
    if key == whole.leads[task] and settings.chance is not None:
        return float(settings.chance)
    guessed = _is_of_choices(settings) and not settings.process_results
    return whole.guessing[task] if guessed and key[1] in GUESSED else None


# What the scoring settings of a task decide


def _ordered(by_key: Mapping[Key, Any], settings: ScoringSettings) -> list[Key]:
    """The (filter, metric) of a task in the order of its settings; unknown names come last."""
    filters = [item["name"] for item in settings.filter_list or []]
    metrics = [metric_names.name_of(item) for item in settings.metric_list]

    def place(names: list[str], name: str) -> int:
        return names.index(name) if name in names else len(names)

    return sorted(by_key, key=lambda key: (place(filters, key[0]), place(metrics, key[1]), key))


def _leading(keys: Sequence[Key], settings: ScoringSettings) -> Key | None:
    """The primary metric: `primary_metric` in the first filter that has it, else the first key."""
    wanted = settings.primary_metric
    return next((key for key in keys if key[1] == wanted), next(iter(keys), None))


def _is_of_choices(settings: ScoringSettings) -> bool:
    return settings.output_type == "multiple_choice"


def _version(settings: ScoringSettings) -> dict[str, Any]:
    return {"num_fewshot": settings.num_fewshot, "version": settings.version}

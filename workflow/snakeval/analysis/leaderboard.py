"""From the scores of documents to the tables of a run: scores with intervals and ranks, and paired comparisons of the models.

One benchmark of the configuration is in memory at a time, as numbers: 8 bytes per score.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.analysis import differences
from snakeval.analysis.differences import Comparison
from snakeval.analysis.series import Series, estimate, from_scores, group_estimate
from snakeval.analysis.stage import RunSettings
from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.metrics import registry
from snakeval.schemas.model import SCORES
from snakeval.schemas.run import COMPARISONS, SCORE_TABLE
from snakeval.schemas.task import REQUESTS
from snakeval.statistics import bootstrap, multiplicity, sample_size
from snakeval.statistics.intervals import Estimate, known
from snakeval.tasks import metric_names

ALL_PAIRS = 20  # up to so many models all pairs are listed; of more, each model against the best one of the task
GUESSED = (
    "acc",
    "acc_norm",
    "acc_bytes",
    "acc_tokens",
    "acc_mutual_info",
)  # where guessing is right in gold / choices of the documents
OF_KIND = {"sums": "statistics", "items": "item"}  # the column of SCORES that an aggregation reads

Settings = Mapping[str, Any]
Key = tuple[str, str]  # filter, metric


@dataclass(frozen=True)
class Line:
    """One metric of a task or group: what is averaged, per model."""

    task: str
    key: Key
    members: list[str]  # leaf tasks; a task's own line has itself alone
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
        """On which models are compared: score or log."""
        return (
            "log"
            if any(
                series.aggregation.log_of_sums
                for stratum in self.strata
                for series in stratum.values()
            )
            else "score"
        )

    def weights(self, sizes: Sequence[int]) -> np.ndarray:
        """Weights of the strata, which sum to 1, from their numbers of documents; equal where there are none at all."""
        weights = (
            np.asarray(sizes, dtype=float)
            if self.weight_by_size and any(sizes)
            else np.ones(len(sizes))
        )
        return weights / weights.sum()


def build(
    scores: Mapping[tuple[str, str], Path], requests: Mapping[str, Path], settings: RunSettings
) -> tuple[pa.Table, pa.Table]:
    """SCORE_TABLE and COMPARISONS of a run.

    `scores`: (model, benchmark) -> SCORES file; `requests`: benchmark -> REQUESTS file, for the chance level of choices. `settings`: `seed`,
    `models` (names), `benchmarks` (benchmark -> task -> scoring settings), `groups` (benchmark -> groups, outer before inner). Raises UserError
    for a file that is missing or damaged.
    """
    score_rows: list[dict[str, Any]] = []
    comparison_rows: list[dict[str, Any]] = []
    tested: list[float] = []  # p of every pair of models, also of those that are not listed
    listed: list[int] = []  # the place in it of each row
    for benchmark in settings.benchmarks:
        for line in lines(
            benchmark,
            {model: scores[model, benchmark] for model in settings.models},
            requests[benchmark],
            settings,
        ):
            estimates = {
                model: _estimate(line, model)
                for model in settings.models
                if all(model in s for s in line.strata)
            }
            ranks: dict[str, tuple[int, int]] = {}
            if line.primary and len(settings.models) > 1:
                ranks, p, rows = _compare(
                    line,
                    {
                        model: found.value
                        for model, found in estimates.items()
                        if np.isfinite(found.value)
                    },
                )
                comparison_rows += [{"benchmark": benchmark, **row} for row in rows.values()]
                listed += [len(tested) + place for place in rows]
                tested += p.tolist()
            score_rows += [
                _score_row(benchmark, line, model, found, ranks.get(model))
                for model, found in estimates.items()
            ]
    # Which pairs are listed follows from the scores, so that adjustment for these alone would bound nothing.
    holm, bh = (
        multiplicity.holm(np.array(tested)),
        multiplicity.benjamini_hochberg(np.array(tested)),
    )
    for row, place in zip(comparison_rows, listed, strict=True):
        row |= {"p_holm": known(holm[place]), "p_bh": known(bh[place])}
    return pa.Table.from_pylist(score_rows, SCORE_TABLE), pa.Table.from_pylist(
        comparison_rows, COMPARISONS
    )


def lines(
    benchmark: str,
    files: Mapping[str, Path],
    requests: Path,
    settings: RunSettings,
    among: Mapping[str, np.ndarray] | None = None,
) -> Iterator[Line]:
    """The lines of one benchmark. `files`: SCORES of each model; `settings`: as for `build`; `among`: task -> the documents that count.

    With `among` what an earlier run may have had is left out: tasks that are not in the configuration, which else are a UserError, and
    scores of another kind than their metric has now.
    """
    tasks = settings.benchmarks[benchmark]
    series = _read(files, tasks, settings.seed, strict=among is None)
    if among is not None:
        series = {
            task: {
                key: {model: one.among(among[task]) for model, one in by_model.items()}
                for key, by_model in by_key.items()
            }
            for task, by_key in series.items()
        }
    return _lines(tasks, settings.groups.get(benchmark) or [], series, _chances(requests, tasks))


def with_targets(
    scores: pa.Table, targets: Mapping[tuple[str, str, str, str, str], float]
) -> pa.Table:
    """SCORE_TABLE with its columns target and delta; `targets` by model, benchmark, task (of a top line also the benchmark), filter, metric."""
    rows = scores.to_pylist()
    for row in rows:
        names = [row["task"], *([row["benchmark"]] if row["parent"] is None else [])]
        found = [
            targets.get((row["model"], row["benchmark"], name, row["filter"], row["metric"]))
            for name in names
        ]
        row["target"] = next((target for target in found if target is not None), None)
        row["delta"] = (
            None if row["target"] is None or row["value"] is None else row["value"] - row["target"]
        )
    return pa.Table.from_pylist(rows, SCORE_TABLE)


def compared(line: Line, model_a: str, model_b: str) -> Comparison:
    """The two models on the documents of a line that both answered; without the strata of no weight, which have no score."""
    strata = [differences.matched(stratum[model_a], stratum[model_b]) for stratum in line.strata]
    weights = line.weights([stratum.a.n for stratum in strata])
    return [
        replace(stratum, weight=float(weight))
        for stratum, weight in zip(strata, weights, strict=True)
        if weight > 0
    ]


def _read(
    files: Mapping[str, Path], tasks: Mapping[str, Settings], seed: int, strict: bool
) -> dict[str, dict[Key, dict[str, Series]]]:
    """Task -> (filter, metric) -> model -> series, from the score files of a benchmark."""
    found: dict[str, dict[Key, dict[str, Series]]] = {task: {} for task in tasks}
    columns = ["task", "doc_id", "filter", "metric", "value", "statistics", "item", "cluster"]
    for model, path in files.items():
        parts = list(_split(parquet.read(path, SCORES, columns), ["task", "filter", "metric"]))
        for (task, name, metric), rows in parts:
            if task not in tasks and not strict:
                continue
            if task not in tasks:
                raise UserError(
                    f"{path}: scores of {task}, which is not in the configuration; delete the file and run again"
                )
            aggregation = registry.aggregation_of(
                metric, tasks[task], {other for (of, _, other), _ in parts if of == task}
            )
            if (
                not strict
                and aggregation.kind != "mean"
                and rows[OF_KIND[aggregation.kind]].null_count == rows.num_rows
            ):
                continue
            series = from_scores(rows, aggregation, bootstrap.seed_of(seed, task))
            by_model = found[task].setdefault((name, metric), {})
            first = next(iter(by_model.values()), series)
            if np.array_equal(
                series.documents, first.documents
            ):  # one array for all models: less memory, and known to be equal
                series = replace(series, documents=first.documents)
            by_model[model] = series
    for by_key in found.values():
        for key, by_model in by_key.items():
            by_key[key] = _as_shares(by_model)
    return found


def _split(table: pa.Table, keys: list[str]) -> Iterator[tuple[tuple[str, ...], pa.Table]]:
    """The rows of each combination of values of `keys`, in their order in `table`."""
    if not table.num_rows:
        return
    codes = np.zeros(table.num_rows, dtype=np.int64)
    for key in keys:
        column = table[key].combine_chunks().dictionary_encode()
        codes = codes * max(1, len(column.dictionary)) + column.indices.to_numpy(
            zero_copy_only=False
        )
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    table = table.take(order)
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        rows = table.slice(start, end - start)
        yield tuple(rows[key][0].as_py() for key in keys), rows


def _as_shares(by_model: dict[str, Series]) -> dict[str, Series]:
    """A mean of values that lie in [0, 1] for all models is a share, also where its metric does not say so (as of process_results)."""
    values = [series.data for series in by_model.values() if series.kind == "mean" and series.n]
    if not values or any(data.min() < 0 or data.max() > 1 for data in values):
        return by_model
    return {
        model: replace(s, aggregation=replace(s.aggregation, proportion=True))
        for model, s in by_model.items()
    }


def _chances(path: Path, tasks: Mapping[str, Settings]) -> dict[str, float | None]:
    """The share of right answers of guessing, for tasks of multiple choice: the mean of right choices / choices."""
    chances: dict[str, float | None] = dict.fromkeys(tasks)
    if any(task["output_type"] == "multiple_choice" for task in tasks.values()):
        requests = parquet.read(path, REQUESTS, ["task", "choices", "gold"])
        choices = pc.list_value_length(requests["choices"]).to_numpy()
        right = np.array(
            [
                len({index for index in gold if 0 <= index < n})
                for gold, n in zip(requests["gold"].to_pylist(), choices, strict=True)
            ]
        )
        names = np.array(requests["task"].to_pylist())
        for task in tasks:
            of_task = (names == task) & (choices > 0)
            if of_task.any():
                chances[task] = float(np.mean(right[of_task] / choices[of_task]))
    return chances


def _lines(
    tasks: Mapping[str, Settings],
    groups: Sequence[Settings],
    series: Mapping[str, Mapping[Key, dict[str, Series]]],
    chances: Mapping[str, float | None],
) -> Iterator[Line]:
    """What the table shows of a benchmark: each group, then its members in their order, then what is in no group."""
    by_name = {group["name"]: group for group in groups}
    inside = {member for group in groups for member in group["members"]}
    keys = {task: _ordered(series[task], tasks[task]) for task in tasks}
    leads = {task: _leading(keys[task], tasks[task].get("primary_metric")) for task in tasks}
    done = set()

    def walk(name: str, parent: str | None) -> Iterator[Line]:
        if name in done:
            return
        done.add(name)
        if name in by_name:
            group = by_name[name]
            lines = list(
                _group_lines(
                    group,
                    parent,
                    tasks,
                    {task: series[task] for task in _leaves(name, by_name)},
                    leads,
                    chances,
                )
            )
            yield from lines
            for member in group["members"]:
                yield from walk(member, name if lines else parent)
        else:
            yield from (
                _task_line(
                    name,
                    key,
                    parent,
                    tasks[name],
                    series[name][key],
                    key == leads[name],
                    chances[name],
                )
                for key in keys[name]
            )

    for name in [*by_name, *tasks]:
        if name not in inside:
            yield from walk(name, None)


def _task_line(
    task: str,
    key: Key,
    parent: str | None,
    settings: Settings,
    by_model: dict[str, Series],
    primary: bool,
    chance: float | None,
) -> Line:
    aggregation = next(iter(by_model.values())).aggregation
    constants = {
        "parent": parent,
        "num_fewshot": settings["num_fewshot"],
        "version": settings["version"],
    }
    constants["chance"] = _chance(key, primary, settings, chance)
    return Line(
        task, key, [task], [by_model], True, aggregation.higher_is_better, primary, constants
    )


def _group_lines(
    group: Settings,
    parent: str | None,
    tasks: Mapping[str, Settings],
    series: Mapping[str, Mapping[Key, dict[str, Series]]],
    leads: Mapping[str, Key | None],
    chances: Mapping[str, float | None],
) -> Iterator[Line]:
    """A group's own metrics, over those of its leaf tasks that have the metric, as lm-eval does."""
    available = [key for task in series for key in _ordered(series[task], tasks[task])]
    keys: dict[Key, bool] = {}
    for item in group["metrics"]:
        wanted = item["filter_list"]
        names = dict.fromkeys(
            name
            for name, metric in available
            if metric == item["metric"] and (wanted is None or name in wanted)
        )
        keys |= {(name, item["metric"]): item["weight_by_size"] for name in names}
    led = set(leads.values())
    primary = next((key for key in keys if key in led), next(iter(keys), None))
    for key, weight_by_size in keys.items():
        members = [task for task in series if key in series[task]]
        shots = {tasks[task]["num_fewshot"] for task in members}
        chance = [_chance(key, leads[task] == key, tasks[task], chances[task]) for task in members]
        aggregation = next(iter(series[members[0]][key].values())).aggregation
        line = Line(
            group["name"],
            key,
            members,
            [series[task][key] for task in members],
            weight_by_size,
            aggregation.higher_is_better,
            key == primary,
            {},
        )
        sizes = [max(s.n for s in stratum.values()) for stratum in line.strata]
        constants = {
            "parent": parent,
            "num_fewshot": shots.pop() if len(shots) == 1 else None,
            "version": group.get("version"),
            "chance": None if None in chance else float(line.weights(sizes) @ np.array(chance)),
        }
        yield replace(line, constants=constants)


def _ordered(by_key: Mapping[Key, Any], settings: Settings) -> list[Key]:
    """The (filter, metric) of a task in the order of its settings; names that these do not know come last."""
    filters = [item["name"] for item in settings["filter_list"] or []]
    names = [metric_names.name_of(item) for item in settings["metric_list"]]

    def place(known: list[str], name: str) -> int:
        return known.index(name) if name in known else len(known)

    return sorted(by_key, key=lambda key: (place(filters, key[0]), place(names, key[1]), key))


def _leading(keys: Sequence[Key], wanted: str | None) -> Key | None:
    """The primary metric: the one asked for, in the first filter that has it, else the first of the first filter."""
    return next((key for key in keys if key[1] == wanted), next(iter(keys), None))


def _leaves(name: str, groups: Mapping[str, Settings]) -> list[str]:
    """The leaf tasks of a group, its subgroups' included, each once."""
    if name not in groups:
        return [name]
    return list(
        dict.fromkeys(
            leaf for member in groups[name]["members"] for leaf in _leaves(member, groups)
        )
    )


def _chance(key: Key, primary: bool, settings: Settings, guessing: float | None) -> float | None:
    """What the task says of its primary metric; of accuracies of multiple choice what guessing gives."""
    if primary and settings.get("chance") is not None:
        return float(settings["chance"])
    of_choices = (
        settings["output_type"] == "multiple_choice"
        and not settings.get("process_results")
        and key[1] in GUESSED
    )
    return guessing if of_choices else None


def _estimate(line: Line, model: str) -> Estimate:
    parts = [stratum[model] for stratum in line.strata]
    if not line.is_group:
        return estimate(parts[0])
    weights = line.weights([part.n for part in parts])
    parts = [
        part for part, weight in zip(parts, weights, strict=True) if weight > 0
    ]  # a subtask without documents has no score
    return group_estimate(
        weights[weights > 0],
        [estimate(part) for part in parts],
        all(part.aggregation.proportion for part in parts),
    )


def _compare(
    line: Line, values: Mapping[str, float]
) -> tuple[dict[str, tuple[int, int]], np.ndarray, dict[int, dict[str, Any]]]:
    """Ranks of the models that have a value, p of all their pairs, and rows of COMPARISONS by their place in these.

    Ranks rest on all pairs, adjusted within the line (Holm, 5 %).
    """
    models = list(values)
    pairs = list(combinations(range(len(models)), 2))
    comparisons = [compared(line, models[a], models[b]) for a, b in pairs]
    p, tests = differences.p_values(comparisons)
    better = np.zeros((len(models), len(models)), dtype=bool)
    direction = 1 if line.higher_is_better else -1
    for (a, b), adjusted, comparison in zip(pairs, multiplicity.holm(p), comparisons, strict=True):
        if adjusted < multiplicity.ALPHA:
            a_leads = direction * differences.score_difference(comparison) > 0
            better[(a, b) if a_leads else (b, a)] = True
    lows, highs = multiplicity.rank_sets(better)
    ranks = {
        model: (int(low), int(high)) for model, low, high in zip(models, lows, highs, strict=True)
    }
    best = int(np.argmax([direction * value for value in values.values()])) if models else 0
    listed = [index for index, pair in enumerate(pairs) if len(models) <= ALL_PAIRS or best in pair]
    return (
        ranks,
        p,
        {
            index: _comparison_row(
                line, models, pairs[index], comparisons[index], p[index], tests[index]
            )
            for index in listed
        },
    )


def _score_row(
    benchmark: str, line: Line, model: str, found: Estimate, ranks: tuple[int, int] | None
) -> dict[str, Any]:
    return line.constants | {
        "model": model,
        "benchmark": benchmark,
        "task": line.task,
        "is_group": line.is_group,
        "filter": line.key[0],
        "metric": line.key[1],
        "n": sum(stratum[model].n for stratum in line.strata),
        "value": None if np.isnan(found.value) else found.value,
        "stderr": known(found.stderr),
        "ci_low": known(found.low),
        "ci_high": known(found.high),
        "ci_method": found.method if np.isfinite(found.low) else "none",
        "higher_is_better": line.higher_is_better,
        "rank_low": ranks[0] if ranks else None,
        "rank_high": ranks[1] if ranks else None,
        "primary": line.primary,
    }


def _comparison_row(
    line: Line,
    models: list[str],
    pair: tuple[int, int],
    comparison: Comparison,
    p: float,
    test: str,
) -> dict[str, Any]:
    found = differences.interval(comparison)
    n = differences.documents(comparison)
    only_a, only_b = (
        differences.discordant(comparison) if differences.is_binary(comparison) else (None, None)
    )
    return {
        "task": line.task,
        "filter": line.key[0],
        "metric": line.key[1],
        "model_a": models[pair[0]],
        "model_b": models[pair[1]],
        "n": n,
        "scale": line.scale,
        "difference": known(found.value),
        "ci_low": known(found.low),
        "ci_high": known(found.high),
        "only_a": only_a,
        "only_b": only_b,
        "p": known(p),
        "effect": known(found.value / (found.stderr * np.sqrt(n))) if n else None,
        "detectable": known(sample_size.detectable_difference(found.stderr)),
        "test": test,
    }

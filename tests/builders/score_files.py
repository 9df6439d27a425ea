"""Score files and results folders written by hand, for tests of the tables made from them."""

import json

import pyarrow as pa

from builders.scoring_tables import EMPTY_REQUEST, settings
from snakeval.analysis import leaderboard
from snakeval.analysis.stage import GateSettings, RunSettings
from snakeval.files import benchmark_files, parquet
from snakeval.schemas.model import SCORES
from snakeval.schemas.run import COMPARISONS, SCORE_TABLE
from snakeval.schemas.task import REQUESTS

SCORE = {
    "doc_id": 0,
    "filter": "none",
    "statistics": None,
    "item": None,
    "prediction": None,
    "extracted": True,
    "cluster": None,
}


def settings_of(metrics, output_type="multiple_choice", **more):
    """Scoring settings of a task; `more` are fields of them."""
    shared = {"filter_list": [{"name": "none", "filter": []}], "version": "1.0"}
    return settings(output_type, metrics, **shared | more)


def group(name, members, metric="acc", **more):
    item = {
        "metric": metric,
        "filter_list": None,
        "aggregation": "mean",
        "weight_by_size": True,
    } | more
    return {"name": name, "alias": name, "members": members, "metrics": [item], "version": "2"}


def request(task, doc_id, choices, gold):
    empty = {
        field.name: None if field.nullable else [] if pa.types.is_list(field.type) else ""
        for field in REQUESTS
    }
    return empty | {
        "task": task,
        "doc_id": doc_id,
        "choices": [str(i) for i in range(choices)],
        "gold": gold,
    }


class Run:
    """Score files of one benchmark named `e`, and its settings."""

    def __init__(self, folder, tasks, groups=(), models=("a", "b")):
        self.folder = folder
        self.scores, self.requests = {}, {"e": folder / "requests.parquet"}
        self.settings = RunSettings(1, list(models), {"e": tasks}, {"e": list(groups)})
        self.rows = {model: [] for model in models}
        self.choices = []

    def add(self, model, task, metric, values, filter_name="none", **columns):
        """Add scores of the documents 0, 1, …: numbers as values, lists as statistics.

        `columns`: one value per document.
        """
        shared = {"model": model, "task": task, "metric": metric, "filter": filter_name}
        for doc_id, value in enumerate(values):
            own = {key: column[doc_id] for key, column in columns.items()}
            self.rows[model].append(SCORE | shared | {"doc_id": doc_id} | value_of(value) | own)

    def build(self):
        parquet.write(pa.Table.from_pylist(self.choices, REQUESTS), self.requests["e"], REQUESTS)
        for model, rows in self.rows.items():
            self.scores[model, "e"] = self.folder / f"{model}.parquet"
            parquet.write(pa.Table.from_pylist(rows, SCORES), self.scores[model, "e"], SCORES)
        scores, comparisons = leaderboard.build(self.scores, self.requests, self.settings)
        parquet.write(scores, self.folder / "scores.parquet", SCORE_TABLE)
        parquet.write(comparisons, self.folder / "comparisons.parquet", COMPARISONS)
        return scores.to_pylist(), comparisons.to_pylist()


def value_of(value):
    """A number is a document's value, a list its statistics."""
    if isinstance(value, list):
        return {"value": None, "statistics": value}
    return {"value": value}


def row(rows, **wanted):
    (found,) = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    return found


def answers(right, n):
    return [1.0] * right + [0.0] * (n - right)


TASKS = {"t": settings_of(["acc"])}


def folder_of(path, models, documents=None, metric="acc"):
    """A results folder with one benchmark `e`.

    `models`: name -> task -> values, or statistics as lists.
    """
    choice = {"kind": "multiple_choice", "choices": ["a", "b"], "gold": [0]}
    tasks = next(iter(models.values()))
    requests = [
        EMPTY_REQUEST
        | choice
        | {"task": task, "doc_id": i, "document": json.dumps({"n": (documents or {}).get(i, i)})}
        for task, values in tasks.items()
        for i in range(len(values))
    ]
    parquet.write(pa.Table.from_pylist(requests, REQUESTS), path / "requests/e.parquet", REQUESTS)
    for model, own in models.items():
        shared = SCORE | {"model": model, "metric": metric}
        rows = [
            shared | {"task": task, "doc_id": i, "prediction": f"{model} {value}"} | value_of(value)
            for task, values in own.items()
            for i, value in enumerate(values)
        ]
        made = lambda _, rows=rows: pa.Table.from_pylist(rows, SCORES)  # noqa: E731
        benchmark_files.refresh(
            path / f"index/scores/{model}.parquet",
            path / "scores" / model,
            {"e": model},
            made,
            SCORES,
        )
    return path


def gate_settings(baseline, models=("m",), tasks=TASKS, groups=(), **more):
    """Settings of the comparison with a baseline, of a run with one benchmark `e`."""
    how = {"margin": {}, "alpha": 0.05, "undecided": "fail", "baseline": str(baseline)} | more
    return GateSettings(1, list(models), {"e": tasks}, {"e": list(groups)}, **how)

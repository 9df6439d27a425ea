"""Answers that hardly vary, and scores that vary by cluster: two ways in which a mean hides what a model does."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from snakeval.files import parquet
from snakeval.report import charts
from snakeval.report.board import Row
from snakeval.schemas.model import RESPONSES, SCORES
from snakeval.schemas.task import REQUESTS

LEAST = 20  # documents, below which a share says little
MUCH, MORE = (
    0.5,
    0.2,
)  # a share from which an answer counts as frequent, and by how much it must exceed the references' own
CLUSTERS, MEMBERS = (
    40,
    5,
)  # at most so many clusters are shown, of at least so many documents on average


@dataclass(frozen=True)
class Frequent:
    """One answer that a model gives to most documents of a task."""

    model: str
    benchmark: str
    task: str
    answer: str
    share: float
    reference_share: float  # of the most frequent right answer
    n: int


@dataclass(frozen=True)
class Clustered:
    """Mean score of every model on every cluster of a task."""

    row: Row
    names: list[str]
    sizes: list[int]
    means: dict[str, list[float | None]]  # model -> one per cluster


def measure(results: Path, benchmarks: list[str], models: list[str], rows: list[Row]) -> dict:
    """{"frequent": [Frequent], "clustered": [Clustered]} from the leading metric of every task."""
    leading = {(row.benchmark, row.task): row for row in rows if row.primary and not row.is_group}
    frequent, clustered = [], []
    for benchmark in benchmarks:
        right = _right_answers(results / "requests" / f"{benchmark}.parquet")
        scores: dict[str, dict[str, dict[str, list[float]]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(list))
        )
        for model in models:
            path = results / "scores" / model / f"{benchmark}.parquet"
            if not path.exists():
                continue
            given: dict[str, Counter] = defaultdict(Counter)
            choices = _chosen(results / "responses" / model / f"{benchmark}.parquet", right)
            columns = ["task", "doc_id", "filter", "metric", "value", "prediction", "cluster"]
            for line in parquet.read(path, SCORES, columns).to_pylist():
                row = leading.get((benchmark, line["task"]))
                if row is None or (line["filter"], line["metric"]) != (row.filter, row.metric):
                    continue
                answer = choices.get((line["task"], line["doc_id"]), line["prediction"])
                if answer is not None:
                    given[line["task"]][answer] += 1
                if line["cluster"] is not None and line["value"] is not None:
                    scores[line["task"]][line["cluster"]][model].append(line["value"])
            frequent += [
                each
                for task, counts in given.items()
                if (each := _frequent(model, benchmark, task, counts, right))
            ]
        clustered += [
            found
            for task, own in scores.items()
            if (found := _clustered(leading[benchmark, task], own, models))
        ]
    return {"frequent": sorted(frequent, key=lambda found: -found.share), "clustered": clustered}


def frequent_csv(found: list[Frequent]) -> str:
    lines = [(f.model, f.task, f.answer, f.share, f.reference_share, f.n) for f in found]
    return charts.csv(
        ("model", "task", "answer", "share", "share_of_most_frequent_reference", "n"), lines
    )


def clustered_csv(found: Clustered) -> str:
    lines = [
        (name, size, model, means[i])
        for i, (name, size) in enumerate(zip(found.names, found.sizes, strict=True))
        for model, means in found.means.items()
    ]
    return charts.csv(("cluster", "n", "model", "mean"), lines)


def _right_answers(path: Path) -> dict[tuple[str, int], tuple[str | None, int]]:
    """(task, doc_id) -> the right answer (of choices: its place), and the number of choices."""
    columns = ["task", "doc_id", "choices", "gold", "references"]
    found = {}
    for line in parquet.read(path, REQUESTS, columns).to_pylist():
        answer = (
            f"choice {line['gold'][0] + 1}"
            if line["choices"] and line["gold"]
            else next(iter(line["references"]), None)
        )
        found[line["task"], line["doc_id"]] = (answer, len(line["choices"]))
    return found


def _chosen(
    path: Path, right: dict[tuple[str, int], tuple[str | None, int]]
) -> dict[tuple[str, int], str]:
    """The place of the likeliest choice, by document."""
    found = {}
    for line in parquet.read(path, RESPONSES, ["task", "doc_id", "loglikelihoods"]).to_pylist():
        own = line["loglikelihoods"][: right.get((line["task"], line["doc_id"]), (None, 0))[1]]
        if own:
            found[line["task"], line["doc_id"]] = f"choice {own.index(max(own)) + 1}"
    return found


def _frequent(
    model: str,
    benchmark: str,
    task: str,
    counts: Counter,
    right: dict[tuple[str, int], tuple[str | None, int]],
) -> Frequent | None:
    n = counts.total()
    references = Counter(
        answer for (own, _), (answer, _) in right.items() if own == task and answer is not None
    )
    if n < LEAST or not references:
        return None
    (answer, count), usual = (
        counts.most_common(1)[0],
        references.most_common(1)[0][1] / references.total(),
    )
    if count / n < MUCH or count / n < usual + MORE:
        return None
    return Frequent(model, benchmark, task, answer, count / n, usual, n)


def _clustered(
    row: Row, scores: dict[str, dict[str, list[float]]], models: list[str]
) -> Clustered | None:
    sizes = {name: max(map(len, own.values())) for name, own in scores.items()}
    if not 2 <= len(sizes) <= CLUSTERS or sum(sizes.values()) < MEMBERS * len(sizes):
        return None
    names = sorted(sizes)
    means = {
        m: [sum(v) / len(v) if (v := scores[name].get(m)) else None for name in names]
        for m in models
    }
    return Clustered(row, names, [sizes[name] for name in names], means)

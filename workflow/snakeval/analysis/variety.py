"""Answers that hardly vary, and scores that vary by cluster: two things that a mean hides."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from snakeval.files import parquet
from snakeval.schemas.model import RESPONSES, SCORES
from snakeval.schemas.task import REQUESTS

LEAST = 20  # documents; of fewer a share says little
MUCH = 0.5  # the share of an answer that counts as frequent
MORE = 0.2  # by how much it must exceed the share of the most frequent right answer
CLUSTERS = 40  # at most so many are shown
MEMBERS = 5  # documents of a cluster on average, at least

Files = Mapping[tuple[str, str], Path]  # (model, benchmark) -> file
Answers = Mapping[tuple[str, int], tuple[str | None, int]]
"""(task, doc_id) -> the right answer (of choices: its place), and the number of choices."""
Given = Mapping[str, Mapping[str, Sequence[float]]]  # cluster -> model -> scores


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

    benchmark: str
    task: str
    names: list[str]
    sizes: list[int]
    means: dict[str, list[float | None]]  # model -> one per cluster


@dataclass(frozen=True)
class Variety:
    """The frequent answers, most frequent first, and the tasks with clusters."""

    frequent: list[Frequent]
    clustered: list[Clustered]


def measure(
    models: Sequence[str],
    requests: Mapping[str, Path],
    responses: Files,
    scores: Files,
    leading: Mapping[tuple[str, str], tuple[str, str]],
) -> Variety:
    """From the values of each task's leading metric.

    `leading`: (benchmark, task) -> filter, metric.
    """
    frequent: list[Frequent] = []
    clustered: list[Clustered] = []
    for benchmark, file in requests.items():
        right = _right_answers(file)
        lead = {task: key for (of, task), key in leading.items() if of == benchmark}
        by_cluster: dict[str, dict[str, dict[str, list[float]]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(list))
        )
        for model in models:
            if (model, benchmark) not in scores:
                continue
            chosen = _chosen(responses[model, benchmark], right)
            given: dict[str, Counter] = defaultdict(Counter)
            for line in _lines(scores[model, benchmark], lead):
                task, cluster, value = line["task"], line["cluster"], line["value"]
                answer = chosen.get((task, line["doc_id"]), line["prediction"])
                if answer is not None:
                    given[task][answer] += 1
                if cluster is not None and value is not None:
                    by_cluster[task][cluster][model].append(value)
            for task, counts in given.items():
                if each := frequent_answer(model, benchmark, task, counts, right):
                    frequent.append(each)
        for task, own in by_cluster.items():
            if found := cluster_means(benchmark, task, own, models):
                clustered.append(found)
    return Variety(sorted(frequent, key=lambda each: -each.share), clustered)


def frequent_answer(
    model: str, benchmark: str, task: str, counts: Counter, right: Answers
) -> Frequent | None:
    """The answer that `counts` holds most often; None where it is not frequent, or often right."""
    n = counts.total()
    references = Counter(
        answer for (of, _), (answer, _) in right.items() if of == task and answer is not None
    )
    if n < LEAST or not references:
        return None
    answer, count = counts.most_common(1)[0]
    usual = references.most_common(1)[0][1] / references.total()
    if count / n < MUCH or count / n < usual + MORE:
        return None
    return Frequent(model, benchmark, task, answer, count / n, usual, n)


def cluster_means(
    benchmark: str, task: str, scores: Given, models: Sequence[str]
) -> Clustered | None:
    """The mean of every model on every cluster; None where clusters are too many or too small."""
    sizes = {name: max(map(len, own.values())) for name, own in scores.items()}
    if not 2 <= len(sizes) <= CLUSTERS or sum(sizes.values()) < MEMBERS * len(sizes):
        return None
    names = sorted(sizes)
    means = {
        model: [sum(v) / len(v) if (v := scores[name].get(model)) else None for name in names]
        for model in models
    }
    return Clustered(benchmark, task, names, [sizes[name] for name in names], means)


def _lines(path: Path, leading: Mapping[str, tuple[str, str]]) -> list[dict]:
    """The documents' scores by the leading metric of their task."""
    columns = ["task", "doc_id", "filter", "metric", "value", "prediction", "cluster"]
    lines = parquet.read(path, SCORES, columns).to_pylist()
    return [line for line in lines if leading.get(line["task"]) == (line["filter"], line["metric"])]


def _right_answers(path: Path) -> dict[tuple[str, int], tuple[str | None, int]]:
    columns = ["task", "doc_id", "choices", "gold", "references"]
    found = {}
    for line in parquet.read(path, REQUESTS, columns).to_pylist():
        answer = next(iter(line["references"]), None)
        if line["choices"] and line["gold"]:
            answer = f"choice {line['gold'][0] + 1}"
        found[line["task"], line["doc_id"]] = (answer, len(line["choices"]))
    return found


def _chosen(path: Path, right: Answers) -> dict[tuple[str, int], str]:
    """The place of the likeliest choice, by document."""
    found = {}
    for line in parquet.read(path, RESPONSES, ["task", "doc_id", "loglikelihoods"]).to_pylist():
        key = line["task"], line["doc_id"]
        own = line["loglikelihoods"][: right.get(key, (None, 0))[1]]
        if own:
            found[key] = f"choice {own.index(max(own)) + 1}"
    return found

"""What could make a score mean less than it seems, from the tables of the run."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from snakeval.report import charts, cost
from snakeval.report.cost import Cost
from snakeval.report.view import Run, View
from snakeval.schemas.model import FORECAST, NUMERICS
from snakeval.schemas.run import HEALTH, PREFLIGHT

ISSUES = {  # column of HEALTH -> (heading, what it means, filter of the samples)
    "truncated": (
        "prompt cut",
        "the prompt was longer than the model reads; its beginning was cut",
        "truncated",
    ),
    "dropped_shots": (
        "examples dropped",
        "few-shot examples were left out so that the prompt fits",
        "dropped",
    ),
    "cut_answers": (
        "answer cut",
        "the answer reached the limit of new tokens before it ended",
        "cut",
    ),
    "empty_answers": ("empty answer", "the answer holds no text", "empty"),
    "extraction_failed": (
        "not extracted",
        "a filter found no answer in the text; it was scored as wrong",
        "unextracted",
    ),
    "refusals": (
        "refused",
        "the first words of the answer decline to answer, in one of the usual phrases of English",
        "refused",
    ),
    "repeating": (
        "repeats itself",
        "the answer ends in the same text over and over, at least four times",
        "repeating",
    ),
    "missing": (
        "no answer",
        "the recorded answers have none for the document; it was not scored",
        "all",
    ),
    "surplus": (
        "surplus",
        "recorded answers that belong to no document of the task; they were left out",
        "all",
    ),
}
SHOWN = 12  # lines of a table before the rest is folded away
COUNTS = ("documents", "loglikelihoods", "decisions", "flipped_decisions", "texts", "changed_texts")


@dataclass(frozen=True)
class Finding:
    """What preflight found in the same way in several tasks of a benchmark."""

    severity: str
    model: str | None  # None: any model
    benchmark: str
    tasks: list[str]
    check: str
    documents: int
    of: int
    example: int | None  # document of the first task
    message: str


@dataclass(frozen=True)
class Batches:
    """What batches changed for one model, over the documents that were also computed alone."""

    model: str
    documents: int
    loglikelihoods: int
    largest_change: float | None
    decisions: int
    flipped_decisions: int
    texts: int
    changed_texts: int


@dataclass(frozen=True)
class Outcome:
    """The forecast of one model, and what it cost."""

    model: str
    requests: int
    forecast_tokens: int
    memory_bytes: int | None
    seconds: float | None
    took: Cost


def content(
    run: Run, *, health: Path, preflight: Path, numerics: Path, forecast: Path, efficiency: Path
) -> dict:
    found = run.lines(preflight, PREFLIGHT)
    changes = run.lines(numerics, NUMERICS)
    costs = cost.of_models(run, efficiency)
    forecasts = outcomes(run.lines(forecast, FORECAST), costs)
    return {
        "health": documents(run.lines(health, HEALTH), run.models),
        "most": SHOWN,
        "findings": findings(found),
        "findings_csv": findings_csv(found),
        "costs": costs,
        "costs_csv": cost.csv(run, efficiency),
        "batches": batches(changes, run.models),
        "batches_csv": charts.table_csv(changes),
        "outcomes": forecasts,
        "outcomes_csv": outcomes_csv(forecasts),
    }


def documents(table: list[dict], models: list[str]) -> dict:
    """HEALTH rows, per model and per task.

    {"totals": (model, counts) each; "lines": the pairs of model and task with an issue, worst
    first; "clean": number of pairs without; "issues": the columns that hold anything, and "heads",
    their headings; "absent": headings of the others; "csv": the table}.
    """
    totals: dict[str, dict[str, int]] = {model: defaultdict(int) for model in models}
    for line in table:
        for name in ("n", *ISSUES):
            totals[line["model"]][name] += line[name]

    def worst_first(line: dict) -> tuple:
        share = max(line[name] / max(line["n"], 1) for name in ISSUES)
        return -share, line["model"], line["benchmark"], line["task"]

    odd = sorted((line for line in table if any(line[name] for name in ISSUES)), key=worst_first)
    present = [name for name in ISSUES if any(counts[name] for counts in totals.values())]
    header = ("model", "benchmark", "task", "n", *ISSUES)
    return {
        "totals": [
            (model, {name: totals[model][name] for name in ("n", *ISSUES)}) for model in models
        ],
        "lines": odd,
        "clean": len(table) - len(odd),
        "issues": {name: ISSUES[name] for name in present},
        "heads": [f"#{ISSUES[name][0]}" for name in present],
        "absent": [ISSUES[name][0] for name in ISSUES if name not in present],
        "csv": charts.csv(header, [[line[name] for name in header] for line in table]),
    }


def findings(table: list[dict]) -> list[Finding]:
    """PREFLIGHT rows; those with the same message about a benchmark are one."""
    groups: dict[tuple, list[dict]] = {}
    shared = ("severity", "model", "benchmark", "check", "message")
    for line in table:
        groups.setdefault(tuple(line[name] for name in shared), []).append(line)
    return [
        Finding(
            **dict(zip(shared, key, strict=True)),
            tasks=[line["task"] for line in lines],
            documents=sum(line["documents"] for line in lines),
            of=sum(line["of"] for line in lines),
            example=lines[0]["example"],
        )
        for key, lines in groups.items()
    ]


def findings_csv(table: list[dict]) -> str:
    known = ("severity", "model", "benchmark", "task", "check", "documents", "of", "example")
    header = (*known, "message")
    return charts.csv(header, [[line[name] for name in header] for line in table])


def batches(table: list[dict], models: list[str]) -> list[Batches]:
    """NUMERICS rows, summed over benchmarks."""
    found = []
    for model in models:
        if own := [line for line in table if line["model"] == model]:
            changes = [line["largest_change"] for line in own]
            largest = max((change for change in changes if change is not None), default=None)
            counts = {name: sum(line[name] for line in own) for name in COUNTS}
            found.append(Batches(model, largest_change=largest, **counts))
    return found


def outcomes(forecast: list[dict], costs: list[Cost]) -> list[Outcome]:
    """FORECAST rows, summed over benchmarks, with what the models cost."""
    found = []
    for took in costs:
        if own := [line for line in forecast if line["model"] == took.model]:
            seconds = [line["seconds"] for line in own]
            memory = [line["memory_bytes"] for line in own]
            outcome = Outcome(
                took.model,
                sum(line["requests"] for line in own),
                sum(line["prompt_tokens"] for line in own),
                None if None in memory else max(memory),
                None if None in seconds else sum(seconds),
                took,
            )
            found.append(outcome)
    return found


def outcomes_csv(found: list[Outcome]) -> str:
    columns = {
        "model": lambda o: o.model,
        "requests": lambda o: o.requests,
        "forecast_prompt_tokens": lambda o: o.forecast_tokens,
        "forecast_bytes": lambda o: o.memory_bytes,
        "peak_bytes": lambda o: o.took.peak_bytes,
        "forecast_seconds": lambda o: o.seconds,
        "seconds": lambda o: o.took.seconds,
        "from_store": lambda o: o.took.from_store,
    }
    return charts.csv(tuple(columns), [[value(o) for value in columns.values()] for o in found])


VIEW = View(
    "Health",
    "Checks",
    70,
    content,
    reads=("health", "preflight", "numerics", "forecast", "efficiency"),
)

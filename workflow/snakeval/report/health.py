"""What could make a score mean less than it says, from the tables of the run: documents, findings of preflight, batches, the forecast."""

from collections import defaultdict
from dataclasses import dataclass

from snakeval.report import charts
from snakeval.report.cost import Cost

ISSUES = {  # column of the health table -> (heading, what it means, filter of the sample browser)
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
        "the recorded answers hold none to the document; it was not scored",
        "all",
    ),
    "surplus": (
        "surplus",
        "recorded answers that belong to no document of the task; they were left out",
        "all",
    ),
}
SHOWN = 12  # lines of a table before the rest is folded away


@dataclass(frozen=True)
class Finding:
    """What preflight found in the same way in several tasks of a benchmark."""

    severity: str
    model: str | None  # None: whatever model answers
    benchmark: str
    tasks: list[str]
    check: str
    documents: int
    of: int
    example: int | None  # document of the first task
    message: str


@dataclass(frozen=True)
class Batches:
    """What batches changed for one model, over the documents that were asked again alone."""

    model: str
    documents: int
    loglikelihoods: int
    largest_change: float | None
    decisions: int
    flipped_decisions: int
    texts: int
    changed_texts: int

    @property
    def changed(self) -> bool:
        return bool(self.flipped_decisions or self.changed_texts)


@dataclass(frozen=True)
class Outcome:
    """The forecast of one model, and what came of it."""

    model: str
    requests: int
    forecast_tokens: int
    memory_bytes: int | None
    seconds: float | None
    took: Cost


def documents(table: list[dict], models: list[str]) -> dict:
    """{"totals": (model, counts) each, "lines": the (model, task) pairs with something to look at, worst first, "clean": pairs without,
    "issues": the columns that hold anything, "absent": headings of the others, "csv": the table}."""
    totals: dict[str, dict[str, int]] = {model: defaultdict(int) for model in models}
    for line in table:
        for name in ("n", *ISSUES):
            totals[line["model"]][name] += line[name]
    odd = [line for line in table if any(line[name] for name in ISSUES)]
    odd.sort(
        key=lambda line: (
            -max(line[name] / max(line["n"], 1) for name in ISSUES),
            line["model"],
            line["benchmark"],
            line["task"],
        )
    )
    present = [name for name in ISSUES if any(counts[name] for counts in totals.values())]
    header = ("model", "benchmark", "task", "n", *ISSUES)
    return {
        "totals": [
            (model, {name: totals[model][name] for name in ("n", *ISSUES)}) for model in models
        ],
        "lines": odd,
        "clean": len(table) - len(odd),
        "issues": {name: ISSUES[name] for name in present},
        "absent": [ISSUES[name][0] for name in ISSUES if name not in present],
        "csv": charts.csv(header, [[line[name] for name in header] for line in table]),
    }


def findings(table: list[dict]) -> list[Finding]:
    """PREFLIGHT rows, those that say the same of a benchmark as one; errors first."""
    groups: dict[tuple, list[dict]] = {}
    for line in table:
        groups.setdefault(
            tuple(line[name] for name in ("severity", "model", "benchmark", "check", "message")), []
        ).append(line)
    return [
        Finding(
            severity,
            model,
            benchmark,
            [line["task"] for line in lines],
            check,
            sum(line["documents"] for line in lines),
            sum(line["of"] for line in lines),
            lines[0]["example"],
            message,
        )
        for (severity, model, benchmark, check, message), lines in groups.items()
    ]


def findings_csv(table: list[dict]) -> str:
    header = (
        "severity",
        "model",
        "benchmark",
        "task",
        "check",
        "documents",
        "of",
        "example",
        "message",
    )
    return charts.csv(header, [[line[name] for name in header] for line in table])


def batches(table: list[dict], models: list[str]) -> list[Batches]:
    """NUMERICS rows, summed over benchmarks."""
    counts = (
        "documents",
        "loglikelihoods",
        "decisions",
        "flipped_decisions",
        "texts",
        "changed_texts",
    )
    found = []
    for model in models:
        if own := [line for line in table if line["model"] == model]:
            largest = max(
                (line["largest_change"] for line in own if line["largest_change"] is not None),
                default=None,
            )
            found.append(
                Batches(
                    model,
                    largest_change=largest,
                    **{name: sum(line[name] for line in own) for name in counts},
                )
            )
    return found


def outcomes(forecast: list[dict], costs: list[Cost]) -> list[Outcome]:
    """FORECAST rows, summed over benchmarks, with what the models took."""
    found = []
    for took in costs:
        if own := [line for line in forecast if line["model"] == took.model]:
            seconds = [line["seconds"] for line in own]
            memory = [line["memory_bytes"] for line in own]
            found.append(
                Outcome(
                    took.model,
                    sum(line["requests"] for line in own),
                    sum(line["prompt_tokens"] for line in own),
                    None if None in memory else max(memory),
                    None if None in seconds else sum(seconds),
                    took,
                )
            )
    return found


def outcomes_csv(found: list[Outcome]) -> str:
    header = (
        "model",
        "requests",
        "forecast_prompt_tokens",
        "forecast_bytes",
        "peak_bytes",
        "forecast_seconds",
        "seconds",
        "from_store",
    )
    lines = [
        (
            o.model,
            o.requests,
            o.forecast_tokens,
            o.memory_bytes,
            o.took.peak_bytes,
            o.seconds,
            o.took.seconds,
            o.took.from_store,
        )
        for o in found
    ]
    return charts.csv(header, lines)

"""Every model against a baseline, document by document: is it worse by more than is acceptable?

A non-inferiority test (Piaggio et al. 2012, JAMA 308:2594-2604). A model passes a task when the
interval of its loss, one-sided at `alpha`, excludes a loss of `margin` or more. All tasks must
pass, so the tests are not adjusted for their number: a model that lost as much as the margin
anywhere passes everywhere with probability alpha at most (Berger 1982, Technometrics 24:295-300).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import stats

from snakeval.analysis import comparisons, differences, flips, lines, markdown
from snakeval.analysis.differences import Comparison
from snakeval.analysis.lines import Line
from snakeval.analysis.stage import GateSettings
from snakeval.errors import UserError
from snakeval.files import benchmark_files, parquet
from snakeval.files.layout import Layout
from snakeval.schemas.run import FLIPS, GATE
from snakeval.schemas.task import REQUESTS
from snakeval.statistics.intervals import none_if_not_finite

MARGIN = 0.02
MOST_NEEDED = 1e7  # documents; where more are needed, the loss is practically the margin
PASSED, SAME, WORSE, UNDECIDED, NEW = "passed", "same", "worse", "undecided", "new"
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class _Pair:
    """The same model in two runs, or two models of one run, on one benchmark."""

    model: str
    benchmark: str
    now: Path  # SCORES
    before: Path | None
    requests: Path
    kept: dict[str, np.ndarray] | None  # task -> doc_id of unchanged documents
    changed: dict[str, int]  # task -> number of changed documents


def build(results: Path, settings: GateSettings) -> tuple[pa.Table, pa.Table]:
    """GATE and FLIPS of the run in `results`.

    `settings`: those of `leaderboard.build`, and `baseline` (a model of the run, or the folder of
    an earlier one), `margin`, `alpha`. Documents whose content changed since the baseline are
    counted and left out. Raises UserError for a baseline that does not exist.
    """
    verdicts: Rows = []
    flipped: Rows = []
    for pair in _pairs(results, settings):
        where = {"model": pair.model, "benchmark": pair.benchmark}
        if pair.before is None or pair.kept is None:
            row = _row(pair.model, pair.benchmark, pair.benchmark, (None, None), settings)
            verdicts.append(row | _new(settings))
            continue
        files = {"now": pair.now, "before": pair.before}
        found = lines.of_benchmark(pair.benchmark, files, pair.requests, settings, pair.kept)
        primary = {line.task: line for line in found if line.primary}
        for line in primary.values():
            if line.constants["parent"] is None or line.task in settings.margin:
                changed = sum(pair.changed.get(task, 0) for task in line.members)
                row = _compared(pair.model, pair.benchmark, line, settings)
                verdicts.append(row | {"changed": changed})
        leaves = {
            (line.task, *line.key): line.higher_is_better
            for line in primary.values()
            if not line.is_group
        }
        flipped += [where | row for row in flips.find(pair.now, pair.before, leaves, pair.kept)]
    return pa.Table.from_pylist(verdicts, GATE), pa.Table.from_pylist(flipped, FLIPS)


def check(table: pa.Table, settings: GateSettings) -> None:
    """Raise UserError that names each model and task that got worse.

    With `undecided: fail` it also names those that may have got worse.
    """
    failing = (WORSE, UNDECIDED) if settings.undecided == "fail" else (WORSE,)
    failed = [row for row in table.to_pylist() if row["verdict"] in failing]
    if failed:
        baseline = settings.baseline
        head = f"{len(failed)} of {table.num_rows} comparisons with {baseline} fail the gate"
        reasons = [
            f"{row['model']}, {row['task']}: {row['verdict']}: {row['reason']}" for row in failed
        ]
        raise UserError("\n".join([head, *reasons]))


def summary(table: pa.Table, flipped: pa.Table) -> str:
    """GATE and FLIPS as Markdown, with the first flipped documents of each model and task."""
    head = ("model", "task", "metric", "n", "before", "now", "loss", "at most", "margin")
    rows = [
        (
            row["model"],
            row["task"],
            row["metric"] or "–",
            f"{row['n']:,}",
            *(_number(row[name]) for name in ("before", "now", "loss", "loss_high")),
            f"{row['margin']:g}",
            row["verdict"],
            row["reason"] or "",
        )
        for row in table.to_pylist()
    ]
    text = markdown.table((*head, "verdict", "why"), rows, head[3:])
    note = (
        "loss: positive is worse, of perplexities of the logarithm; "
        "at most: the end of its one-sided interval."
    )
    parts = [text if rows else "Nothing to compare.", note, *flips.sentences(flipped.to_pylist())]
    return "\n\n".join(parts) + "\n"


def unchanged(now: Path, before: Path) -> tuple[dict[str, np.ndarray] | None, dict[str, int]]:
    """The documents that are the same in two files of requests: task -> doc_id.

    The second value counts the others: task -> number. (None, {}) without an earlier file.
    """
    if not before.exists():
        return None, {}
    earlier = {(row["task"], row["doc_id"]): row["document"] for row in _documents(before)}
    kept: dict[str, list[int]] = {}
    changed: dict[str, int] = {}
    for row in _documents(now):
        own = kept.setdefault(row["task"], [])
        same = earlier.get((row["task"], row["doc_id"]))
        if same == row["document"] or (same is not None and _equal_json(same, row["document"])):
            own.append(row["doc_id"])
        else:
            changed[row["task"]] = changed.get(row["task"], 0) + 1
    return {task: np.array(numbers, dtype=np.int64) for task, numbers in kept.items()}, changed


def _pairs(results: Path, settings: GateSettings) -> Iterator[_Pair]:
    """The models of the run with what they are compared with, benchmark by benchmark."""
    baseline = settings.baseline
    if baseline is None:
        raise UserError(
            "baseline: not set. Name a model, or the results folder of an earlier run: "
            "snakemake gate --config baseline=FOLDER"
        )
    earlier = None if baseline in settings.models else _earlier(results, baseline)
    before_results = results if earlier is None else earlier
    for benchmark in settings.benchmarks:
        requests, before_requests = (
            Path(Layout(str(folder)).requests(benchmark)) for folder in (results, before_results)
        )
        kept, changed = unchanged(requests, before_requests)
        for model in settings.models:
            if model == baseline:
                continue
            before_model = baseline if earlier is None else model
            before = _scores(before_results, before_model, benchmark)
            now = _scores(results, model, benchmark)
            if now is None:
                raise UserError(
                    f"{results}: no scores of {model}, {benchmark}. Run snakemake first."
                )
            yield _Pair(model, benchmark, now, before, requests, kept, changed)


def _earlier(results: Path, baseline: str) -> Path:
    """The folder of the earlier run."""
    earlier = Path(baseline)
    if earlier.resolve() == results.resolve():
        raise UserError(
            f"baseline: {baseline} is the folder of this run. Name the folder of an earlier run."
        )
    if not (earlier / "index" / "scores").is_dir():
        raise UserError(
            f"baseline: {baseline} is neither a model of this run nor a folder with results. "
            "Correct the name."
        )
    return earlier


def _scores(results: Path, model: str, benchmark: str) -> Path | None:
    """The score file of a model and benchmark; None where the run has none."""
    index = Path(Layout(str(results)).index("scores", model))
    if not index.exists() or benchmark not in benchmark_files.digests(index):
        return None
    return benchmark_files.path(index, benchmark)


def _documents(path: Path) -> Rows:
    return parquet.read(path, REQUESTS, ["task", "doc_id", "document"]).to_pylist()


def _equal_json(a: str, b: str) -> bool:
    return json.loads(a) == json.loads(b)


def _row(
    model: str,
    benchmark: str,
    task: str,
    key: tuple[str, str] | tuple[None, None],
    settings: GateSettings,
) -> dict[str, Any]:
    margin = settings.margin.get(task, settings.margin.get("default", MARGIN))
    return {
        "model": model,
        "baseline": settings.baseline,
        "benchmark": benchmark,
        "task": task,
        "filter": key[0],
        "metric": key[1],
        "scale": "score",
        "n": 0,
        "changed": 0,
        "margin": float(margin),
        "alpha": settings.alpha,
        "verdict": "",
        "reason": None,
    }


def _new(settings: GateSettings) -> dict[str, str]:
    return {"verdict": NEW, "reason": f"{settings.baseline} has no scores of it"}


def _compared(model: str, benchmark: str, line: Line, settings: GateSettings) -> dict[str, Any]:
    row = _row(model, benchmark, line.task, line.key, settings) | {"scale": line.scale}
    if not (line.has("now") and line.has("before")):
        return row | _new(settings)
    pair = comparisons.paired(line, "now", "before")
    difference = differences.interval(pair, 1 - 2 * settings.alpha)
    sign = -1.0 if line.higher_is_better else 1.0
    low, high = np.nan, np.nan
    if np.isfinite(difference.low):
        low, high = sorted((sign * difference.low, sign * difference.high))
    loss = sign * difference.value + 0.0  # no negative zero
    verdict, reason = _verdict(
        pair, loss, (low, high), difference.stderr, row["margin"], settings.alpha
    )
    return row | {
        "n": differences.documents(pair),
        "now": none_if_not_finite(sum(s.weight * s.a.score for s in pair)),
        "before": none_if_not_finite(sum(s.weight * s.b.score for s in pair)),
        "loss": none_if_not_finite(loss),
        "loss_low": none_if_not_finite(low),
        "loss_high": none_if_not_finite(high),
        "verdict": verdict,
        "reason": reason,
    }


def _verdict(
    pair: Comparison,
    loss: float,
    interval: tuple[float, float],
    stderr: float,
    margin: float,
    alpha: float,
) -> tuple[str, str | None]:
    """Verdict and reason."""
    n, (low, high) = differences.documents(pair), interval
    if not n:
        return UNDECIDED, "no document is the same in both runs"
    if all(_equal_scores(s.a.data, s.b.data) for s in pair):
        return SAME, "every document scores as before"
    if high < margin:
        return PASSED, "worse, but within the margin" if low > 0 else None
    if low > 0:
        return WORSE, f"a loss of {loss:.4g}, between {low:.4g} and {high:.4g}"
    return UNDECIDED, _undecided(loss, stderr, n, margin, alpha)


def _equal_scores(a: Any, b: Any) -> bool:
    return np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b


def _undecided(loss: float, stderr: float, n: int, margin: float, alpha: float) -> str:
    reason = f"{n:,} documents do not exclude a loss of {margin:g}"
    if not np.isfinite(stderr) or loss >= margin:
        return reason
    needed = n * (stderr * float(stats.norm.isf(alpha)) / (margin - loss)) ** 2
    return f"{reason}; about {needed:,.0f} like these would" if n < needed < MOST_NEEDED else reason


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}" if abs(value) < 100 else f"{value:.4g}"

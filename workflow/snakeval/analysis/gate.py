"""Every model against a baseline, document by document: has it got worse by more than is acceptable?

A non-inferiority test (Piaggio et al. 2012, JAMA 308:2594-2604): a model passes a task when the interval of its loss, one-sided at `alpha`,
excludes a loss of `margin` or more. All tasks must pass, so the tests are not adjusted for their number: that a model which lost as much as
the margin anywhere passes everywhere has at most the chance alpha (Berger 1982, Technometrics 24:295-300).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import stats

from snakeval.analysis import differences, leaderboard, markdown
from snakeval.analysis.leaderboard import Line
from snakeval.analysis.stage import GateSettings
from snakeval.errors import UserError
from snakeval.files import benchmark_files, parquet
from snakeval.schemas.model import SCORES
from snakeval.schemas.run import FLIPS, GATE
from snakeval.schemas.task import REQUESTS
from snakeval.statistics.intervals import known

MARGIN = 0.02
FLIPS_SHOWN = 10
MOST_NEEDED = 1e7  # documents to ask for; where more would be needed, the loss lies at the margin
PASSED, SAME, WORSE, UNDECIDED, NEW = "passed", "same", "worse", "undecided", "new"


def build(results: Path, settings: GateSettings) -> tuple[pa.Table, pa.Table]:
    """GATE and FLIPS of the run in `results`.

    `settings`: those of `leaderboard.build`, and `baseline` (a model of the run, or the folder of an earlier one), `margin`, `alpha`.
    Documents whose content changed since are counted and left out. Raises UserError for a baseline that is not there.
    """
    baseline = settings.baseline
    if baseline is None:
        raise UserError(
            "baseline: not set; name a model, or the results folder of an earlier run: snakemake gate --config baseline=FOLDER"
        )
    earlier = None if baseline in settings.models else Path(baseline)
    if earlier is not None and earlier.resolve() == results.resolve():
        raise UserError(
            f"baseline: {baseline} is the folder of this run; name that of an earlier one"
        )
    if earlier is not None and not (earlier / "index" / "scores").is_dir():
        raise UserError(
            f"baseline: {baseline} is neither a model of this run nor a folder with results; correct the name"
        )
    rows: list[dict[str, Any]] = []
    flips: list[dict[str, Any]] = []
    for benchmark in settings.benchmarks:
        requests = results / "requests" / f"{benchmark}.parquet"
        kept, changed = unchanged(
            requests, requests if earlier is None else earlier / "requests" / f"{benchmark}.parquet"
        )
        for model in settings.models:
            if model == baseline:
                continue
            before = _scores(
                results if earlier is None else earlier,
                baseline if earlier is None else model,
                benchmark,
            )
            now = _scores(results, model, benchmark)
            if now is None:
                raise UserError(
                    f"{results}: no scores of {model}, {benchmark}; run snakemake first"
                )
            if before is None or kept is None:
                rows.append(
                    _row(model, benchmark, benchmark, None, None, settings)
                    | {"verdict": NEW, "reason": f"{baseline} has no scores of it"}
                )
                continue
            found = list(
                leaderboard.lines(
                    benchmark, {"now": now, "before": before}, requests, settings, kept
                )
            )
            primary = {line.task: line for line in found if line.primary}
            for line in primary.values():
                if line.constants["parent"] is None or line.task in settings.margin:
                    own = {"changed": sum(changed.get(task, 0) for task in line.members)}
                    rows.append(_compared(model, benchmark, line, settings) | own)
            leaves = {
                (line.task, *line.key): line.higher_is_better
                for line in primary.values()
                if not line.is_group
            }
            flips += [
                {"model": model, "benchmark": benchmark, **flip}
                for flip in _flips(now, before, leaves, kept)
            ]
    return pa.Table.from_pylist(rows, GATE), pa.Table.from_pylist(flips, FLIPS)


def check(table: pa.Table, settings: GateSettings) -> None:
    """Raises UserError that names each model and task that got worse, or may have where `undecided` is fail."""
    failing = (WORSE, UNDECIDED) if settings.undecided == "fail" else (WORSE,)
    failed = [row for row in table.to_pylist() if row["verdict"] in failing]
    if failed:
        lines = [
            f"{row['model']}, {row['task']}: {row['verdict']}: {row['reason']}" for row in failed
        ]
        raise UserError(
            "\n".join(
                [
                    f"{len(failed)} of {table.num_rows} comparisons with {settings.baseline} fail the gate",
                    *lines,
                ]
            )
        )


def summary(table: pa.Table, flips: pa.Table) -> str:
    """Both as Markdown; of the flipped documents the first of each model and task."""
    lines = [
        (
            row["model"],
            row["task"],
            row["metric"] or "–",
            f"{row['n']:,}",
            _number(row["before"]),
            _number(row["now"]),
            _number(row["loss"]),
            _number(row["loss_high"]),
            f"{row['margin']:g}",
            row["verdict"],
            row["reason"] or "",
        )
        for row in table.to_pylist()
    ]
    head = (
        "model",
        "task",
        "metric",
        "n",
        "before",
        "now",
        "loss",
        "at most",
        "margin",
        "verdict",
        "why",
    )
    parts = [markdown.table(head, lines, head[3:9]) if lines else "Nothing to compare."]
    parts.append(
        "loss: positive is worse, of perplexities of the logarithm; at most: the end of its one-sided interval."
    )
    flipped: dict[tuple[str, str], list[dict]] = {}
    for flip in flips.to_pylist():
        flipped.setdefault((flip["model"], flip["task"]), []).append(flip)
    for (model, task), own in flipped.items():
        worse = [flip for flip in own if flip["worse"]]
        shown = ", ".join(
            f"{flip['doc_id']} ({flip['before']:g} → {flip['now']:g})"
            for flip in worse[:FLIPS_SHOWN]
        )
        more = (
            f" and {len(worse) - FLIPS_SHOWN} more, in tables/flips.parquet"
            if len(worse) > FLIPS_SHOWN
            else ""
        )
        parts.append(
            f"{model}, {task}: {len(worse)} documents worse, {len(own) - len(worse)} better. Worse: {shown or 'none'}{more}."
        )
    return "\n\n".join(parts) + "\n"


def unchanged(now: Path, before: Path) -> tuple[dict[str, np.ndarray] | None, dict[str, int]]:
    """Task -> numbers of the documents that are the same in both files of requests, and how many are not; None without an earlier file."""
    if not before.exists():
        return None, {}
    earlier = {(row["task"], row["doc_id"]): row["document"] for row in _documents(before)}
    kept: dict[str, list[int]] = {}
    changed: dict[str, int] = {}
    for row in _documents(now):
        own = kept.setdefault(row["task"], [])
        same = earlier.get((row["task"], row["doc_id"]))
        if same == row["document"] or (
            same is not None and json.loads(same) == json.loads(row["document"])
        ):
            own.append(row["doc_id"])
        else:
            changed[row["task"]] = changed.get(row["task"], 0) + 1
    return {task: np.array(numbers, dtype=np.int64) for task, numbers in kept.items()}, changed


def _scores(results: Path, model: str, benchmark: str) -> Path | None:
    """The score file of a model and benchmark; None where the run has none."""
    index = results / "index" / "scores" / f"{model}.parquet"
    if not index.exists() or benchmark not in benchmark_files.digests(index):
        return None
    return benchmark_files.path(index, benchmark)


def _documents(path: Path) -> list[dict[str, Any]]:
    return parquet.read(path, REQUESTS, ["task", "doc_id", "document"]).to_pylist()


def _row(
    model: str,
    benchmark: str,
    task: str,
    name: str | None,
    metric: str | None,
    settings: GateSettings,
) -> dict[str, Any]:
    margin = settings.margin.get(task, settings.margin.get("default", MARGIN))
    where = {
        "model": model,
        "baseline": settings.baseline,
        "benchmark": benchmark,
        "task": task,
        "filter": name,
        "metric": metric,
    }
    return where | {
        "scale": "score",
        "n": 0,
        "changed": 0,
        "margin": float(margin),
        "alpha": settings.alpha,
        "verdict": "",
        "reason": None,
    }


def _compared(model: str, benchmark: str, line: Line, settings: GateSettings) -> dict[str, Any]:
    row = _row(model, benchmark, line.task, *line.key, settings) | {"scale": line.scale}
    if not all({"now", "before"} <= set(stratum) for stratum in line.strata):
        return row | {"verdict": NEW, "reason": f"{settings.baseline} has no scores of it"}
    pair = leaderboard.compared(line, "now", "before")
    n = differences.documents(pair)
    difference = differences.interval(pair, 1 - 2 * settings.alpha)
    sign = -1.0 if line.higher_is_better else 1.0
    low, high = (
        sorted((sign * difference.low, sign * difference.high))
        if np.isfinite(difference.low)
        else (np.nan, np.nan)
    )
    loss, margin = sign * difference.value + 0.0, row["margin"]  # no negative zero
    now, before = (sum(s.weight * getattr(s, side).score for s in pair) for side in ("a", "b"))
    row |= {
        "n": n,
        "now": known(now),
        "before": known(before),
        "loss": known(loss),
        "loss_low": known(low),
        "loss_high": known(high),
    }
    if not n:
        return row | {"verdict": UNDECIDED, "reason": "no document is the same in both runs"}
    if all(_equal(s.a.data, s.b.data) for s in pair):
        return row | {"verdict": SAME, "reason": "every document scores as before"}
    if high < margin:
        return row | {
            "verdict": PASSED,
            "reason": "worse, but within the margin" if low > 0 else None,
        }
    if low > 0:
        return row | {
            "verdict": WORSE,
            "reason": f"a loss of {loss:.4g}, between {low:.4g} and {high:.4g}",
        }
    return row | {
        "verdict": UNDECIDED,
        "reason": _undecided(loss, difference.stderr, n, margin, settings.alpha),
    }


def _equal(a: Any, b: Any) -> bool:
    return np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b


def _undecided(loss: float, stderr: float, n: int, margin: float, alpha: float) -> str:
    said = f"{n:,} documents do not exclude a loss of {margin:g}"
    if not np.isfinite(stderr) or loss >= margin:
        return said
    needed = n * (stderr * float(stats.norm.isf(alpha)) / (margin - loss)) ** 2
    return f"{said}; about {needed:,.0f} like these would" if n < needed < MOST_NEEDED else said


def _flips(
    now: Path,
    before: Path,
    leaves: Mapping[tuple[str, str, str], bool],
    kept: Mapping[str, np.ndarray],
) -> Iterator[dict[str, Any]]:
    """Documents whose own score by the leading metric of their task is another than before."""
    earlier = dict(_values(before, leaves))
    for key, row in _values(now, leaves):
        same = earlier.get(key)
        task, name, metric, document = key
        if same is None or document not in kept.get(task, ()) or row["value"] == same["value"]:
            continue
        yield {
            "task": task,
            "filter": name,
            "metric": metric,
            "doc_id": document,
            "before": same["value"],
            "now": row["value"],
            "worse": (row["value"] < same["value"]) == leaves[task, name, metric],
            "prediction_before": same["prediction"],
            "prediction_now": row["prediction"],
        }


def _values(
    path: Path, leaves: Mapping[tuple[str, str, str], bool]
) -> Iterator[tuple[tuple[str, str, str, int], dict[str, Any]]]:
    columns = ["task", "filter", "metric", "doc_id", "value", "prediction"]
    for row in parquet.read(path, SCORES, columns).to_pylist():
        if (row["task"], row["filter"], row["metric"]) in leaves and row["value"] is not None:
            yield (row["task"], row["filter"], row["metric"], row["doc_id"]), row


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}" if abs(value) < 100 else f"{value:.4g}"

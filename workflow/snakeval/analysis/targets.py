"""Published figures, and whether a run regenerates them.

A file of targets names what was published, model by model and task by task:

    source: Cobbe et al. 2021, openai/grade-school-math
    percent: true                      # figures are in percent, scores from 0 to 1
    models:
      175b-verification:
        gsm8k: 56.3                    # or {value: 56.3, n: 1319, tolerance: 0.05, metric: …, …}
      "*":
        gsm8k: 50                      # a score that every model should reach

The other keys of a figure are `filter`, `source` and `note`. The Snakefile imports this module, so
it imports no more than YAML and pydantic.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from snakeval.config.types import Number, Whole
from snakeval.errors import UserError
from snakeval.files.yaml_file import read_yaml

ALL = "*"
REGENERATED, DIFFERS = "regenerated", "differs"
OTHER_DOCUMENTS, NO_SCORE = "other documents", "no score"
REACHED, NOT_REACHED = "reached", "not reached"  # of a score that every model should reach

Row = Mapping[str, Any]


class _Defaults(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str | None = None  # where the figure was published
    metric: str | None = None  # None: the task's primary one
    filter: str | None = None  # None: the first that has the metric
    # In the published unit; None: half a unit of the last digit.
    tolerance: Annotated[Number, Field(ge=0)] | None = None
    n: Annotated[Whole, Field(ge=1)] | None = None  # documents of the figure; None: unknown
    percent: bool = False


class _Figure(_Defaults):
    value: Any  # a number, or the text of one, which shows all its digits
    note: str | None = None


def _figures(value: object) -> list:
    items = value if isinstance(value, list) else [value]
    return [item if isinstance(item, Mapping) else {"value": item} for item in items]


class _File(_Defaults):
    models: dict[str, dict[str, Annotated[list[_Figure], BeforeValidator(_figures)]]]


def read(path: Path) -> list[dict[str, Any]]:
    """The figures of a file as rows.

    Their keys: model, task, metric, filter, target, tolerance, n, percent, source, note. Raises
    UserError with one line for each mistake.
    """
    try:
        file = _File.model_validate(read_yaml(path))
    except ValidationError as error:
        lines = [
            f"{path}: {'.'.join(map(str, detail['loc']))}: {detail['msg'].lower()}"
            for detail in error.errors()
        ]
        raise UserError("\n".join(lines)) from None
    shared = file.model_dump(exclude={"models"})
    rows = []
    for model, tasks in file.models.items():
        for task, figures in tasks.items():
            for figure in figures:
                row = shared | {"note": None} | figure.model_dump(exclude_unset=True)
                published = _decimal(row.pop("value"), f"{path}: models.{model}.{task}")
                if row["tolerance"] is None:
                    last_digit = int(published.as_tuple().exponent)
                    row["tolerance"] = float(Decimal(5).scaleb(last_digit - 1))
                rows.append({"model": model, "task": task, "target": float(published)} | row)
    return rows


def compare(
    targets: Iterable[Row],
    scores: Sequence[Row],
    models: Sequence[str],
    reasons: Mapping[tuple[str, str], str],
) -> list[dict[str, Any]]:
    """A row of TARGETS for every figure, those of `*` once per model.

    `targets`: rows of `read`. `scores`: rows of SCORE_TABLE. `models`: of the run. `reasons`:
    (model, task) -> why a task has no score, where that is known.
    """
    rows = []
    for target in targets:
        for model in models if target["model"] == ALL else [target["model"]]:
            own = [line for line in scores if line["model"] == model and _means(target, line)]
            line = next((line for line in own if line["primary"]), own[0] if own else None)
            status, reason = _verdict(target, line, model, models, reasons)
            rows.append(_row(target, line) | {"model": model, "status": status, "reason": reason})
    return rows


def in_score_units(rows: Iterable[Row]) -> dict[tuple[str, str, str, str, str], float]:
    """The figures of TARGETS on the scale of the scores; the first of a key counts.

    Key: model, benchmark, task (of the score table, or a benchmark), filter, metric.
    """
    found: dict[tuple[str, str, str, str, str], float] = {}
    for row in rows:
        if row["benchmark"] is not None:
            key = (row["model"], row["benchmark"], row["task"], row["filter"], row["metric"])
            found.setdefault(key, row["target"] / _scale(row))
    return found


def to_reach(targets: Iterable[Row]) -> dict[str, float]:
    """Task -> the score that every model should reach, by its primary metric."""
    return {
        target["task"]: target["target"] / _scale(target)
        for target in targets
        if target["model"] == ALL and target["metric"] is None
    }


def _decimal(value: object, where: str) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite() or math.isinf(float(number)):
        raise UserError(f"{where}: {value!r} is not a number. Write the published figure.")
    return number


def _scale(target: Row) -> float:
    return 100.0 if target["percent"] else 1.0


def _row(target: Row, line: Row | None) -> dict[str, Any]:
    """Columns of TARGETS: the figure, and our line of the score table in the figure's unit."""
    scale = _scale(target)
    nothing = dict.fromkeys(("benchmark", "n", "value", "ci_low", "ci_high"))
    ours: dict[str, Any] = {
        **nothing,
        "filter": target["filter"],
        "metric": target["metric"],
        **(line or {}),
    }
    known = ours["value"] is not None
    return (
        {key: target[key] for key in ("task", "target", "tolerance", "percent", "source", "note")}
        | {key: ours[key] for key in ("benchmark", "filter", "metric", "n")}
        | {
            key: scale * ours[key] if known and ours[key] is not None else None
            for key in ("value", "ci_low", "ci_high")
        }
        | {
            "target_n": target["n"],
            "delta": scale * ours["value"] - target["target"] if known else None,
        }
    )


def _means(target: Row, line: Row) -> bool:
    """Whether a figure is of a line of the score table.

    The name of a figure is that of a task, a group, or a benchmark.
    """
    of_benchmark = target["task"] == line["benchmark"] and line["parent"] is None
    if target["task"] != line["task"] and not of_benchmark:
        return False
    if target["metric"] is None and target["filter"] is None:
        return line["primary"]
    return target["metric"] in (None, line["metric"]) and target["filter"] in (None, line["filter"])


def _verdict(
    target: Row,
    line: Row | None,
    model: str,
    models: Sequence[str],
    reasons: Mapping[tuple[str, str], str],
) -> tuple[str, str]:
    """Status and reason."""
    if line is None or line["value"] is None:
        if model not in models:
            return NO_SCORE, "the run has no such model"
        after = target["filter"] and f"after {target['filter']}"
        measured = " ".join(filter(None, ("by", target["metric"], after)))
        by = "" if measured == "by" else f" {measured}"
        missing = f"the run has no score of {target['task']}{by}"
        return NO_SCORE, reasons.get((model, target["task"])) or missing
    scale = _scale(target)
    delta, tolerance = scale * line["value"] - target["target"], target["tolerance"]
    place = _place(target["target"] / scale, line)
    if target["n"] is not None and target["n"] != line["n"]:
        documents = f"published over {target['n']:,} documents, here {line['n']:,}"
        return OTHER_DOCUMENTS, f"{documents}; {place}"
    if target["model"] == ALL:
        reached = delta >= 0 if line["higher_is_better"] else delta <= 0
        return REACHED if reached else NOT_REACHED, f"{delta:+.4g}; {place}"
    # Scores are sums of floats: equal numbers may differ in their last bits.
    if abs(delta) <= tolerance + 1e-9 * max(1.0, abs(target["target"])):
        return REGENERATED, f"within {tolerance:g}"
    return DIFFERS, f"off by {delta:+.4g}, more than {tolerance:g}; {place}"


def _place(published: float, line: Row) -> str:
    if line["ci_low"] is None or math.isnan(line["ci_low"]):
        return "no interval to compare with"
    inside = line["ci_low"] <= published <= line["ci_high"]
    return f"the figure lies {'inside' if inside else 'outside'} our 95 % interval"

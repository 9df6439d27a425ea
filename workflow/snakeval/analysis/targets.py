"""Published figures, and whether a run regenerates them.

A file of targets names what was published, model by model and task by task:

    source: Cobbe et al. 2021, openai/grade-school-math
    percent: true                      # figures are in percent, scores from 0 to 1
    models:
      175b-verification:
        gsm8k: 56.3                    # or {value: 56.3, n: 1319, tolerance: 0.05, metric: …, filter: …, source: …, note: …}
      "*":
        gsm8k: 50                      # of every model: a score to reach

Imported by the Snakefile: nothing here imports more than YAML and pydantic.
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
REGENERATED, DIFFERS, OTHER_DOCUMENTS, NO_SCORE = (
    "regenerated",
    "differs",
    "other documents",
    "no score",
)
REACHED, NOT_REACHED = "reached", "not reached"  # of a score that every model should reach


class _Defaults(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str | None = None  # where the figure was published
    metric: str | None = None  # None: the task's leading one
    filter: str | None = None  # None: the first that has the metric
    tolerance: Annotated[Number, Field(ge=0)] | None = (
        None  # in the published unit; None: half a unit of the last digit
    )
    n: Annotated[Whole, Field(ge=1)] | None = (
        None  # documents that the figure is over; None: unknown
    )
    percent: bool = False


class _Figure(_Defaults):
    value: Any  # a number, or the text of one, whose digits are told
    note: str | None = None


def _figures(value: object) -> list:
    return [
        item if isinstance(item, Mapping) else {"value": item}
        for item in (value if isinstance(value, list) else [value])
    ]


class _File(_Defaults):
    models: dict[str, dict[str, Annotated[list[_Figure], BeforeValidator(_figures)]]]


def read(path: Path) -> list[dict[str, Any]]:
    """The figures of a file as rows: model, task, metric, filter, target, tolerance, n, percent, source, note.

    Raises UserError with one line for each mistake.
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
                given = figure.model_dump(exclude_unset=True)
                row = shared | {"note": None} | given
                try:
                    published = Decimal(str(row.pop("value")))
                except InvalidOperation:
                    published = Decimal("nan")
                if not published.is_finite() or math.isinf(float(published)):
                    raise UserError(
                        f"{path}: models.{model}.{task}: {given['value']!r} is no number"
                    )
                if row["tolerance"] is None:
                    row["tolerance"] = float(
                        Decimal(5).scaleb(int(published.as_tuple().exponent) - 1)
                    )
                rows.append({"model": model, "task": task, "target": float(published)} | row)
    return rows


def compare(
    targets: Iterable[Mapping[str, Any]],
    scores: Sequence[Mapping[str, Any]],
    models: Sequence[str],
    reasons: Mapping[tuple[str, str], str],
) -> list[dict[str, Any]]:
    """A row of TARGETS for every figure, those of `*` once per model.

    `scores`: SCORE_TABLE as dicts; `reasons`: (model, task) -> why a task has no score, where that is known.
    """
    rows = []
    for target in targets:
        for model in models if target["model"] == ALL else [target["model"]]:
            own = [line for line in scores if line["model"] == model and _means(target, line)]
            line = next((line for line in own if line["primary"]), own[0] if own else None)
            status, reason = _verdict(target, line, model, models, reasons)
            scale = 100.0 if target["percent"] else 1.0
            nothing = {
                "benchmark": None,
                "filter": target["filter"],
                "metric": target["metric"],
                "n": None,
            }
            ours: dict[str, Any] = (
                nothing | {"value": None, "ci_low": None, "ci_high": None} | dict(line or {})
            )
            known = ours["value"] is not None
            rows.append(
                {key: target[key] for key in ("target", "tolerance", "percent", "source", "note")}
                | {key: ours[key] for key in ("benchmark", "filter", "metric", "n")}
                | {
                    "model": model,
                    "task": target["task"],
                    "target_n": target["n"],
                    "status": status,
                    "reason": reason,
                }
                | {
                    key: scale * ours[key] if known and ours[key] is not None else None
                    for key in ("value", "ci_low", "ci_high")
                }
                | {"delta": scale * ours["value"] - target["target"] if known else None}
            )
    return rows


def in_score_units(
    rows: Iterable[Mapping[str, Any]],
) -> dict[tuple[str, str, str, str, str], float]:
    """(model, benchmark, task as in the score table or benchmark, filter, metric) -> the figure, on the scale of the scores; the first counts."""
    found: dict[tuple[str, str, str, str, str], float] = {}
    for row in rows:
        if row["benchmark"] is not None:
            key = (row["model"], row["benchmark"], row["task"], row["filter"], row["metric"])
            found.setdefault(key, row["target"] / (100.0 if row["percent"] else 1.0))
    return found


def to_reach(targets: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Task -> the score that every model should reach, by its leading metric."""
    return {
        target["task"]: target["target"] / (100.0 if target["percent"] else 1.0)
        for target in targets
        if target["model"] == ALL and target["metric"] is None
    }


def _means(target: Mapping[str, Any], line: Mapping[str, Any]) -> bool:
    """Whether a figure is of a line of the score table; a name is that of a task, a group, or a benchmark."""
    if target["task"] != line["task"] and not (
        target["task"] == line["benchmark"] and line["parent"] is None
    ):
        return False
    if target["metric"] is None and target["filter"] is None:
        return line["primary"]
    return target["metric"] in (None, line["metric"]) and target["filter"] in (None, line["filter"])


def _verdict(
    target: Mapping[str, Any],
    line: Mapping[str, Any] | None,
    model: str,
    models: Sequence[str],
    reasons: Mapping[tuple[str, str], str],
) -> tuple[str, str]:
    if line is None or line["value"] is None:
        if model not in models:
            return NO_SCORE, "the run has no such model"
        asked = " ".join(
            filter(None, (target["metric"], target["filter"] and f"after {target['filter']}"))
        )
        return NO_SCORE, reasons.get(
            (model, target["task"])
        ) or f"the run has no score of {target['task']}{f' by {asked}' if asked else ''}"
    scale = 100.0 if target["percent"] else 1.0
    delta = scale * line["value"] - target["target"]
    if target["n"] is not None and target["n"] != line["n"]:
        return (
            OTHER_DOCUMENTS,
            f"published over {target['n']:,} documents, here {line['n']:,}; {_place(target['target'] / scale, line)}",
        )
    if target["model"] == ALL:
        reached = delta >= 0 if line["higher_is_better"] else delta <= 0
        return (
            REACHED if reached else NOT_REACHED,
            f"{delta:+.4g}; {_place(target['target'] / scale, line)}",
        )
    # scores are sums of floats: what is equal in exact arithmetic may differ in their last bits
    if abs(delta) <= target["tolerance"] + 1e-9 * max(1.0, abs(target["target"])):
        return REGENERATED, f"within {target['tolerance']:g}"
    return (
        DIFFERS,
        f"off by {delta:+.4g}, more than {target['tolerance']:g}; {_place(target['target'] / scale, line)}",
    )


def _place(published: float, line: Mapping[str, Any]) -> str:
    if line["ci_low"] is None or math.isnan(line["ci_low"]):
        return "no interval to compare with"
    inside = line["ci_low"] <= published <= line["ci_high"]
    return f"the figure lies {'inside' if inside else 'outside'} our 95 % interval"

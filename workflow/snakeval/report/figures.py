"""What each figure and table of the page holds, from the tables of the run; the templates only place it."""

from collections import defaultdict
from dataclasses import dataclass

from snakeval.report import charts, text
from snakeval.report.board import Row, Standing
from snakeval.report.quality import FIFTHS, Confidence, Length

ISSUES = {  # column of the health table -> (heading, what it means, filter of the sample browser)
    "truncated": ("prompt cut", "the prompt was longer than the model reads; its beginning was cut", "truncated"),
    "dropped_shots": ("examples dropped", "few-shot examples were left out so that the prompt fits", "dropped"),
    "cut_answers": ("answer cut", "the answer reached the limit of new tokens before it ended", "cut"),
    "empty_answers": ("empty answer", "the answer holds no text", "empty"),
    "extraction_failed": ("not extracted", "a filter found no answer in the text; it was scored as wrong", "unextracted"),
}
LEVELS = 9  # steps of the heat map


@dataclass(frozen=True)
class HeatCell:
    x: float
    y: float
    level: int  # 0 (at chance or below) to LEVELS - 1 (perfect)
    label: str
    title: str


@dataclass(frozen=True)
class Heat:
    """Tasks × models, coloured by the share of the way from chance to a perfect score."""

    width: float
    height: float
    left: float
    top: float
    cell: float
    rows: list[tuple[float, int, str]]  # y, depth, task
    columns: list[tuple[float, str]]
    cells: list[HeatCell]


@dataclass(frozen=True)
class Cost:
    """What one model took, summed over entries."""

    model: str
    engine: str
    device: str
    requests: int
    duplicates: int
    from_store: int
    prompt_tokens: int
    computed_tokens: int
    generated_tokens: int
    load_seconds: float
    seconds: float
    peak_bytes: int | None
    settings: str  # dtype and quantisation, as configured

    @property
    def sent(self) -> int:
        return self.requests - self.duplicates - self.from_store

    @property
    def tokens_per_second(self) -> float | None:
        return (self.computed_tokens + self.generated_tokens) / self.seconds if self.seconds and self.sent else None

    @property
    def seconds_per_thousand(self) -> float | None:
        return 1000 * self.seconds / self.sent if self.seconds and self.sent else None


def standing_chart(standings: list[Standing]) -> charts.Dots:
    """The models' means over tasks."""
    best = standings[0]
    marks = [
        charts.Mark(
            s.model,
            s.mean,
            s.low,
            s.high,
            strong=best.low is not None and s.high is not None and s.high >= best.low,
            note=_interval(s.low, s.high),
        )
        for s in standings
    ]
    return charts.dots(marks, unit="mean score", bounded=True, width=620, note=170)


def task_chart(row: Row) -> charts.Dots:
    """The models' scores on one task, best first."""
    cells = sorted(row.cells.items(), key=lambda item: _order(row, item[1].value))
    marks = [charts.Mark(model, cell.value, cell.low, cell.high, strong=cell.best or cell.tied) for model, cell in cells]
    return charts.dots(marks, unit=row.metric, bounded=row.bounded, reference=row.chance)


def row_csv(rows: list[Row]) -> str:
    """Scores with everything known about them, one line per model."""
    header = (
        "task",
        "filter",
        "metric",
        "model",
        "n",
        "score",
        "ci_low",
        "ci_high",
        "stderr",
        "rank_low",
        "rank_high",
        "chance",
        "ci_method",
    )
    lines = [
        (
            row.task,
            row.filter,
            row.metric,
            model,
            row.n,
            c.value,
            c.low,
            c.high,
            c.stderr,
            c.rank_low,
            c.rank_high,
            row.chance,
            row.ci_method,
        )
        for row in rows
        for model, c in row.cells.items()
    ]
    return charts.csv(header, lines)


def standing_csv(standings: list[Standing]) -> str:
    lines = [(s.model, s.mean, s.low, s.high, s.best, s.rows) for s in standings]
    return charts.csv(("model", "mean", "ci_low", "ci_high", "best_or_tied", "tasks"), lines)


def heat(rows: list[Row], models: list[str]) -> Heat:
    """The leading metric of every task scored from 0 to 1."""
    shown = [row for row in rows if row.primary and row.bounded]
    labels = max((len(text.shortened(row.task, 26)) + 2 * row.depth for row in shown), default=1)
    cell = 46.0 if len(models) <= 16 else 18.0
    left, top = labels * charts.CHARACTER + 8, min(max(len(text.shortened(m, 16)) for m in models), 16) * 4.6 + 14
    cells = []
    for i, row in enumerate(shown):
        floor = row.chance or 0.0
        for j, model in enumerate(models):
            value = row.cells[model].value if model in row.cells else None
            if value is None:
                continue
            level = max(0, min(LEVELS - 1, int(LEVELS * (value - floor) / (1 - floor)))) if floor < 1 else 0
            label = text.number(value, 2) if cell > 40 else ""
            cells.append(HeatCell(left + j * cell, top + i * 18.0, level, label, f"{row.task}, {model}: {text.number(value)}"))
    columns = [(left + (j + 0.5) * cell, model) for j, model in enumerate(models)]
    places = [(top + i * 18.0, row.depth, row.task) for i, row in enumerate(shown)]
    return Heat(left + len(models) * cell + 60, top + 18.0 * len(shown) + 4, left, top, cell, places, columns, cells)


def heat_csv(rows: list[Row]) -> str:
    lines = [(row.task, model, cell.value, row.chance) for row in rows if row.primary and row.bounded for model, cell in row.cells.items()]
    return charts.csv(("task", "model", "value", "chance"), lines)


def health(table: list[dict], models: list[str]) -> dict:
    """{"totals": one line per model, "lines": the (model, task) pairs with something to look at, "csv": the table}."""
    totals: dict[str, dict[str, int]] = {model: defaultdict(int) for model in models}
    for line in table:
        for name in ("n", *ISSUES):
            totals[line["model"]][name] += line[name]
    odd = [line for line in table if any(line[name] for name in ISSUES)]
    odd.sort(key=lambda line: (-max(line[name] / max(line["n"], 1) for name in ISSUES), line["model"], line["entry"], line["task"]))
    header = ("model", "entry", "task", "n", *ISSUES)
    return {
        "totals": [(model, dict(totals[model]) or dict.fromkeys(("n", *ISSUES), 0)) for model in models],
        "lines": odd,
        "clean": len(table) - len(odd),
        "csv": charts.csv(header, [[line[name] for name in header] for line in table]),
    }


def cost(timings: list[dict], standings: list[Standing], provenance: dict) -> dict:
    """{"models": Cost per model in the order of `standings`, "csv": per entry, "csv_models": per model}."""
    configured = {line["model"]: line.get("settings", {}) for line in provenance.get("models", [])}
    lines = []
    for standing in standings:
        own = [line for line in timings if line["model"] == standing.model]
        if not own:
            continue
        counts = ("requests", "duplicates", "from_store", "prompt_tokens", "computed_tokens", "generated_tokens", "load_seconds", "seconds")
        lines.append(
            Cost(
                standing.model,
                engine=_named(own, "engine"),
                device=_named(own, "device"),
                **{name: sum(line[name] for line in own) for name in counts},
                peak_bytes=max((line["peak_bytes"] for line in own if line["peak_bytes"]), default=None),
                settings=", ".join(str(value) for value in configured.get(standing.model, {}).values()),
            )
        )
    header = tuple(timings[0]) if timings else ("model",)
    return {
        "models": lines,
        "csv": charts.csv(header, [[line[name] for name in header] for line in timings]),
    }


def pareto(costs: list[Cost], standings: list[Standing]) -> charts.Scatter | None:
    """Quality against cost; None without two models that have both."""
    known = _priced(costs, standings)
    if len(known) < 2:
        return None
    place, ticks = charts.amounts([price for _, _, price in known])
    marks = [charts.Mark(s.model, s.mean, s.low, s.high) for s, _, _ in known]
    low, high = charts.span(marks, None)
    axis = charts.Axis(low, high, 220, 14)
    label_y = charts.apart([axis(s.mean or 0.0) + 4 for s, _, _ in known], 12)
    points = [
        charts.Point(
            f"{s.model}{f' ({c.settings})' if c.settings else ''}",
            place(price),
            s.mean or 0.0,
            s.low,
            s.high,
            not any((o.mean or 0) >= (s.mean or 0) and other <= price and o is not s for o, _, other in known),
            f"{s.model}: {text.number(s.mean)}, {text.number(price)} s",
            y,
        )
        for (s, c, price), y in zip(known, label_y, strict=True)
    ]
    return charts.Scatter(ticks, axis, points, "seconds per thousand requests", "Mean score against cost of each model")


def pareto_csv(costs: list[Cost], standings: list[Standing]) -> str:
    lines = [(s.model, c.settings, s.mean, s.low, s.high, price) for s, c, price in _priced(costs, standings)]
    return charts.csv(("model", "settings", "mean", "ci_low", "ci_high", "seconds_per_thousand_requests"), lines)


def calibration_panels(found: list[Confidence]) -> list[charts.Panel]:
    return [
        charts.panel(
            c.model,
            [(sure, right, low, high, f"{n} documents: {sure:.2f} sure, {right:.2f} right") for sure, right, low, high, n in c.bins],
            x=(0.0, 1.0),
            diagonal=True,
            note=f"ECE {c.error:.3f}, n {c.n}",
        )
        for c in found
    ]


def calibration_csv(found: list[Confidence]) -> str:
    lines = [(c.model, *line, c.error) for c in found for line in c.bins]
    return charts.csv(("model", "confidence", "share_right", "ci_low", "ci_high", "n", "ece"), lines)


def coverage_panels(found: list[Confidence]) -> list[charts.Panel]:
    return [
        charts.panel(
            c.model,
            [(share, right, None, None, "") for share, right in c.coverage],
            x=(0.0, 1.0),
            line=True,
            note=f"all: {c.coverage[-1][1]:.3f}, surest half: {_at_half(c):.3f}",
        )
        for c in found
    ]


def coverage_csv(found: list[Confidence]) -> str:
    return charts.csv(("model", "coverage", "share_right"), [(c.model, *line) for c in found for line in c.coverage])


def length_panels(found: list[Length]) -> list[charts.Panel]:
    return [
        charts.panel(
            line.model,
            [(float(fifth), mean, low, high, f"fifth {fifth}: {mean:.3f}") for fifth, mean, low, high in line.fifths],
            x=(0.5, FIFTHS + 0.5),
            x_ticks=FIFTHS,
            line=True,
            note=f"n {line.n}",
        )
        for line in found
    ]


def length_csv(found: list[Length]) -> str:
    return charts.csv(("model", "fifth", "mean", "ci_low", "ci_high"), [(line.model, *fifth) for line in found for fifth in line.fifths])


def _priced(costs: list[Cost], standings: list[Standing]) -> list[tuple[Standing, Cost, float]]:
    cost = {c.model: c for c in costs if c.seconds_per_thousand is not None}
    return [(s, cost[s.model], cost[s.model].seconds_per_thousand or 0.0) for s in standings if s.model in cost and s.mean is not None]


def _at_half(found: Confidence) -> float:
    return next(right for share, right in found.coverage if share >= 0.5)


def _named(lines: list[dict], column: str) -> str:
    return text.names(sorted({line[column] for line in lines if line[column]})) or "store"


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None else f"{text.number(low)} to {text.number(high)}"


def _order(row: Row, value: float | None) -> float:
    return float("inf") if value is None else -value if row.higher_is_better else value

"""What the run took, per model, and what a better score costs."""

from dataclasses import dataclass

from snakeval.report import charts, text
from snakeval.report.board import Standing


@dataclass(frozen=True)
class Cost:
    """What one model took, summed over benchmarks."""

    model: str
    engine: str
    device: str  # "": all came from the store
    requests: int
    duplicates: int
    from_store: int
    prompt_tokens: int
    computed_tokens: int
    generated_tokens: int
    load_seconds: float
    seconds: float
    peak_bytes: int | None
    energy_joules: float | None  # None: the device does not tell
    precision: str  # dtype and quantisation

    @property
    def sent(self) -> int:
        return self.requests - self.duplicates - self.from_store

    @property
    def fell_back(self) -> bool:
        """Whether an engine says why it did not take its fastest path."""
        return "(" in self.engine

    @property
    def tokens_per_second(self) -> float | None:
        return (
            (self.computed_tokens + self.generated_tokens) / self.seconds
            if self.seconds and self.sent
            else None
        )

    @property
    def seconds_per_thousand(self) -> float | None:
        return 1000 * self.seconds / self.sent if self.seconds and self.sent else None


def summed(timings: list[dict], standings: list[Standing], provenance: dict) -> dict:
    """{"models": Cost per model in the order of `standings`, "csv": text, a line per model and benchmark}."""
    configured = {
        line["model"]: line.get("settings", {}).get("dtype", "")
        for line in provenance.get("models", [])
    }
    lines = []
    for standing in standings:
        own = [line for line in timings if line["model"] == standing.model]
        if not own:
            continue
        counts = (
            "requests",
            "duplicates",
            "from_store",
            "prompt_tokens",
            "computed_tokens",
            "generated_tokens",
            "load_seconds",
            "seconds",
        )
        lines.append(
            Cost(
                standing.model,
                engine=_named(own, "engine") or "store",
                device=_named(own, "device"),
                **{name: sum(line[name] for line in own) for name in counts},
                energy_joules=None
                if None in (energy := [line["energy_joules"] for line in own])
                else sum(energy),
                peak_bytes=max(
                    (line["peak_bytes"] for line in own if line["peak_bytes"]), default=None
                ),
                precision=_named(own, "precision") or configured.get(standing.model, ""),
            )
        )
    return {"models": lines, "csv": charts.table_csv(timings)}


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
    kinds = list(dict.fromkeys(c.precision for _, c, _ in known))
    shape = {kind: charts.SHAPES[i % len(charts.SHAPES)] for i, kind in enumerate(kinds)}
    points = [
        charts.Point(
            s.model,
            place(price),
            s.mean or 0.0,
            s.low,
            s.high,
            not any(
                (o.mean or 0) >= (s.mean or 0) and other <= price and o is not s
                for o, _, other in known
            ),
            f"{s.model} ({c.precision}): {text.number(s.mean)}, {text.number(price)} s",
            y,
            shape[c.precision],
        )
        for (s, c, price), y in zip(known, label_y, strict=True)
    ]
    legend = [(shape[kind], kind) for kind in kinds] if any(kinds) else []
    return charts.Scatter(
        ticks,
        axis,
        points,
        "seconds per thousand requests",
        "Mean score against cost of each model",
        legend,
    )


def pareto_csv(costs: list[Cost], standings: list[Standing]) -> str:
    lines = [
        (s.model, c.precision, s.mean, s.low, s.high, price)
        for s, c, price in _priced(costs, standings)
    ]
    return charts.csv(
        ("model", "precision", "mean", "ci_low", "ci_high", "seconds_per_thousand_requests"), lines
    )


def _priced(costs: list[Cost], standings: list[Standing]) -> list[tuple[Standing, Cost, float]]:
    cost = {c.model: c for c in costs if c.seconds_per_thousand is not None}
    return [
        (s, cost[s.model], cost[s.model].seconds_per_thousand or 0.0)
        for s in standings
        if s.model in cost and s.mean is not None
    ]


def _named(lines: list[dict], column: str) -> str:
    return text.names(sorted({line[column] for line in lines if line[column]}))

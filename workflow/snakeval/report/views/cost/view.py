"""What the run cost, per model, and what a better score costs."""

from pathlib import Path

from snakeval.report import charts, cost, text
from snakeval.report.board import Standing
from snakeval.report.cost import Cost
from snakeval.report.view import Run, View


def content(run: Run, *, efficiency: Path) -> dict | None:
    costs = cost.of_models(run, efficiency)
    if not costs:
        return None
    priced = [
        (standing, each, each.seconds_per_thousand)
        for standing in run.standings
        for each in costs
        if each.model == standing.model
        and standing.mean is not None
        and each.seconds_per_thousand is not None
    ]
    return {
        "costs": costs,
        "has_energy": any(each.energy_joules is not None for each in costs),
        "csv": cost.csv(run, efficiency),
        "chart": pareto(priced),
        "chart_csv": pareto_csv(priced),
    }


Priced = list[tuple[Standing, Cost, float]]
"""Models that have a mean score and a price, seconds per thousand requests."""


def pareto(priced: Priced) -> charts.Scatter | None:
    """Quality against cost; None with fewer than two models."""
    if len(priced) < 2:
        return None
    place, ticks = charts.amounts([price for _, _, price in priced])
    marks = [charts.Mark(s.model, s.mean, s.low, s.high) for s, _, _ in priced]
    axis = charts.Axis(*charts.span(marks, None), 220, 14)
    label_y = charts.apart([axis(s.mean or 0.0) + 4 for s, _, _ in priced], 12)
    kinds = list(dict.fromkeys(each.precision for _, each, _ in priced))
    shape = {kind: charts.SHAPES[i % len(charts.SHAPES)] for i, kind in enumerate(kinds)}
    points = [
        charts.Point(
            label=s.model,
            x=place(price),
            value=s.mean or 0.0,
            low=s.low,
            high=s.high,
            strong=not _is_beaten(s, price, priced),
            title=f"{s.model} ({c.precision}): {text.number(s.mean)}, {text.number(price)} s",
            label_y=y,
            shape=shape[c.precision],
        )
        for (s, c, price), y in zip(priced, label_y, strict=True)
    ]
    legend = [(shape[kind], kind) for kind in kinds] if any(kinds) else []
    unit, label = "seconds per thousand requests", "Mean score against cost of each model"
    return charts.Scatter(ticks, axis, points, unit, label, legend)


def pareto_csv(priced: Priced) -> str:
    header = ("model", "precision", "mean", "ci_low", "ci_high", "seconds_per_thousand_requests")
    lines = [(s.model, c.precision, s.mean, s.low, s.high, price) for s, c, price in priced]
    return charts.csv(header, lines)


def _is_beaten(standing: Standing, price: float, priced: Priced) -> bool:
    """Whether another model is at least as good and costs no more."""
    return any(
        (other.mean or 0) >= (standing.mean or 0) and cost <= price
        for other, _, cost in priced
        if other is not standing
    )


VIEW = View("Cost", "Run", 90, content, reads=("efficiency",))

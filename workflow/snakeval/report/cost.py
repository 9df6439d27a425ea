"""What each model cost, from the timings of the run."""

from dataclasses import dataclass
from pathlib import Path

from snakeval.report import charts, text
from snakeval.report.view import Run
from snakeval.schemas.model import TIMINGS

SUMMED = (
    "requests",
    "duplicates",
    "from_store",
    "prompt_tokens",
    "computed_tokens",
    "generated_tokens",
    "load_seconds",
    "seconds",
)


@dataclass(frozen=True)
class Cost:
    """One model, summed over benchmarks."""

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
    energy_joules: float | None  # None: the device does not report it
    precision: str  # dtype and quantisation

    @property
    def sent(self) -> int:
        """Requests that the model was sent in this run."""
        return self.requests - self.duplicates - self.from_store

    @property
    def fell_back(self) -> bool:
        """Whether an engine gives a reason for not taking its fastest strategy."""
        return "(" in self.engine

    @property
    def tokens_per_second(self) -> float | None:
        if not self.seconds or not self.sent:
            return None
        return (self.computed_tokens + self.generated_tokens) / self.seconds

    @property
    def seconds_per_thousand(self) -> float | None:
        """Seconds per thousand requests that were sent."""
        return 1000 * self.seconds / self.sent if self.seconds and self.sent else None


def of_models(run: Run, efficiency: Path) -> list[Cost]:
    """The models that have timings, best first; `efficiency`: TIMINGS."""
    timings = run.lines(efficiency, TIMINGS)
    dtypes = {
        line["model"]: line.get("settings", {}).get("dtype", "")
        for line in run.provenance.get("models", [])
    }
    found = []
    for model in run.models:
        if own := [line for line in timings if line["model"] == model]:
            found.append(_summed(model, own, dtypes.get(model, "")))
    return found


def csv(run: Run, efficiency: Path) -> str:
    """A line for each model and benchmark."""
    return charts.table_csv(run.lines(efficiency, TIMINGS))


def _summed(model: str, timings: list[dict], dtype: str) -> Cost:
    """The timings of one model; `dtype` where they do not name a precision."""
    energy = [line["energy_joules"] for line in timings]
    peaks = [line["peak_bytes"] for line in timings if line["peak_bytes"]]
    return Cost(
        model,
        engine=_named(timings, "engine") or "store",
        device=_named(timings, "device"),
        **{name: sum(line[name] for line in timings) for name in SUMMED},
        peak_bytes=max(peaks, default=None),
        energy_joules=None if None in energy else sum(energy),
        precision=_named(timings, "precision") or dtype,
    )


def _named(lines: list[dict], column: str) -> str:
    """The values of a column, as a list in prose."""
    return text.names(sorted({line[column] for line in lines if line[column]}))

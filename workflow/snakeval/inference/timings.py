"""What asking took: rows of TIMINGS."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from snakeval.backends.protocol import Counters, Engine
from snakeval.files import benchmark_files
from snakeval.schemas.model import TIMINGS

MAXIMA = ("peak_bytes", "peak_flops")  # of several shards the largest counts
TEXTS = ("model", "benchmark", "identity", "engine", "device", "precision")


@dataclass(frozen=True)
class Measured:
    """What an engine did for one benchmark, as in TIMINGS. The defaults: nothing was asked."""

    engine: str | None = None
    device: str | None = None
    precision: str | None = None
    prompt_tokens: int = 0
    computed_tokens: int = 0
    generated_tokens: int = 0
    flops: float = 0.0
    peak_flops: float | None = None
    load_seconds: float = 0.0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0
    peak_bytes: int = 0
    energy_joules: float | None = 0.0


@dataclass(frozen=True)
class Counts:
    """The calls of one shard of a benchmark, as in TIMINGS."""

    requests: int
    duplicates: int
    from_store: int
    stored_tokens: int


def measure(
    engine: Engine, before: Counters, load_seconds: float, joules: float | None
) -> Measured:
    """What an engine did since its counters were `before`."""
    counters = asdict(engine.counters)
    spent = {name: value - getattr(before, name) for name, value in counters.items()}
    tokens = read_or_written(engine.counters) - read_or_written(before)
    return Measured(
        engine=engine.description,
        device=engine.device,
        precision=engine.precision,
        **spent,
        flops=engine.flops_per_token * tokens,
        peak_flops=engine.peak_flops,
        load_seconds=load_seconds,
        peak_bytes=engine.peak_bytes(),
        energy_joules=joules,
    )


def row(
    counts: Counts, measured: Measured, *, model: str, benchmark: str, identity: str, seconds: float
) -> pa.Table:
    """One row of TIMINGS of a shard of a benchmark."""
    names = {"model": model, "benchmark": benchmark, "identity": identity, "asked_alone": 0}
    values = names | asdict(counts) | asdict(measured) | {"seconds": seconds}
    return pa.Table.from_pylist([values], TIMINGS)


def with_asked_alone(timings: pa.Table, count: int) -> pa.Table:
    """One row of TIMINGS with the number of calls that were asked again alone."""
    place = timings.schema.get_field_index("asked_alone")
    return timings.set_column(place, TIMINGS.field("asked_alone"), pa.array([count], pa.int64()))


def summed(timings: Sequence[pa.Table]) -> pa.Table:
    """One row of TIMINGS for the shards of one benchmark.

    Counts, seconds and energy add up; of memory and speed the largest counts.
    """
    rows = pa.concat_tables(timings)
    values = {
        name: next((value for value in rows[name].to_pylist() if value is not None), None)
        for name in TEXTS
    }
    for name in TIMINGS.names:
        if name in MAXIMA:
            values[name] = pc.max(rows[name]).as_py()
        elif name not in TEXTS:
            values[name] = pc.sum(rows[name], skip_nulls=False).as_py()
    return pa.Table.from_pylist([values], TIMINGS)


def of_run(parts: Iterable[str], models: Iterable[str], benchmarks: Sequence[str]) -> pa.Table:
    """A row of TIMINGS for each model and benchmark; `parts`: lists of what each shard asked."""
    indices = [Path(part) for part in parts]
    tables = [TIMINGS.empty_table()]
    for model, benchmark in product(models, benchmarks):
        own = [index for index in indices if index.parent.name == model]
        tables.append(summed([benchmark_files.read(index, benchmark, TIMINGS) for index in own]))
    return pa.concat_tables(tables)


def read_or_written(counters: Counters) -> int:
    """Tokens of the calls answered and of the texts generated."""
    return counters.prompt_tokens + counters.generated_tokens

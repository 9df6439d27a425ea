"""What a model would read, benchmark by benchmark: faults of prompts, and what they cost."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa

from snakeval.files import benchmark_files
from snakeval.preflight import findings, forecast, prompts
from snakeval.schemas.model import FORECAST, TOKENS
from snakeval.schemas.task import REQUESTS
from snakeval.tokens.encode import Encoder


def look(
    requests: str,
    tokens: str,
    benchmarks: Iterable[str],
    encoder: Callable[[], Encoder],
    folder: str,
    *,
    model: str,
) -> tuple[pa.Table, pa.Table]:
    """PREFLIGHT and FORECAST of one model, whose files are in `folder`.

    `requests` and `tokens` are the lists of the benchmarks' files. A part of a file is in memory at
    a time.
    """
    found, loads = [], []
    for benchmark in benchmarks:
        of = {"model": model, "benchmark": benchmark}
        rows = benchmark_files.scan(requests, benchmark, REQUESTS, prompts.REQUEST_COLUMNS)
        encoded = benchmark_files.scan(tokens, benchmark, TOKENS, prompts.TOKEN_COLUMNS)
        seen, counts = [], []
        for part, its in zip(rows, encoded, strict=True):
            seen.append(prompts.observe(part, its, encoder()))
            counts.append(forecast.count(its))
        found += prompts.check(pa.concat_tables(seen), encoder(), **of)
        loads.append(forecast.load(counts, Path(folder), **of))
    return findings.table(found), pa.Table.from_pylist(loads, FORECAST)

"""A job that writes one file per benchmark of the configuration, and the index that is all Snakemake knows of them.

What is still right is kept: a file whose fingerprint says that it was made from what it would be made from now. The files are the
job's own, each whole or absent, so a failed or killed job loses none that it finished. Declared to Snakemake one by one, they would be
copied before every run of the job, brought back to their old state when it fails, and counted models × benchmarks times in every plan.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pyarrow as pa

from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.schemas.run import BENCHMARK_FILES

DOCUMENTS_AT_ONCE = 10_000  # bounds the memory of a job that reads a file part by part


def refresh(
    index: str | Path,
    folder: str | Path,
    fingerprints: Mapping[str, str],
    make: Callable[[str], pa.Table | Iterable[pa.Table]],
    schema: pa.Schema,
) -> None:
    """Bring `folder`/{benchmark}.parquet up to date for every benchmark of `fingerprints`, then write the list of them to `index`.

    `make(benchmark)` gives the rows of a file that is missing, damaged or made from something else.
    """
    folder = Path(folder)
    files = {benchmark: folder / f"{benchmark}.parquet" for benchmark in fingerprints}
    for benchmark, file in files.items():
        if not parquet.fresh(file, fingerprints[benchmark]):
            parquet.write(make(benchmark), file, schema, fingerprints[benchmark])
    write_list(index, files)
    parquet.remove_abandoned(folder)


def write_list(index: str | Path, files: Mapping[str, str | Path]) -> None:
    """Write the list of each benchmark's file, with what they hold and were made from now. Raises UserError when one is missing or damaged."""
    rows = []
    for benchmark, file in files.items():
        relative = Path(os.path.relpath(file, Path(index).parent)).as_posix()
        rows.append(
            {
                "benchmark": benchmark,
                "file": relative,
                "digest": parquet.digest(file),
                "fingerprint": parquet.fingerprint(file) or "",
            }
        )
    parquet.write(pa.Table.from_pylist(rows, BENCHMARK_FILES), Path(index), BENCHMARK_FILES)


def digests(index: str | Path) -> dict[str, str]:
    """What each benchmark's file held when the index was written, to stand in the fingerprint of what is made from it."""
    table = parquet.read(index, BENCHMARK_FILES)
    return dict(zip(table["benchmark"].to_pylist(), table["digest"].to_pylist(), strict=True))


def fingerprints(index: str | Path, *made_from: object) -> dict[str, str]:
    """Of each benchmark's file that is made from its file in `index` and from plain values (JSON)."""
    return {
        benchmark: parquet.fingerprint_of(*made_from, digest)
        for benchmark, digest in digests(index).items()
    }


def path(index: str | Path, benchmark: str) -> Path:
    """The file of a benchmark. Raises UserError when it is not listed, missing, damaged, or not what was there when the index was written."""
    index = Path(index)
    row = next(
        (
            row
            for row in parquet.read(index, BENCHMARK_FILES).to_pylist()
            if row["benchmark"] == benchmark
        ),
        None,
    )
    if row is None:
        raise UserError(
            f"{index}: lists no {benchmark}; delete it and run again, only what is not right is made anew"
        )
    found = Path(os.path.normpath(index.parent / row["file"]))
    if (
        not found.exists()
        or (parquet.fingerprint(found) or "") != row["fingerprint"]
        or parquet.digest(found) != row["digest"]
    ):
        state = "damaged or replaced" if found.exists() else "missing"
        raise UserError(
            f"{found}: {state}; delete {index} and run again, only what is not right is made anew"
        )
    return found


def read(
    index: str | Path, benchmark: str, schema: pa.Schema, columns: list[str] | None = None
) -> pa.Table:
    """The rows of a benchmark's file. Raises UserError, which tells how to mend it, when it is missing or damaged."""
    with mending(index):
        return parquet.read(path(index, benchmark), schema, columns)


def scan(
    index: str | Path, benchmark: str, schema: pa.Schema, columns: list[str] | None = None
) -> Iterator[pa.Table]:
    """The same, at most DOCUMENTS_AT_ONCE rows at a time."""
    with mending(index):
        yield from parquet.scan(path(index, benchmark), schema, DOCUMENTS_AT_ONCE, columns)


def paths(
    models: Iterable[str], indices: Iterable[str | Path], benchmarks: Iterable[str]
) -> dict[tuple[str, str], Path]:
    """(model, benchmark) -> file, of a stage with one index per model, given in the same order. Errors as `path`."""
    of_model = dict(zip(models, indices, strict=True))
    return {
        (model, benchmark): path(of_model[model], benchmark)
        for model, benchmark in product(of_model, benchmarks)
    }


@contextmanager
def mending(index: str | Path) -> Iterator[None]:
    """Errors about a file that `index` lists tell to delete that, too: Snakemake knows of no other file."""
    try:
        yield
    except UserError as error:
        if str(index) in str(error):
            raise
        more = (
            f" (and delete {index}, which lists it)"
            if "delete it" in str(error)
            else f"; delete {index}, which lists it, and run again"
        )
        raise UserError(f"{error}{more}") from None

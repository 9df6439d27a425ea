"""A job that writes one file per benchmark of the configuration, and the index that lists them.

Snakemake knows the index only. A file is kept while its fingerprint matches what it would be made
from now. Each file is whole or absent, so a failed or killed job keeps those that it finished.
Declared to Snakemake one by one, the files would be copied before every run of the job, restored
when it fails, and counted models × benchmarks times in every plan.
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
REBUILT = "only missing or changed files are rebuilt"


def refresh(
    index: str | Path,
    folder: str | Path,
    fingerprints: Mapping[str, str],
    make: Callable[[str], pa.Table | Iterable[pa.Table]],
    schema: pa.Schema,
) -> None:
    """Bring `folder`/{benchmark}.parquet up to date for every benchmark, then write the `index`.

    `fingerprints`: benchmark -> fingerprint of all that its file depends on. `make(benchmark)`
    gives the rows of a file that is missing, damaged, or made from something else.
    """
    folder = Path(folder)
    files = {benchmark: folder / f"{benchmark}.parquet" for benchmark in fingerprints}
    for benchmark, file in files.items():
        if not parquet.fresh(file, fingerprints[benchmark]):
            parquet.write(make(benchmark), file, schema, fingerprints[benchmark])
    write_list(index, files)
    parquet.remove_abandoned(folder)


def write_list(index: str | Path, files: Mapping[str, str | Path]) -> None:
    """Write to `index` each benchmark's file, with its digest and fingerprint.

    Raises UserError when a file is missing or damaged.
    """
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
    """The digest of each benchmark's file, as the index lists it.

    It belongs into the fingerprint of everything that is made from the file.
    """
    table = parquet.read(index, BENCHMARK_FILES)
    return dict(zip(table["benchmark"].to_pylist(), table["digest"].to_pylist(), strict=True))


def fingerprints(index: str | Path, *made_from: object) -> dict[str, str]:
    """Benchmark -> fingerprint of what is made from its file in `index` and from plain values."""
    found = digests(index)
    return {name: parquet.fingerprint_of(*made_from, digest) for name, digest in found.items()}


def path(index: str | Path, benchmark: str) -> Path:
    """The file of a benchmark.

    Raises UserError when it is not listed, missing, damaged, or not the file that the index lists.
    """
    index = Path(index)
    rows = {row["benchmark"]: row for row in parquet.read(index, BENCHMARK_FILES).to_pylist()}
    if benchmark not in rows:
        raise UserError(f"{index}: does not list {benchmark}. Delete it and run again: {REBUILT}.")
    row = rows[benchmark]
    found = Path(os.path.normpath(index.parent / row["file"]))
    if not found.exists():
        raise UserError(f"{found}: missing. Delete {index} and run again: {REBUILT}.")
    listed = (parquet.fingerprint(found) or "") == row["fingerprint"]
    if not listed or parquet.digest(found) != row["digest"]:
        raise UserError(f"{found}: damaged or replaced. Delete {index} and run again: {REBUILT}.")
    return found


def read(
    index: str | Path, benchmark: str, schema: pa.Schema, columns: list[str] | None = None
) -> pa.Table:
    """The rows of a benchmark's file. Raises UserError when it is missing or damaged."""
    with with_remedy(index):
        return parquet.read(path(index, benchmark), schema, columns)


def scan(
    index: str | Path, benchmark: str, schema: pa.Schema, columns: list[str] | None = None
) -> Iterator[pa.Table]:
    """The rows of a benchmark's file, at most DOCUMENTS_AT_ONCE at a time. Errors as `read`."""
    with with_remedy(index):
        yield from parquet.scan(path(index, benchmark), schema, DOCUMENTS_AT_ONCE, columns)


def paths(
    models: Iterable[str], indices: Iterable[str | Path], benchmarks: Iterable[str]
) -> dict[tuple[str, str], Path]:
    """(model, benchmark) -> file, of a stage with one index per model.

    `indices` are in the order of `models`. Errors as `path`.
    """
    of_model = dict(zip(models, indices, strict=True))
    return {
        (model, benchmark): path(of_model[model], benchmark)
        for model, benchmark in product(of_model, benchmarks)
    }


@contextmanager
def with_remedy(index: str | Path) -> Iterator[None]:
    """Add to an error about a file that `index` must be deleted too.

    Snakemake knows the index only, and rebuilds the file with it.
    """
    try:
        yield
    except UserError as error:
        if str(index) in str(error):
            raise
        if "Delete it" in str(error):
            raise UserError(f"{error} Also delete {index}, which lists it.") from None
        text = str(error).removesuffix(".")
        raise UserError(f"{text}. Delete {index}, which lists it, and run again.") from None

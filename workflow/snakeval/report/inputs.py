"""The files that the report reads: all of them, and no others."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from snakeval.analysis.history import EarlierFiles, Files
from snakeval.files import benchmark_files, parquet
from snakeval.schemas.run import BENCHMARK_FILES


@dataclass(frozen=True)
class Inputs:
    """Each file is an input of the report's rule, or listed in an index that is one.

    A model that lacks a benchmark is left out of it.
    """

    # tables of the run, each of the schema of its name
    scores: Path
    comparisons: Path
    health: Path
    efficiency: Path
    numerics: Path
    targets: Path
    preflight: Path
    forecast: Path
    # documents: requests by benchmark, the others by (model, benchmark)
    requests: Mapping[str, Path]
    tokens: Mapping[tuple[str, str], Path]  # a recorded model has none
    responses: Mapping[tuple[str, str], Path]
    document_scores: Mapping[tuple[str, str], Path]
    history: tuple[EarlierFiles, ...] = ()  # oldest first


def of_lists(
    tables: Iterable[str],
    requests: str,
    tokens: Iterable[str],
    responses: Iterable[str],
    scores: Iterable[str],
    benchmarks: Iterable[str],
    history: Iterable[EarlierFiles] = (),
) -> Inputs:
    """From the paths of the tables, and of the lists of each benchmark's file.

    `requests` is the list of requests; each path in `tokens`, `responses` and `scores` is the list
    of one model and has its name. Raises UserError when a listed file is missing or damaged.
    """

    def listed(lists: Iterable[str]) -> dict[tuple[str, str], Path]:
        held = list(lists)
        return benchmark_files.paths([Path(each).stem for each in held], held, benchmarks)

    benchmarks = list(benchmarks)
    return Inputs(
        **{path.stem: path for path in map(Path, tables) if path.suffix == ".parquet"},
        requests={each: benchmark_files.path(requests, each) for each in benchmarks},
        tokens=listed(tokens),
        responses=listed(responses),
        document_scores=listed(scores),
        history=tuple(history),
    )


def earlier_run(label: str, results: Path, declared: Iterable[str]) -> EarlierFiles:
    """The earlier run in the folder `results`, from the files of it that the rule declares.

    Its table of scores must be there. Its lists of requests and scores may be absent, and so may
    files that they list: without them its documents are not paired with those of this run.
    """
    own = {file for file in map(Path, declared) if results in file.parents}
    lists = results / "index"
    scores = {
        (file.stem, benchmark): found
        for file in own
        if file.parent == lists / "scores"
        for benchmark, found in _present(file).items()
    }
    requests = lists / "requests.parquet"
    held = _present(requests) if requests in own else {}
    return EarlierFiles(label, results / "tables/scores.parquet", Files(held, scores))


def _present(index: Path) -> dict[str, Path]:
    """Benchmark -> file, of those in a list that exist."""
    rows = parquet.read(index, BENCHMARK_FILES).to_pylist()
    files = {row["benchmark"]: os.path.normpath(index.parent / row["file"]) for row in rows}
    return {benchmark: Path(file) for benchmark, file in files.items() if Path(file).exists()}

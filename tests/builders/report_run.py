"""Synthetic results folders for the tests of the report, of any size, with all that is odd in data.

PYTHONPATH=workflow:tests python -m builders.report_run FOLDER --models 10 --tasks 60
"""

import argparse
import base64
import json
import re
import time
import zlib
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa

from builders import report_documents, report_tables
from builders.report_documents import Leaf
from snakeval.analysis.history import EarlierFiles, Files
from snakeval.files import parquet
from snakeval.report import stage
from snakeval.report.inputs import Inputs
from snakeval.report.page import read_run, write_page
from snakeval.report.stage import ReportSettings
from snakeval.report.view import Run
from snakeval.schemas.model import FORECAST, NUMERICS, RESPONSES, SCORES, TIMINGS, TOKENS
from snakeval.schemas.run import COMPARISONS, HEALTH, PREFLIGHT, SCORE_TABLE, TARGETS
from snakeval.schemas.task import REQUESTS

TABLES = {
    "scores": SCORE_TABLE,
    "comparisons": COMPARISONS,
    "health": HEALTH,
    "efficiency": TIMINGS,
    "preflight": PREFLIGHT,
    "numerics": NUMERICS,
    "forecast": FORECAST,
    "targets": TARGETS,
}


def make(
    folder: Path,
    *,
    models: int = 2,
    tasks: int = 7,
    documents: int = 40,
    hostile: bool = False,
    seed: int = 7,
) -> dict:
    """Write a results folder; give its settings with "provenance", for `write`."""
    rng = np.random.default_rng(seed)
    names = ["small", "large"] if models == 2 else [f"model-{i:02d}" for i in range(models)]
    ability = dict(zip(names, np.linspace(-0.4, 0.9, models) if models > 1 else [0.3], strict=True))
    benchmarks = report_documents.benchmarks_of(tasks)
    rows: dict[str, list[dict]] = {"scores": [], "health": [], "efficiency": []}
    values: report_tables.Values = {}
    for benchmark, leaves in benchmarks.items():
        requests = pa.concat_tables(
            report_documents.requests(task, kind, documents, rng, hostile)
            for task, kind, _ in leaves
        )
        parquet.write(requests, folder / "requests" / f"{benchmark}.parquet", REQUESTS)
        difficulty = rng.normal(size=requests.num_rows)
        for model in names:
            how = (leaves, ability[model], difficulty, rng, hostile)
            answered = report_documents.answers(model, requests, *how)
            _write_answers(folder, model, benchmark, answered)
            tokens, responses, scores = answered
            rows["health"] += report_tables.health(model, benchmark, *answered)
            first = benchmark == next(iter(benchmarks))
            timing = report_tables.timing(model, benchmark, tokens, responses, first)
            rows["efficiency"].append(timing)
            _add_values(values, benchmark, model, scores)
        rows["scores"] += report_tables.score_rows(benchmark, leaves, names, values)
    _write_tables(folder, rows, values, names, benchmarks)
    return {
        "seed": seed,
        "benchmarks": {name: report_tables.scoring(leaves) for name, leaves in benchmarks.items()},
        "groups": report_tables.groups(benchmarks),
        "title": "A synthetic run",
        "models": names,
        "tasks": list(benchmarks),
        "provenance": report_tables.provenance(names),
    }


def _write_answers(folder: Path, model: str, benchmark: str, answered: tuple) -> None:
    stages = (("tokens", TOKENS), ("responses", RESPONSES), ("scores", SCORES))
    for (name, schema), table in zip(stages, answered, strict=True):
        parquet.write(table, folder / name / model / f"{benchmark}.parquet", schema)


def _add_values(values: report_tables.Values, benchmark: str, model: str, scores: pa.Table) -> None:
    for row in scores.select(["task", "filter", "metric", "value", "statistics"]).to_pylist():
        point = row["value"] if row["value"] is not None else row["statistics"][0]
        by_model = values.setdefault((benchmark, row["task"], row["filter"], row["metric"]), {})
        by_model.setdefault(model, []).append(point)


def _write_tables(
    folder: Path,
    rows: dict[str, list[dict]],
    values: report_tables.Values,
    models: list[str],
    benchmarks: dict[str, list[Leaf]],
) -> None:
    """Write `rows` and what follows from them; the first model was not checked for batches."""
    timings = rows["efficiency"]
    rows |= {
        "comparisons": report_tables.comparisons(values),
        "preflight": report_tables.findings(models, list(benchmarks.items())),
        "numerics": [report_tables.numerics(t) for t in timings if t["model"] != models[0]],
        "forecast": [report_tables.forecast(t) for t in timings],
        "targets": report_tables.published(rows["scores"]),
    }
    for name, schema in TABLES.items():
        _write(rows[name], folder / f"tables/{name}.parquet", schema)


def inputs_of(folder: Path, settings: dict) -> Inputs:
    """The files of a results folder that its report reads, with those of `history`.

    A file of a stage that is not there is left out.
    """
    models, benchmarks = settings["models"], settings["tasks"]
    return Inputs(
        **{name: folder / f"tables/{name}.parquet" for name in TABLES},
        requests=_requests_of(folder, benchmarks),
        tokens=_answers_of(folder / "tokens", models, benchmarks),
        responses=_answers_of(folder / "responses", models, benchmarks),
        document_scores=_answers_of(folder / "scores", models, benchmarks),
        history=tuple(
            EarlierFiles(
                run["label"],
                Path(run["results"], "tables/scores.parquet"),
                files_of(Path(run["results"]), models, benchmarks),
            )
            for run in settings.get("history", [])
        ),
    )


def files_of(folder: Path, models: Iterable[str], benchmarks: Iterable[str]) -> Files:
    """The requests and the scores of documents in a results folder."""
    return Files(
        _requests_of(folder, benchmarks), _answers_of(folder / "scores", models, benchmarks)
    )


def write(folder: Path, settings: dict, page: Path | None = None) -> Path:
    """Write the report of a results folder; give its page."""
    page = page or folder / "report/index.html"
    inputs, provenance = inputs_of(folder, settings), settings["provenance"]
    write_page(inputs, report_settings(settings), provenance, page)
    return page


def run_of(folder: Path, settings: dict) -> Run:
    """The run in a results folder, as views know it."""
    inputs = inputs_of(folder, settings)
    return read_run(inputs, report_settings(settings), settings["provenance"])


def report_settings(settings: dict) -> ReportSettings:
    """What `make` gave, and what a test changed of it."""
    given = {"targets": {}, "baseline": None, "history": []} | settings
    del given["provenance"]
    return ReportSettings(
        **given | {"history": [stage.EarlierRun(**run) for run in given["history"]]}
    )


def unpack(path: Path) -> tuple[str, object]:
    """The name and the content of a file that the page loads."""
    call = r'snakevalFile\("([^"]+)","([A-Za-z0-9+/=]+)"\)\n'
    name, packed = re.fullmatch(call, path.read_text(encoding="ascii")).groups()
    return name, json.loads(zlib.decompress(base64.b64decode(packed)))


def worsen(folder: Path, model: str, benchmark: str) -> tuple[np.ndarray, np.ndarray]:
    """Set `acc` of every third document of a task to 0; give the values before and after."""
    path = folder / f"scores/{model}/{benchmark}.parquet"
    lines = parquet.read(path, SCORES).to_pylist()
    before = np.array([line["value"] for line in lines if line["metric"] == "acc"])
    for line in lines:
        if line["metric"] == "acc" and line["doc_id"] % 3 == 0:
            line["value"] = 0.0
    _write(lines, path, SCORES)
    after = np.array([line["value"] for line in lines if line["metric"] == "acc"])
    path = folder / "tables/scores.parquet"
    table = parquet.read(path, SCORE_TABLE).to_pylist()
    for line in table:
        if (line["model"], line["task"], line["metric"]) == (model, benchmark, "acc"):
            line["value"] = float(after.mean())
    _write(table, path, SCORE_TABLE)
    return before, after


def _requests_of(folder: Path, benchmarks: Iterable[str]) -> dict[str, Path]:
    return {each: folder / f"requests/{each}.parquet" for each in benchmarks}


def _answers_of(
    stage: Path, models: Iterable[str], benchmarks: Iterable[str]
) -> dict[tuple[str, str], Path]:
    files = {pair: stage / pair[0] / f"{pair[1]}.parquet" for pair in product(models, benchmarks)}
    return {pair: file for pair, file in files.items() if file.exists()}


def _write(rows: list[dict], path: Path, schema: pa.Schema) -> None:
    parquet.write(pa.Table.from_pylist(rows, schema=schema), path, schema)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    for name, value in (("models", 2), ("tasks", 7), ("documents", 40)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--hostile", action="store_true")
    options = vars(parser.parse_args())
    folder = options.pop("folder")
    kept = folder / "settings.json"
    if not kept.exists():
        settings = make(folder, **options)
        kept.write_text(json.dumps(settings))
    start = time.perf_counter()
    write(folder, json.loads(kept.read_text()))
    print(f"report in {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()

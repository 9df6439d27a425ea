"""The report reads what its rule declares, and what the lists among that name; nothing else."""

import os
import re
import shutil
from collections import Counter
from pathlib import Path

from builders.project import jobs_in
from pyarrow import parquet as pq

from snakeval.schemas.run import BENCHMARK_FILES

LEFT = ("report", "logs", "settings")  # what the rule itself and the planning of a run write


def _declared(project) -> set[Path]:
    """The inputs of the report's job, and the files in their folders and lists."""
    lines = project.snakemake("--detailed-summary").stdout.splitlines()
    (report,) = [
        line.split("\t") for line in lines if line.startswith("results/report/index.html\t")
    ]
    inputs = {project.folder / path for path in report[4].split(",")}
    found = set(inputs)
    for path in inputs:
        found |= set(path.rglob("*"))
        table = pq.read_table(path) if path.suffix == ".parquet" else None
        if table is not None and table.column_names == BENCHMARK_FILES.names:
            listed = table["file"].to_pylist()
            found |= {Path(os.path.normpath(path.parent / each)) for each in listed}
    return found


def _report(project) -> dict[str, bytes]:
    """The files of the report, without the time and the command of the run."""
    folder = project.results / "report"
    held = {str(file.relative_to(folder)): file for file in folder.rglob("*") if file.is_file()}
    del held["SHA256SUMS"]
    files = {name: file.read_bytes() for name, file in held.items()}
    page = re.sub(rb"20\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d\+00:00)?", b"", files["index.html"])
    files["index.html"] = re.sub(rb"<dt>To reproduce</dt>.*", b"", page)
    return files


def test_the_report_is_the_same_where_all_that_it_does_not_declare_is_gone(project):
    earlier = project.folder / "runs" / "first" / "results"
    shutil.copytree(project.results, earlier)
    project.configure(history=["runs/first/results"])
    assert project.run() == Counter(["report"])
    before, declared = _report(project), _declared(project)
    assert b"0 regressions and" in before["index.html"] and len(before) > 3
    removed = set()
    for results in (project.results, earlier):
        for file in [file for file in results.rglob("*") if file.is_file()]:
            part = file.relative_to(results).parts[0]
            if file not in declared and (results == earlier or part not in LEFT):
                removed.add(part)
                file.unlink()
    assert {"store", "datasets", "calls", "tokens"} <= removed  # tokens: of the earlier run
    done = project.snakemake("--forcerun", "report")
    assert jobs_in(done.stdout + done.stderr) == Counter(["report"])
    assert _report(project) == before

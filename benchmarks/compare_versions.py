"""Do two versions of this project give the same tables?

    git worktree add ../before v0.1
    python benchmarks/compare_versions.py ../before
    python benchmarks/compare_versions.py ../before --config config/examples/gsm8k.yaml

Runs both versions on each configuration, in temporary folders, and compares every table row by
row. A configuration of this checkout is run in the form that each version has of it. Relative paths
in any other file are those of the folder that holds it.

Prints a line per table. Exits with 1 where a value differs, or where a table or column is missing
in the new version. Columns of identities, digests, paths and times are left out. Different wording
of messages is reported, and is no difference.
"""

import argparse
import csv
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

REPOSITORY = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "workflow", "profiles", "config", "envs", "resources")
FOLDERS = ("datasets", "models", "requests", "tokens", "responses", "recorded", "scores", "tables")

# What has another name since; a pattern for file names.
COLUMNS = {"entry": "benchmark"}
FILES = {r"^tables/export/entry-": "tables/export/benchmark-", r"@[0-9a-f]{12}/": "/"}

IDENTITIES = {"identity", "key", "digest", "fingerprint", "sha256", "revision", "engine"}
PATHS = {"folder", "file"}
TIMES = {"seconds", "load_seconds", "prefill_seconds", "decode_seconds", "energy_joules"}
LEFT_OUT = IDENTITIES | PATHS | TIMES | {"peak_bytes", "memory_bytes", "peak_flops"}
WORDING = {"message", "reason"}  # sentences for people


@dataclass(frozen=True)
class Finding:
    """The comparison of one table."""

    name: str
    differences: tuple[str, ...]  # values that differ, and what the new version lacks
    remarks: tuple[str, ...]  # other differences, and the size of equal tables

    def line(self) -> str:
        state = "differs" if self.differences else "equal"
        return f"  {self.name}: {state}: {'; '.join([*self.differences, *self.remarks])}"


def compare_tables(name: str, old: pa.Table, new: pa.Table) -> Finding:
    """Compare two tables row by row; numbers must be equal to the last bit."""
    old = old.rename_columns([COLUMNS.get(column, column) for column in old.column_names])
    kept_old, kept_new = (
        [column for column in table.column_names if column not in LEFT_OUT] for table in (old, new)
    )
    differences = [f"no column {column} any more" for column in kept_old if column not in kept_new]
    remarks = [f"new column {column}" for column in kept_new if column not in kept_old]
    if old.num_rows != new.num_rows:
        differences.append(f"{new.num_rows} rows, {old.num_rows} before")
        return Finding(name, tuple(differences), tuple(remarks))
    for column in kept_old:
        if column not in kept_new:
            continue
        pairs = zip(old[column].to_pylist(), new[column].to_pylist(), strict=True)
        unequal = [
            (row, before, now) for row, (before, now) in enumerate(pairs) if not same(before, now)
        ]
        if unequal and column in WORDING:
            remarks.append(f"{column} is worded differently in {len(unequal)} rows")
        elif unequal:
            row, before, now = unequal[0]
            differences.append(
                f"{column} in {len(unequal)} of {old.num_rows} rows, "
                f"first in row {row}: {now!r}, {before!r} before"
            )
    size = f"{new.num_rows} rows, {len(kept_new)} columns"
    return Finding(name, tuple(differences), (size, *remarks))


def compare_texts(name: str, old: str, new: str) -> Finding:
    """Compare the numbers of two texts, in their order."""
    before, now = (re.findall(r"\d+(?:[.,]\d+)*", text) for text in (old, new))
    differences = []
    if before != now:
        pairs = zip(before, now, strict=False)
        first = next((f"{b}: {a} now" for b, a in pairs if a != b), "at the end")
        differences.append(f"{len(now)} numbers, {len(before)} before; first difference {first}")
    remarks = [f"{len(now)} numbers"] + ["worded differently"] * (old != new)
    return Finding(name, tuple(differences), tuple(remarks))


def same(a: Any, b: Any) -> bool:
    """Equality of values as tables hold them, with nan equal to nan, and 1 not equal to 1.0."""
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (math.isnan(a) and math.isnan(b))
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return type(a) is type(b) and a == b


def compare_results(old: Path, new: Path) -> Iterator[Finding]:
    """Compare all tables of two results folders."""
    before, now = files_of(old), files_of(new)
    for name in sorted(before.keys() | now.keys()):
        if name not in now:
            yield Finding(name, ("missing in the new version",), ())
        elif name not in before:
            yield Finding(name, (), ("only in the new version",))
        elif name.endswith(".parquet"):
            yield compare_tables(name, pq.read_table(before[name]), pq.read_table(now[name]))
        elif name.endswith(".csv"):
            yield compare_tables(name, read_csv(before[name]), read_csv(now[name]))
        else:
            texts = (file.read_text(encoding="utf-8") for file in (before[name], now[name]))
            yield compare_texts(name, *texts)


def files_of(results: Path) -> dict[str, Path]:
    """The tables of a run by name, as the new version names them."""
    found = {}
    for folder in FOLDERS:
        for file in sorted((results / folder).rglob("[!.]*")):
            if file.suffix in (".parquet", ".csv", ".md", ".tex"):
                name = file.relative_to(results).as_posix()
                for pattern, replacement in FILES.items():
                    name = re.sub(pattern, replacement, name)
                found[name] = file
    return found


def read_csv(file: Path) -> pa.Table:
    """A CSV file as a table of texts."""
    with file.open(encoding="utf-8", newline="") as lines:
        head, *rows = csv.reader(lines)
    return pa.Table.from_pylist(
        [dict(zip(head, row, strict=True)) for row in rows],
        pa.schema([(name, pa.string()) for name in head]),
    )


def run(checkout: Path, configuration: Path, folder: Path, cores: int) -> Path:
    """Run the version in `checkout` on a configuration, in a new `folder`; its results."""
    folder.mkdir(parents=True)
    own = configuration.is_relative_to(REPOSITORY)
    parts = [checkout / part for part in PARTS]
    if own:
        configuration = checkout / configuration.relative_to(REPOSITORY)
    else:
        parts = [part for part in parts if part.name != "config"]
        parts += configuration.parent.iterdir()
    for part in parts:
        if part.exists() and not (folder / part.name).exists():
            (folder / part.name).symlink_to(part)
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "all"]
    command += ["--configfile", str(configuration), "--config", "results=compared"]
    left_out = ("PYTHONPATH", "SNAKEMAKE_PROFILE")
    environment = {key: value for key, value in os.environ.items() if key not in left_out}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        output = (done.stdout + done.stderr)[-5000:]
        sys.exit(f"{checkout}: {configuration.name} fails, its output ends with\n{output}")
    return folder / "compared"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path, help="folder with another version of this project")
    parser.add_argument("--config", type=Path, nargs="+", help="default: the demo")
    parser.add_argument("--cores", type=int, default=1)
    options = parser.parse_args()
    failed = 0
    for given in options.config or [REPOSITORY / "config" / "config.yaml"]:
        with tempfile.TemporaryDirectory(prefix="snakeval-versions-") as name:
            results, seconds = [], []
            for side, checkout in (("old", options.old.resolve()), ("new", REPOSITORY)):
                started = time.perf_counter()
                results.append(run(checkout, given.resolve(), Path(name, side), options.cores))
                seconds.append(time.perf_counter() - started)
            print(f"{given}: {seconds[0]:.0f} s before, {seconds[1]:.0f} s now", flush=True)
            findings = list(compare_results(*results))
        for finding in findings:
            print(finding.line(), flush=True)
        differing = sum(bool(finding.differences) for finding in findings)
        print(f"  {len(findings)} tables, {differing} differ", flush=True)
        failed += differing + (not findings)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

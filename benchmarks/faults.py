"""Run the demo's small configuration many times, with faults at random, seeded points.

    python benchmarks/faults.py --faults 200 --seed 1 --table docs/explanation/faults.md

Several faults hit the run of one project. Then it runs to the end, its tables are compared byte by
byte with those of an undisturbed run, and outputs that are in the store twice are counted. Other
faults hit finished results, which are repaired and compared.
"""

import argparse
import random
import re
import shutil
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("tests", "workflow")]

from builders import faults  # noqa: E402
from builders.project import Project, copy, fresh_clone  # noqa: E402
from pyarrow import parquet as pq  # noqa: E402


@dataclass
class Record:
    """One fault and its consequences."""

    kind: str
    detail: str
    reported: bool = False  # to the user
    recovered: bool = False  # the next run reached the end
    identical: bool = False  # with the tables of an undisturbed run
    called_twice: int = 0  # calls whose output was already in the store


def prepare(folder: Path) -> tuple[Project, Project, Project]:
    """A clone that was never run, one with tokens only, and one with an undisturbed run.

    They store outputs in parts of four.
    """
    project = fresh_clone(folder / "clone", tasks=["boolean_expressions", "arithmetic"])
    _set(project, "ROWS_AT_RISK", 4)
    # Merging parts would hide outputs that are stored twice. Tests of the store cover merging.
    _set(project, "PARTS_TO_COMPACT", 10**9)
    encoded = copy(project.folder, folder / "encoded")
    encoded.snakemake("results/index/tokens/tiny.parquet", cores=2)
    reference = copy(encoded.folder, folder / "reference")
    reference.snakemake(cores=2)
    return project, encoded, reference


def _set(project: Project, name: str, value: int) -> None:
    store = project.folder / "workflow/snakeval/inference/store.py"
    pattern = re.compile(rf"^{name} = \d+$", re.MULTILINE)
    text, replaced = pattern.subn(f"{name} = {value}", store.read_text())
    assert replaced == 1, name
    store.write_text(text)


def during(
    project: Project, reference: Project, kinds: list[str], rng: random.Random
) -> list[Record]:
    """Faults of these kinds, one after the other, to one run, which then runs to the end."""
    records: list[Record] = []
    twice = 0  # outputs stored twice so far
    for kind in kinds:
        if (project.results / "report/index.html").exists():  # at the end: start a new run
            judge(project, reference, [record for record in records if not record.recovered])
            shutil.rmtree(project.results)
            twice = 0
        project.results.mkdir(exist_ok=True)
        if (detail := faults.DURING[kind](project, rng)) is not None:
            before, twice = twice, stored_twice(project)
            records.append(record_of(kind, detail, faults.output_of(project).read_text()))
            records[-1].called_twice = twice - before
    judge(project, reference, [record for record in records if not record.recovered])
    if records:
        records[-1].called_twice += stored_twice(project) - twice
    return records


def after(
    project: Project, reference: Project, kinds: list[str], rng: random.Random
) -> list[Record]:
    """Faults to a finished run, which is then repaired."""
    records = []
    faults.output_of(project).touch()  # a damaged file alone writes no output
    # Files are damaged last, or another fault might replace them.
    for kind in sorted(kinds, key=list(faults.AFTER).index, reverse=True):
        if (detail := faults.AFTER[kind](project, rng)) is not None:
            records.append(record_of(kind, detail, faults.output_of(project).read_text()))
    output = faults.repair(project)
    for record in records:
        record.reported |= reported(record, output)
    judge(project, reference, records)
    if records:
        records[-1].called_twice = stored_twice(project)
    return records


def record_of(kind: str, detail: str, output: str) -> Record:
    print(f"{kind}: {detail}", flush=True)
    record = Record(kind, detail)
    record.reported = reported(record, output)
    if not record.reported and not kind.startswith(("file", "bit")):
        print(f"not reported:\n{output}", flush=True)
    return record


def reported(record: Record, output: str) -> bool:
    """Whether the output tells a user what happened."""
    pattern = faults.REPORTED[record.kind].replace("{detail}", re.escape(record.detail))
    return bool(re.search(pattern, output))


def judge(project: Project, reference: Project, records: list[Record]) -> None:
    """Run to the end and compare with the undisturbed run."""
    problem = faults.finish(project)
    if problem:
        print(problem, flush=True)
    found, expected = project.tables(), reference.tables()
    files = sorted(found.keys() | expected.keys())
    differing = [file for file in files if found.get(file) != expected.get(file)]
    if differing:
        print(f"not as in the undisturbed run: {', '.join(differing)}", flush=True)
    identical = not problem and not differing
    for record in records:
        record.recovered, record.identical = not problem, identical


def stored_twice(project: Project) -> int:
    """Outputs that are in the store more than once."""
    keys = [
        key
        for part in project.results.glob("store/*/*.parquet")
        for key in pq.read_table(part, columns=["key"])["key"].to_pylist()
    ]
    return len(keys) - len(set(keys))


def table(records: list[Record]) -> str:
    """Faults by kind, as Markdown."""
    kinds = defaultdict(list)
    for record in records:
        kinds[record.kind].append(record)
    lines = [
        "| fault | injected | reported | recovered | tables identical | calls repeated |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    names = ("reported", "recovered", "identical", "called_twice")
    for kind, group in [*sorted(kinds.items()), ("**all**", records)]:
        sums = [sum(getattr(record, name) for record in group) for name in names]
        lines.append(f"| {kind} | {' | '.join(map(str, [len(group), *sums]))} |")
    return "\n".join(lines) + "\n"


def _insert(text: str, file: Path) -> None:
    """Replace the table at the end of a page, or append it."""
    page = file.read_text(encoding="utf-8") if file.exists() else ""
    before, _, _ = page.partition("| fault | injected |")
    file.write_text(before + text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    kinds = ", ".join([*faults.DURING, *faults.AFTER])
    parser.add_argument("--kinds", nargs="+", help=f"kinds of faults: {kinds}")
    parser.add_argument("--table", type=Path, help="page whose last part is the summary")
    arguments = parser.parse_args()
    during_a_run, afterwards = (
        [kind for kind in of if kind in (arguments.kinds or of)]
        for of in (faults.DURING, faults.AFTER)
    )
    rng = random.Random(arguments.seed)
    records: list[Record] = []
    with tempfile.TemporaryDirectory(prefix="snakeval-faults-") as name:
        folder = Path(name)
        *starts, reference = prepare(folder)
        while len(records) < arguments.faults:
            scratch = folder / "project"
            if rng.random() < len(during_a_run) / (len(during_a_run) + len(afterwards)):
                project = copy(rng.choice(starts).folder, scratch)
                records += during(project, reference, rng.choices(during_a_run, k=8), rng)
            else:
                project = copy(reference.folder, scratch)
                records += after(project, reference, rng.choices(afterwards, k=4), rng)
            shutil.rmtree(scratch)
            lost = sum(not record.identical for record in records)
            print(f"{len(records)} faults, {lost} not recovered", flush=True)
            if arguments.table:
                _insert(table(records), arguments.table)
    print(table(records))
    sys.exit(any(not record.identical for record in records))


if __name__ == "__main__":
    main()

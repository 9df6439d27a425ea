"""Run the demo's small configuration again and again and do it harm at random, seeded points.

    python tests/faults/run.py --faults 200 --seed 1 --table docs/faults.md

A chain of faults strikes one project until its run comes to the end; then the tables are compared with those of an undisturbed run, byte
for byte, and answers that stand in the store twice are counted. Faults to finished results follow, each mended and compared by itself.
"""

import argparse
import random
import shutil
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "workflow")]

import faults  # noqa: E402
from project import Project, copy, fresh_clone  # noqa: E402
from pyarrow import parquet as pq  # noqa: E402


@dataclass
class Record:
    """One fault and what came of it."""

    kind: str
    detail: str
    recovered: bool = False
    identical: bool = False
    asked_twice: int = 0


def prepare(folder: Path) -> tuple[Project, Project, Project]:
    """A clone that keeps every answer at once: never run, run up to the tokens, and run to the end undisturbed."""
    project = fresh_clone(folder / "clone")
    store = project.folder / "workflow/snakeval/store.py"
    store.write_text(store.read_text().replace("ROWS_AT_RISK = 1000", "ROWS_AT_RISK = 4"))
    encoded = copy(project.folder, folder / "encoded")
    encoded.snakemake("results/index/tokens/tiny.parquet", cores=2)
    reference = copy(encoded.folder, folder / "reference")
    reference.snakemake(cores=2)
    return project, encoded, reference


def during(project: Project, reference: Project, kinds: list[str], rng: random.Random) -> list[Record]:
    """Faults of these kinds, one after the other, to one run; then its end."""
    records: list[Record] = []
    twice = 0  # so far, to tell which fault made it more
    for kind in kinds:
        if (project.results / "report/index.html").exists() and project.tables() == reference.tables():
            shutil.rmtree(project.results)  # it came to the end: the next fault finds a new run
            twice = 0
        project.results.mkdir(exist_ok=True)
        if (detail := faults.DURING[kind](project, rng)) is not None:
            before, twice = twice, answered_twice(project)
            records.append(Record(kind, detail, asked_twice=twice - before))
            print(f"{kind}: {detail}", flush=True)
    judge(project, reference, records)
    if records:
        records[-1].asked_twice += answered_twice(project) - twice
    return records


def after(project: Project, reference: Project, kind: str, rng: random.Random) -> list[Record]:
    """A fault to a finished run, and the run that mends it."""
    record = Record(kind, faults.AFTER[kind](project, rng) or "")
    print(f"{kind}: {record.detail}", flush=True)
    judge(project, reference, [record])
    record.asked_twice = answered_twice(project)
    return [record]


def judge(project: Project, reference: Project, records: list[Record]) -> None:
    """Run to the end and compare with the undisturbed run."""
    problem = faults.finish(project)
    if problem:
        print(problem, flush=True)
    found, expected = project.tables(), reference.tables()
    differing = sorted(file for file in found.keys() | expected.keys() if found.get(file) != expected.get(file))
    if differing:
        print(f"not as in the undisturbed run: {', '.join(differing)}", flush=True)
    identical = not problem and not differing
    for record in records:
        record.recovered, record.identical = not problem, identical


def answered_twice(project: Project) -> int:
    """Answers that stand in the store more than once."""
    keys = [key for part in project.results.glob("store/*/*.parquet") for key in pq.read_table(part, columns=["key"])["key"].to_pylist()]
    return len(keys) - len(set(keys))


def table(records: list[Record]) -> str:
    """Faults by kind, as Markdown."""
    kinds = defaultdict(list)
    for record in records:
        kinds[record.kind].append(record)
    lines = ["| fault | injected | recovered | tables identical | answers asked twice |", "|---|--:|--:|--:|--:|"]
    for kind, group in [*sorted(kinds.items()), ("**all**", records)]:
        counts = (len(group), sum(r.recovered for r in group), sum(r.identical for r in group), sum(r.asked_twice for r in group))
        lines.append(f"| {kind} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines) + "\n"


def _insert(text: str, file: Path) -> None:
    """Put the table where an earlier one stands in a page, or at its end."""
    page = file.read_text(encoding="utf-8") if file.exists() else ""
    before, _, _ = page.partition("| fault | injected |")
    file.write_text(before + text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--table", type=Path, help="page whose last part is the summary")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    records: list[Record] = []
    with tempfile.TemporaryDirectory(prefix="snakeval-faults-") as name:
        folder = Path(name)
        *starts, reference = prepare(folder)
        while len(records) < arguments.faults:
            scratch = folder / "project"
            if rng.random() < len(faults.DURING) / (len(faults.DURING) + len(faults.AFTER)):
                kinds = rng.choices(list(faults.DURING), k=5)
                records += during(copy(rng.choice(starts).folder, scratch), reference, kinds, rng)
            else:
                project = copy(reference.folder, scratch)
                for kind in rng.choices(list(faults.AFTER), k=3):
                    records += after(project, reference, kind, rng)
            shutil.rmtree(scratch)
            print(f"{len(records)} faults, {sum(not r.identical for r in records)} not recovered", flush=True)
            if arguments.table:
                _insert(table(records), arguments.table)
    print(table(records))
    sys.exit(any(not record.identical for record in records))


if __name__ == "__main__":
    main()

"""Run the demo's small configuration again and again and do it harm at random, seeded points.

    python benchmarks/faults.py --faults 200 --seed 1 --table docs/faults.md

A chain of faults strikes one project; then its run is brought to the end and the tables are compared with those of an undisturbed run, byte
for byte, and answers that stand in the store twice are counted. Other chains strike finished results, which are mended and compared.
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
    """One fault and what came of it."""

    kind: str
    detail: str
    told: bool = False
    recovered: bool = False
    identical: bool = False
    asked_twice: int = 0


def prepare(folder: Path) -> tuple[Project, Project, Project]:
    """A clone that keeps every fourth answer at once: never run, run up to the tokens, and run to the end undisturbed."""
    project = fresh_clone(folder / "clone", tasks=["boolean_expressions", "arithmetic"])
    _set(project, "ROWS_AT_RISK", 4)
    _set(
        project, "PARTS_TO_COMPACT", 10**9
    )  # merging would hide answers that were asked twice; tests of the store harm it
    encoded = copy(project.folder, folder / "encoded")
    encoded.snakemake("results/index/tokens/tiny.parquet", cores=2)
    reference = copy(encoded.folder, folder / "reference")
    reference.snakemake(cores=2)
    return project, encoded, reference


def _set(project: Project, name: str, value: int) -> None:
    store = project.folder / "workflow/snakeval/inference/store.py"
    text, replaced = re.subn(
        rf"^{name} = \d+$", f"{name} = {value}", store.read_text(), flags=re.MULTILINE
    )
    assert replaced == 1, name
    store.write_text(text)


def during(
    project: Project, reference: Project, kinds: list[str], rng: random.Random
) -> list[Record]:
    """Faults of these kinds, one after the other, to one run; then its end."""
    records: list[Record] = []
    twice = 0  # so far, to tell which fault made it more
    for kind in kinds:
        if (
            project.results / "report/index.html"
        ).exists():  # it came to the end: the next fault finds a new run
            judge(project, reference, [record for record in records if not record.recovered])
            shutil.rmtree(project.results)
            twice = 0
        project.results.mkdir(exist_ok=True)
        if (detail := faults.DURING[kind](project, rng)) is not None:
            before, twice = twice, answered_twice(project)
            records.append(record_of(project, kind, detail, faults.output_of(project).read_text()))
            records[-1].asked_twice = twice - before
    judge(project, reference, [record for record in records if not record.recovered])
    if records:
        records[-1].asked_twice += answered_twice(project) - twice
    return records


def after(
    project: Project, reference: Project, kinds: list[str], rng: random.Random
) -> list[Record]:
    """Faults to a finished run, and what mends it."""
    records = []
    faults.output_of(project).touch()  # harm to files alone says nothing
    for kind in sorted(
        kinds, key=list(faults.AFTER).index, reverse=True
    ):  # files are damaged last, lest something else replaces them
        if (detail := faults.AFTER[kind](project, rng)) is not None:
            records.append(record_of(project, kind, detail, faults.output_of(project).read_text()))
    said = faults.mend(project)
    for record in records:
        record.told |= told(record, said)
    judge(project, reference, records)
    if records:
        records[-1].asked_twice = answered_twice(project)
    return records


def record_of(project: Project, kind: str, detail: str, output: str) -> Record:
    print(f"{kind}: {detail}", flush=True)
    record = Record(kind, detail)
    record.told = told(record, output)
    if not record.told and not kind.startswith(("file", "bit")):
        print(f"not told:\n{output}", flush=True)
    return record


def told(record: Record, output: str) -> bool:
    """Whether a user was told what happened."""
    return bool(
        re.search(faults.TOLD[record.kind].replace("{detail}", re.escape(record.detail)), output)
    )


def judge(project: Project, reference: Project, records: list[Record]) -> None:
    """Run to the end and compare with the undisturbed run."""
    problem = faults.finish(project)
    if problem:
        print(problem, flush=True)
    found, expected = project.tables(), reference.tables()
    differing = sorted(
        file for file in found.keys() | expected.keys() if found.get(file) != expected.get(file)
    )
    if differing:
        print(f"not as in the undisturbed run: {', '.join(differing)}", flush=True)
    identical = not problem and not differing
    for record in records:
        record.recovered, record.identical = not problem, identical


def answered_twice(project: Project) -> int:
    """Answers that stand in the store more than once."""
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
        "| fault | injected | told | recovered | tables identical | answers asked twice |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for kind, group in [*sorted(kinds.items()), ("**all**", records)]:
        counts = [
            len(group),
            *(
                sum(getattr(r, name) for r in group)
                for name in ("told", "recovered", "identical", "asked_twice")
            ),
        ]
        lines.append(f"| {kind} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines) + "\n"


def _insert(text: str, file: Path) -> None:
    """Put the table where an earlier one stands in a page, or at its end."""
    page = file.read_text(encoding="utf-8") if file.exists() else ""
    before, _, _ = page.partition("| fault | injected |")
    file.write_text(before + text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--kinds",
        nargs="+",
        help="kinds of faults, of " + ", ".join([*faults.DURING, *faults.AFTER]),
    )
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
                records += during(
                    copy(rng.choice(starts).folder, scratch),
                    reference,
                    rng.choices(during_a_run, k=8),
                    rng,
                )
            else:
                records += after(
                    copy(reference.folder, scratch), reference, rng.choices(afterwards, k=4), rng
                )
            shutil.rmtree(scratch)
            print(
                f"{len(records)} faults, {sum(not r.identical for r in records)} not recovered",
                flush=True,
            )
            if arguments.table:
                _insert(table(records), arguments.table)
    print(table(records))
    sys.exit(any(not record.identical for record in records))


if __name__ == "__main__":
    main()

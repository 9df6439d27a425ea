"""Every number, as CSV."""

import csv
from pathlib import Path

from snakeval.analysis.exports.printed import Printed

SUFFIX = "csv"


def write(printed: Printed, path: Path) -> None:
    names = printed.table.schema.names
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([row[name] for name in names] for row in printed.table.to_pylist())

"""Every number, as Parquet."""

from pathlib import Path

from snakeval.analysis.exports.printed import Printed
from snakeval.files import parquet

SUFFIX = "parquet"


def write(printed: Printed, path: Path) -> None:
    parquet.write(printed.table, path, printed.table.schema)

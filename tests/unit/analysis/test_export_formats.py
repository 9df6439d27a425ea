"""One file adds a format of exported tables."""

from builders.library_copy import copy_library, digest, run

from snakeval.analysis.stage import TABLES

LINES = '''
"""Names and values, a line each."""

SUFFIX = "txt"


def write(printed, path):
    rows = printed.table.to_pylist()
    path.write_text("".join(f"{row['task']} {row['value']}\\n" for row in rows), encoding="utf-8")
'''
USE = """
import json
from pathlib import Path

import pyarrow as pa
from snakeval.analysis.exports.formats import FORMATS


class Table:
    table = pa.table({"task": ["arithmetic"], "value": [0.5]})

FORMATS["txt"].write(Table, Path("main.txt"))
print(json.dumps([sorted(FORMATS), Path("main.txt").read_text()]))
"""


def test_a_new_file_is_a_format(tmp_path):
    library = copy_library(tmp_path)
    before = digest(TABLES, library)
    file = library / "analysis/exports/lines_file.py"
    file.write_text(LINES)
    added = digest(TABLES, library)
    names, written = run(library, USE)
    assert names == ["csv", "md", "parquet", "tex", "txt"]
    assert written == "arithmetic 0.5\n"
    file.write_text(LINES.replace("row['value']", "100 * row['value']"))
    assert len({before, added, digest(TABLES, library)}) == 3

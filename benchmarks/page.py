"""Measured tables in the pages of docs.

A table is between two comments, the first of which names the command that writes it.
"""

from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs" / "explanation"
END = "<!-- end -->"


def write(page: str, command: str, table: str) -> None:
    """Replace the table of `command` in docs/`page`.

    Raises ValueError where the page has no place for it.
    """
    path = DOCS / page
    begin = f"<!-- written by {command} -->"
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"{path}: no {begin} … {END}. Add these comments where the table belongs.")
    path.write_text(f"{before}{begin}\n{table.rstrip()}\n{END}{after}", encoding="utf-8")

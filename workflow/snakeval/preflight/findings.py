"""Findings as a table, as lines, and as the error that stops a run."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.schemas.run import PREFLIGHT


@dataclass(frozen=True)
class Finding:
    """A fault in a task's documents, for one model or for all (None)."""

    model: str | None
    benchmark: str
    task: str
    check: str
    severity: str
    """error or warning"""
    documents: int
    of: int
    example: int | None
    message: str
    """What is wrong and what to do, in one line."""


def table(findings: Iterable[Finding]) -> pa.Table:
    """PREFLIGHT rows, errors first."""
    rows = sorted(findings, key=lambda f: (f.severity, f.model or "", f.benchmark, f.task, f.check))
    return pa.Table.from_pylist([asdict(finding) for finding in rows], PREFLIGHT)


def per_task(
    found: np.ndarray,
    table: pa.Table,
    check: str,
    message: str,
    *,
    model: str | None,
    benchmark: str,
    systematic: str = "warning",
) -> list[Finding]:
    """A finding for each task that has documents with the fault.

    `found` is a mask over the rows of `table`. `systematic` is the severity where all documents of
    a task have the fault.
    """
    if not found.any():
        return []
    tasks = table["task"].combine_chunks().dictionary_encode()
    codes, ids = tasks.indices.to_numpy(), table["doc_id"].to_numpy()
    findings = []
    for code in np.unique(codes[found]):
        of, hit = codes == code, found & (codes == code)
        severity = systematic if hit.sum() == of.sum() else "warning"
        name = tasks.dictionary[int(code)].as_py()
        counts = int(hit.sum()), int(of.sum()), int(ids[hit].min())
        findings.append(Finding(model, benchmark, name, check, severity, *counts, message))
    return findings


def stop_on_errors(files: Iterable[str | Path]) -> pa.Table:
    """The PREFLIGHT rows in files. Raises UserError with a line for each error."""
    rows = pa.concat_tables([parquet.read(file, PREFLIGHT) for file in files])
    if errors := lines(rows.filter(pc.equal(rows["severity"], "error"))):
        raise UserError("\n".join(["preflight found errors that would ruin the run:", *errors]))
    return rows


def show(rows: pa.Table, model: str, terminal: TextIO | None) -> None:
    """Print the findings about a model to the terminal, if there is one."""
    for line in lines(rows.filter(pc.equal(rows["model"], model))) if terminal else []:
        print(line, file=terminal)


def lines(rows: pa.Table) -> list[str]:
    """Findings as text, one line for the same fault in several tasks.

    A line says how many documents of how many have the fault, which is the first, and what to do.
    """
    groups: dict[tuple[str, str | None, str, str, str], list[dict]] = {}
    for row in rows.to_pylist():
        key = (row["severity"], row["model"], row["benchmark"], row["check"], row["message"])
        groups.setdefault(key, []).append(row)
    return [_line(*key, rows_) for key, rows_ in groups.items()]


def _line(
    severity: str, model: str | None, benchmark: str, check: str, message: str, rows: list[dict]
) -> str:
    documents, of = (sum(row[column] for row in rows) for column in ("documents", "of"))
    names = [row["task"] for row in rows]
    tasks = "" if names == [benchmark] else f" ({_some(names)})"
    where = f"{model}, {benchmark}{tasks}" if model else f"{benchmark}{tasks}"
    first = rows[0]["example"]
    example = "" if first is None else f", first {first}"
    return f"{severity}: {where}: {check}: {documents} of {of} documents{example}: {message}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def as_text(findings: pa.Table, forecast: pa.Table) -> str:
    """Findings, one line each, and the forecast as a Markdown table."""
    from snakeval.analysis import markdown

    found = lines(findings)
    errors = sum(line.startswith("error") for line in found)
    head = "Preflight: nothing found."
    if found:
        head = f"Preflight: {errors} errors, {len(found) - errors} warnings."
    columns = (
        *("model", "benchmark", "documents", "tokens to read", "to write at most", "memory"),
        *("about", "on"),
    )
    rows = [
        (
            row["model"],
            row["benchmark"],
            f"{row['documents']:,}",
            f"{row['prompt_tokens'] + row['scored_tokens']:,}",
            f"{row['generated_tokens']:,}",
            "–" if row["memory_bytes"] is None else f"{row['memory_bytes'] / 1e9:.2f} GB",
            "–" if row["seconds"] is None else _duration(row["seconds"]),
            f"{row['gpus']} GPU" if row["gpus"] else f"{row['threads']} CPU",
        )
        for row in forecast.to_pylist()
    ]
    forecasts = [markdown.table(columns, rows, columns[2:-1])] if rows else []
    return "\n".join([head, *found, "", *forecasts, ""])


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"

"""A whole results folder checked: is every file there, and every byte as it was written?

Tables carry digests in their footers (`snakeval.files.parquet`), lists of files name digests too, and what else report and tables consist of
(the page, its samples, summaries, exports) is listed in `report/SHA256SUMS`, which `sha256sum --check` reads.
"""

import os
import shlex
from collections.abc import Collection
from pathlib import Path

from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.schemas.run import BENCHMARK_FILES
from snakeval.schemas.task import DOCUMENT_FILES
from snakeval.sources.signature import sha256_of

SUMS = Path("report", "SHA256SUMS")


def check(results: Path, configured: Collection[str] | None = None) -> int:
    """The number of files that are as they were written. Raises UserError that names each other one and says how to mend them all.

    `configured`: the models, benchmarks and data sets of the configuration; of others, which earlier ones left, nothing can be made anew.
    """
    found = [path for path in results.rglob("*.parquet") if not path.name.startswith(".")]
    tables = sorted(
        path for path in found if path.relative_to(results).parts[0] != "bundle"
    )  # copies, and files that are not ours
    odd = {
        path: "altered since it was written, or not a table of this workflow"
        for path in tables
        if not parquet.verify(path)
    }
    lists = sorted(path for path in (results / "index").rglob("*.parquet") if path not in odd)
    for index in lists:
        for path, digest in _listed(results, index).items():
            if not path.exists():
                odd[path] = f"missing, but {index} lists it"
            elif path not in odd and parquet.digest(path) != digest:
                odd[path] = f"not the file that {index} lists"
    sums = results / SUMS
    texts = _sums(sums) if sums.exists() else {}
    for path, digest in texts.items():
        if not path.exists():
            odd[path] = f"missing, but {sums} lists it"
        elif sha256_of(path) != digest:
            odd[path] = "altered since it was written"
    if sums.exists() and (unlisted := [file for file in _untabled(results) if file not in texts]):
        odd[sums] = f"does not list {unlisted[0]}"
    if odd:
        lines = [f"{path}: {what}" for path, what in sorted(odd.items())]
        remove = sorted(
            {
                file
                for path in odd
                for file in _to_remove(path, _output(results, path))
                if file.exists()
            }
        )
        damaged = {
            _output(results, path) for path in odd if path.relative_to(results).parts[0] != "store"
        }
        outputs = sorted(
            path
            for path in damaged
            if configured is None or _name(path.relative_to(results)) in (None, *configured)
        )
        again = shlex.join(["snakemake", "--cores", "1", "all", *map(str, outputs)])
        command = "rm -r" if any(file.is_dir() for file in remove) else "rm"
        steps = [f"{command} {shlex.join(map(str, remove))}"] * bool(remove) + [again]
        remedy = f"To have them, and only them, made anew: {' && '.join(steps)}"
        raise UserError(
            "\n".join(
                [
                    f"{len(odd)} of {len(tables) + len(texts)} files are not as they were written",
                    *lines,
                    remedy,
                ]
            )
        )
    return len(tables) + len(texts)


def write_sums(results: Path) -> None:
    """List the files of the report, and of the tables it shows, that are no tables of ours, with their sha256, for `check`."""
    lines = [
        f"{sha256_of(file)}  {Path(os.path.relpath(file, (results / SUMS).parent)).as_posix()}\n"
        for file in _untabled(results)
    ]
    (results / SUMS).write_text("".join(lines), encoding="utf-8")


def _untabled(results: Path) -> list[Path]:
    """The files of report and tables that are no tables of ours, of those that `snakemake` without a target makes."""
    tables, page = results / "tables", results / "report"
    found = [
        page / "index.html",
        *(page / "samples").rglob("*"),
        *(tables / "export").rglob("*"),
        tables / "summary.md",
        tables / "preflight.md",
    ]
    return sorted(
        file
        for file in found
        if file.is_file() and file.suffix != ".parquet" and not file.name.startswith(".")
    )


def _listed(results: Path, index: Path) -> dict[Path, str]:
    """The files an index lists, with their digests; none where it is the finding of a job that has no other files."""
    rows = parquet.read(index)
    if rows.column_names == BENCHMARK_FILES.names:
        folder = index.parent
    elif rows.column_names == DOCUMENT_FILES.names:
        folder = results / "datasets" / index.stem
    else:
        return {}
    pairs = zip(rows["file"].to_pylist(), rows["digest"].to_pylist(), strict=True)
    return {Path(os.path.normpath(folder / file)): digest for file, digest in pairs}


def _output(results: Path, path: Path) -> Path:
    """What Snakemake knows and can be asked for: the index that lists a file, the folder or page it belongs to, else the file itself."""
    parts = path.relative_to(results).parts
    if parts[:2] == ("tables", "export"):
        return results / "tables" / "export"
    if parts[0] == "report":
        return results / "report" / "index.html"
    if parts[0] == "datasets":
        return results / "index" / "datasets" / f"{parts[1]}.parquet"
    if parts[0] in ("tokens", "calls", "responses", "recorded", "scores"):
        return results.joinpath("index", *parts[:-2], f"{parts[-2]}.parquet")
    return path


def _name(output: Path) -> str | None:
    """The model, benchmark or data set that an output, relative to the results, is made for; None where it is of the whole run."""
    if output.parts[:2] == ("index", "calls"):
        return output.parts[2]
    of_run = output.parts[0] in ("tables", "report") or (
        output.parts[0] == "index" and len(output.parts) == 2
    )
    return None if of_run else output.stem


def _to_remove(path: Path, output: Path) -> tuple[Path, ...]:
    return (output,) if output in path.parents else (path, output)


def _sums(path: Path) -> dict[Path, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {Path(os.path.normpath(path.parent / line[66:])): line[:64] for line in lines}

"""A whole results folder, checked: is every file there, with every byte as it was written?

Tables carry digests in their footers (`snakeval.files.parquet`), and lists of files name digests
too. The other files of the report and of the tables (the page, its samples, summaries, exports) are
listed in `report/SHA256SUMS`, which `sha256sum --check` reads.
"""

import os
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path

from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.files.layout import Layout
from snakeval.schemas.run import BENCHMARK_FILES
from snakeval.schemas.task import DOCUMENT_FILES
from snakeval.sources.signature import sha256_of


def check(results: Path, configured: Collection[str] | None = None) -> int:
    """The number of checked files, where all of them are as they were written.

    Otherwise raises UserError, which names each damaged file and the command that rebuilds them.
    `configured`: the models, benchmarks and data sets of the configuration. Files of others, from
    earlier configurations, cannot be rebuilt, so the command leaves them out.
    """
    sums = Path(Layout(str(results)).sums())
    tables, texts = _tables(results), _sums(sums) if sums.exists() else {}
    damaged = _damaged_tables(results, tables) | _damaged_texts(results, texts)
    if damaged:
        head = f"{len(damaged)} of {len(tables) + len(texts)} files are not as they were written"
        lines = [f"{path}: {what}" for path, what in sorted(damaged.items())]
        raise UserError("\n".join([head, *lines, _remedy(results, damaged, configured)]))
    return len(tables) + len(texts)


def write_sums(results: Path) -> None:
    """List for `check`, with their sha256, the files of report and tables that are no Parquet."""
    sums = Path(Layout(str(results)).sums())
    lines = [
        f"{sha256_of(file)}  {Path(os.path.relpath(file, sums.parent)).as_posix()}\n"
        for file in _texts(results)
    ]
    sums.write_text("".join(lines), encoding="utf-8")


def _tables(results: Path) -> list[Path]:
    """All tables; a bundle holds copies, and files that are not ours."""
    found = [path for path in results.rglob("*.parquet") if not path.name.startswith(".")]
    return sorted(path for path in found if path.relative_to(results).parts[0] != "bundle")


def _texts(results: Path) -> list[Path]:
    """The files of report and tables that are no Parquet, of those that `snakemake` makes.

    Those of `snakemake gate` and `snakemake power` are left out.
    """
    layout = Layout(str(results))
    page = Path(layout.page())
    found = [
        page,
        *(page.parent / "samples").rglob("*"),
        *Path(layout.export()).rglob("*"),
        Path(layout.text("summary")),
        Path(layout.text("preflight")),
    ]
    return sorted(
        file
        for file in found
        if file.is_file() and file.suffix != ".parquet" and not file.name.startswith(".")
    )


def _damaged_tables(results: Path, tables: Collection[Path]) -> dict[Path, str]:
    """Damaged tables, and those that an index lists but that are missing or replaced."""
    altered = "altered since it was written, or not a table of this workflow"
    damaged = {path: altered for path in tables if not parquet.verify(path)}
    indices = sorted(path for path in (results / "index").rglob("*.parquet") if path not in damaged)
    for index in indices:
        for path, digest in _listed(results, index).items():
            if not path.exists():
                damaged[path] = f"missing, but {index} lists it"
            elif path not in damaged and parquet.digest(path) != digest:
                damaged[path] = f"not the file that {index} lists"
    return damaged


def _damaged_texts(results: Path, texts: Mapping[Path, str]) -> dict[Path, str]:
    """Damaged and missing files of SHA256SUMS, and the list itself where it lacks one."""
    sums = Path(Layout(str(results)).sums())
    damaged: dict[Path, str] = {}
    for path, digest in texts.items():
        if not path.exists():
            damaged[path] = f"missing, but {sums} lists it"
        elif sha256_of(path) != digest:
            damaged[path] = "altered since it was written"
    if sums.exists() and (unlisted := [file for file in _texts(results) if file not in texts]):
        damaged[sums] = f"does not list {unlisted[0]}"
    return damaged


def _remedy(results: Path, damaged: Collection[Path], configured: Collection[str] | None) -> str:
    """The command that rebuilds the damaged files, and only them."""
    outputs = {path: _output(results, path) for path in damaged}
    remove = {file for path, output in outputs.items() for file in _to_remove(path, output)}
    existing = sorted(file for file in remove if file.exists())
    targets = {
        output
        for path, output in outputs.items()
        if path.relative_to(results).parts[0] != "store"
        and (configured is None or _name(output.relative_to(results)) in (None, *configured))
    }
    rebuild = shlex.join(["snakemake", "--cores", "1", "all", *map(str, sorted(targets))])
    if not existing:
        return f"To rebuild only these files: {rebuild}"
    command = "rm -r" if any(file.is_dir() for file in existing) else "rm"
    return f"To rebuild only these files: {command} {shlex.join(map(str, existing))} && {rebuild}"


def _listed(results: Path, index: Path) -> dict[Path, str]:
    """The files that an index lists, with their digests; empty for a job without other files."""
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
    """The output of a rule that a file belongs to, for Snakemake can make no other.

    That is the index that lists the file, its folder or page, or the file itself.
    """
    layout, parts = Layout(str(results)), path.relative_to(results).parts
    if parts[:2] == ("tables", "export"):
        return Path(layout.export())
    if parts[0] == "report":
        return Path(layout.page())
    if parts[0] == "datasets":
        return Path(layout.dataset_index(parts[1]))
    if parts[0] in ("tokens", "calls", "responses", "recorded", "scores"):
        return results.joinpath("index", *parts[:-2], f"{parts[-2]}.parquet")
    return path


def _name(output: Path) -> str | None:
    """The model, benchmark or data set of an output; None where it is of the whole run.

    `output`: relative to the results.
    """
    if output.parts[:2] == ("index", "calls"):
        return output.parts[2]
    of_index = output.parts[0] == "index" and len(output.parts) == 2
    of_run = output.parts[0] in ("tables", "report") or of_index
    return None if of_run else output.stem


def _to_remove(path: Path, output: Path) -> tuple[Path, ...]:
    return (output,) if output in path.parents else (path, output)


def _sums(path: Path) -> dict[Path, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {Path(os.path.normpath(path.parent / line[66:])): line[:64] for line in lines}

"""Documents in files of one's own: which file holds a split of a subset, in the layouts that data sets come in.

A path may be a file, which serves every split; a path with `{name}` and `{split}`; or a folder that holds, for a split called test,

    test.jsonl          data/test.parquet          test-00000-of-00002.parquet, test-00001-of-00002.parquet          test/part-1.json …

and the same below a folder of the subset's name. Formats: see `snakeval.sources.file_formats`.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from snakeval.errors import UserError
from snakeval.sources import file_formats
from snakeval.sources.file_formats import Reading
from snakeval.sources.location import PLACEHOLDER, files, signed_files, split_pattern

_SHARD = re.compile(r"-(\d+)-of-(\d+)(-[0-9a-f]+)?$")


@dataclass(frozen=True)
class LocalData:
    """Files of a data set and how to read them."""

    path: Path
    splits: Mapping[str, str] = field(
        default_factory=dict
    )  # what a task calls a split: what files call it
    reading: Reading = field(default_factory=Reading)


def read(data: LocalData, name: str | None, split: str, *, only_subset: bool) -> pa.Table:
    """The documents of a split of subset `name`.

    `only_subset`: no other subset is asked of the same path, so files that bear no subset's name may serve it. Raises UserError for files
    that are missing, ambiguous, damaged, or without documents.
    """
    found = find(data, name, split, only_subset=only_subset)
    tables = [file_formats.read(file, data.reading) for file in found]
    for file, table in zip(found, tables, strict=True):
        if odd := sorted(set(table.column_names) ^ set(tables[0].column_names)):
            raise UserError(
                f"{file}: column {odd[0]!r} is not in all files of the split; give parts of one file, or put {{name}} in the path"
            )
    try:
        table = pa.concat_tables(tables, promote_options="default").combine_chunks()
    except pa.ArrowException as error:
        raise UserError(
            f"{found[0]} and {len(found) - 1} more: columns differ between the files of one split ({error})"
        ) from None
    if not table.num_rows:
        raise UserError(f"{found[0]}: no documents; give a file that holds some")
    return table


def find(data: LocalData, name: str | None, split: str, *, only_subset: bool) -> list[Path]:
    """The files that hold a split of subset `name`; several when it is cut into parts."""
    path, part = data.path, data.splits.get(split, split)
    fixed, pattern = split_pattern(path)
    if (
        "{name}" not in pattern
        and name is not None
        and not only_subset
        and not _subset_folders(path, name)
    ):
        raise UserError(
            f"{path}: asked for subset {name} among others, but its name is nowhere; put {{name}} where it varies in the path"
        )
    if pattern:
        return [_fill(fixed, pattern, name, part, split, path)]
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UserError(f"{path}: no such file or folder; correct the path in `datasets`")
    folders = _subset_folders(path, name) or [path, path / "data"]
    candidates = {files for folder in folders for files in _candidates(folder, part)}
    if not candidates:
        there = ", ".join(sorted(set().union(*map(_splits, folders)))) or "no data file"
        raise UserError(
            f"{folders[0]}: no file of split {part}; there: {there}; say under `splits` what the files call {split}"
        )
    if len(candidates) > 1:
        both = " and ".join(sorted(str(files[0]) for files in candidates)[:2])
        raise UserError(
            f"{both} both look like split {part}; put {{split}} and {{name}} where they vary in the path"
        )
    return _whole(list(candidates.pop()))


def _subset_folders(path: Path, name: str | None) -> list[Path]:
    if name is None or ".." in name or not (path / name).is_dir():
        return []
    return [path / name, path / name / "data"]


def _fill(fixed: Path, pattern: str, name: str | None, part: str, split: str, path: Path) -> Path:
    """The file a path with placeholders stands for."""
    values = {"name": name, "split": part}
    for key in PLACEHOLDER.findall(pattern):
        value = values[key]
        if value is None:
            raise UserError(f"{path}: the task names no subset (dataset_name) to put for {{name}}")
        if ".." in value or value.startswith("/"):
            raise UserError(
                f"{path}: {key} {value!r} would leave the folder; correct the task's {key}"
            )
    file = fixed / PLACEHOLDER.sub(lambda match: str(values[match[1]]), pattern)
    if not file.is_file():
        there = [found for found, _ in signed_files(path)]
        near = difflib.get_close_matches(file.relative_to(fixed).as_posix(), there, 3, 0) or [
            "nothing that fits the path"
        ]
        raise UserError(
            f"{file}: no such file; there: {', '.join(near)}; correct the path, or say under `splits` what files call {split}"
        )
    return file


def _candidates(folder: Path, part: str) -> list[tuple[Path, ...]]:
    """Groups of files that may be the split: one file, or parts of one that differ by their numbers only."""
    groups: dict[Any, list[Path]] = {}
    for file in files(folder):
        kind = file_formats.kind(file)
        if kind is None:
            continue
        stem = file_formats.stem(file)
        if len(file.parts) == 1 and stem == part:
            groups[file] = [folder / file]
        elif len(file.parts) == 1 and _SHARD.sub("", stem) == part:
            groups.setdefault(("shards", kind), []).append(folder / file)
        elif len(file.parts) == 2 and file.parts[0] == part:
            groups.setdefault(("folder", kind, re.sub(r"\d+", "", stem)), []).append(folder / file)
    return [tuple(group) for group in groups.values()]


def _whole(found: list[Path]) -> list[Path]:
    """The shards of a split in order. Raises UserError when their names tell of one that is missing."""
    numbers = {
        int(shard[1]): int(shard[2])
        for file in found
        if (shard := _SHARD.search(file_formats.stem(file)))
    }
    if numbers and set(numbers) != set(range(max(numbers.values()))):
        missing = sorted(set(range(max(numbers.values()))) - set(numbers))
        raise UserError(
            f"{found[0].parent}: part {missing[0]} of {max(numbers.values())} of {found[0].name} is missing; copy all parts"
        )
    return found


def _splits(folder: Path) -> set[str]:
    """What the data files of a folder call their splits."""
    if not folder.is_dir():
        return set()
    known = [file for file in files(folder) if file_formats.kind(file)]
    return {
        _SHARD.sub("", file_formats.stem(file)) if len(file.parts) == 1 else f"{file.parts[0]}/"
        for file in known
    }

"""Which local files hold a split of a subset, in the layouts that data sets come in.

A path is one of these:

- a file, which serves every split;
- a path with `{name}` and `{split}`;
- a folder. For a split called test it has one of these, in itself, in `data` or in a folder with
  the subset's name:

    test.jsonl
    test-00000-of-00002.parquet, test-00001-of-00002.parquet
    test/part-1.json …

`snakeval.sources.file_formats` lists the formats.
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
from snakeval.sources.signature import PLACEHOLDER, files, signed_files, split_pattern

_SHARD = re.compile(r"-(\d+)-of-(\d+)(-[0-9a-f]+)?$")


@dataclass(frozen=True)
class LocalData:
    """Files of a data set and how to read them."""

    path: Path
    splits: Mapping[str, str] = field(default_factory=dict)
    """What a task calls a split -> what files call it."""
    reading: Reading = field(default_factory=Reading)


def read(data: LocalData, name: str | None, split: str, *, only_subset: bool) -> pa.Table:
    """The documents of a split of subset `name`.

    `only_subset`: no task reads another subset from the same path, so files without a subset's name
    may hold it. Raises UserError for files that are missing, ambiguous, damaged, or without
    documents.
    """
    found = find(data, name, split, only_subset=only_subset)
    tables = [file_formats.read(file, data.reading) for file in found]
    for file, table in zip(found, tables, strict=True):
        if odd := sorted(set(table.column_names) ^ set(tables[0].column_names)):
            raise UserError(
                f"{file}: column {odd[0]!r} is not in all files of the split. "
                "Give parts of one file, or put {name} in the path."
            )
    try:
        table = pa.concat_tables(tables, promote_options="default").combine_chunks()
    except pa.ArrowException as error:
        raise UserError(
            f"{found[0]} and {len(found) - 1} more: columns differ between the files of one split "
            f"({error}). Give parts of one file."
        ) from None
    if not table.num_rows:
        raise UserError(f"{found[0]}: no documents. Give a file with documents.")
    return table


def find(data: LocalData, name: str | None, split: str, *, only_subset: bool) -> list[Path]:
    """The files that hold a split of subset `name`; several when it is cut into parts.

    Raises UserError when there are none, or when several files could be meant.
    """
    path, part = data.path, data.splits.get(split, split)
    fixed, pattern = split_pattern(path)
    shared = name is not None and not only_subset and "{name}" not in pattern
    if shared and not _subset_folders(path, name):
        raise UserError(
            f"{path}: tasks read subset {name} and others, but no file has this name. "
            "Put {name} where it varies in the path."
        )
    if pattern:
        return [_fill(fixed, pattern, name, part, split, path)]
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UserError(f"{path}: no such file or folder. Correct the path in `datasets`.")
    folders = _subset_folders(path, name) or [path, path / "data"]
    candidates = {files for folder in folders for files in _candidates(folder, part)}
    if not candidates:
        there = ", ".join(sorted(set().union(*map(_splits, folders)))) or "no data file"
        raise UserError(
            f"{folders[0]}: no file of split {part}. Found: {there}. "
            f"Write under `splits` what the files call {split}."
        )
    if len(candidates) > 1:
        both = " and ".join(sorted(str(files[0]) for files in candidates)[:2])
        raise UserError(
            f"{both} both look like split {part}. "
            "Put {split} and {name} where they vary in the path."
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
            raise UserError(f"{path}: the task has no dataset_name to replace {{name}}. Add one.")
        if ".." in value or value.startswith("/"):
            raise UserError(
                f"{path}: {key} {value!r} would leave the folder. Correct the task's {key}."
            )
    file = fixed / PLACEHOLDER.sub(lambda match: str(values[match[1]]), pattern)
    if not file.is_file():
        there = [found for found, _ in signed_files(path)]
        near = difflib.get_close_matches(file.relative_to(fixed).as_posix(), there, 3, 0) or [
            "no file that matches the path"
        ]
        raise UserError(
            f"{file}: no such file. Found: {', '.join(near)}. "
            f"Correct the path, or write under `splits` what files call {split}."
        )
    return file


def _candidates(folder: Path, part: str) -> list[tuple[Path, ...]]:
    """Groups of files that may be the split.

    A group is one file, or parts of one that differ only by their numbers.
    """
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
    """The shards of a split in order.

    Raises UserError when a number is missing from their names.
    """
    numbers = {
        int(shard[1]): int(shard[2])
        for file in found
        if (shard := _SHARD.search(file_formats.stem(file)))
    }
    total = max(numbers.values(), default=0)
    if numbers and set(numbers) != set(range(total)):
        missing = min(set(range(total)) - set(numbers))
        raise UserError(
            f"{found[0].parent}: part {missing} of {total} of {found[0].name} is missing. "
            "Copy all parts."
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

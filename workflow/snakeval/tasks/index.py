"""Which file of a folder defines a task, group or tag, without parsing the whole folder.

The package of lm-evaluation-harness has 14,000 task files. A regular expression finds the few keys
of each file that name things. The user's cache keeps them with the file's time and size, so that a
later start reads only changed files.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from snakeval.errors import UserError
from snakeval.files import atomic
from snakeval.files.yaml_file import refuse_deep
from snakeval.tasks import loader

CACHED_FROM = 500  # files; fewer are read faster than looked up
_IGNORED_FOLDERS = {"__pycache__", ".ipynb_checkpoints", ".git"}
# A key at the start of a line that names things, with its value: the rest of the line and all
# following lines that are indented or list items.
_NAMING_KEY = re.compile(
    r"""^(["']?)(task|group|tag|include|class)\1[ \t]*:(?=[ \t\r\n]|\Z)"""
    r"""(.*(?:\r?\n(?:[ \t#\-].*)?)*)""",
    re.MULTILINE,
)
_PLAIN = re.compile(r"[ \t]+([A-Za-z_][\w./+\-]*)[ \t]*(?:#.*)?\s*\Z")
# Folders of many files, which a process reads once. Small folders may change while it runs.
_LARGE: dict[str, "Index"] = {}
# Words that YAML does not read as text.
_RESERVED = frozenset({"null", "true", "false", "yes", "no", "on", "off"})

Record = dict[str, Any]


@dataclass(frozen=True)
class Index:
    """Names in one folder: the files of tasks and groups, and the tasks of each tag.

    Files have the names that `snakeval.tasks.loader` gives them.
    """

    tasks: dict[str, str]
    groups: dict[str, str]
    tags: dict[str, list[str]]

    def __contains__(self, name: str) -> bool:
        return name in self.tasks or name in self.groups or name in self.tags


def build(folder: str, cached_from: int = CACHED_FROM) -> Index:
    """The names that the `*.yaml` files under `folder` define.

    Of two files with one name, the first by path counts. `folder` is a path, or `lm_eval` for the
    tasks of the installed package. Raises UserError when there is no such folder.
    """
    root = loader.locate(folder)
    if not root.is_dir():
        raise UserError(f"task_paths: no folder {folder}. Correct the path.")
    if folder in _LARGE:
        return _LARGE[folder]
    found = dict(sorted(_files(root)))
    use_cache = len(found) >= cached_from
    kept = _read_cache(root) if use_cache else {}
    records = {path: _record(folder, path, stamp, kept) for path, stamp in found.items()}
    for path in list(records):
        _follow(folder, root, path, records, kept)
    if use_cache and records != kept:
        _write_cache(root, records)
    names = _index(folder, found, records)
    if use_cache:
        _LARGE[folder] = names
    return names


def _files(root: Path) -> Iterator[tuple[str, list[int]]]:
    """Each task file under `root`: its path relative to it, and its time and size."""
    pending = [(str(root), "")]
    while pending:
        folder, relative = pending.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".yaml"):
                    status = entry.stat()
                    yield relative + entry.name, [status.st_mtime_ns, status.st_size]
                elif entry.name not in _IGNORED_FOLDERS and entry.is_dir():
                    pending.append((entry.path, f"{relative}{entry.name}/"))


def _record(folder: str, path: str, stamp: list[int], kept: dict[str, Record]) -> Record:
    known = kept.get(path)
    if known and known["stamp"] == stamp:
        return known
    return {"stamp": stamp, **_scan(loader.relative_to(f"{folder}/_", path))}


def _follow(
    folder: str, root: Path, path: str, records: dict[str, Record], kept: dict[str, Record]
) -> None:
    """Add the records of included files that are not `*.yaml`. Names may come from them."""
    for included in _included(path, records[path]):
        if included not in records:
            target = root / included
            if target.is_file():
                status = target.stat()
                stamp = [status.st_mtime_ns, status.st_size]
                records[included] = _record(folder, included, stamp, kept)
                _follow(folder, root, included, records, kept)


def _scan(name: str) -> Record:
    """The naming keys of one file.

    A file that cannot be read or understood names nothing. Loading it shows its error.
    """
    try:
        text = loader.locate(name).read_bytes().decode(errors="replace")
    except OSError:
        return {}
    record: Record = {}
    for match in _NAMING_KEY.finditer(text):
        key = match[2]
        record[key] = True if key == "class" else _value(match[3])
    if "group" in record and "class" not in record:
        record.pop("task", None)  # its members: a list that may be long
    return record


def _value(text: str) -> Any:
    plain = _PLAIN.match(text)
    if plain and plain[1].lower() not in _RESERVED:
        return plain[1]
    try:
        refuse_deep("x:" + text)
        return yaml.load("x:" + text, Loader=_Names)["x"]
    except (yaml.YAMLError, ValueError):  # also impossible dates and numbers
        return None


class _Names(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML without the meaning of its tags."""


_Names.add_constructor(None, lambda loader, node: None)


def _included(path: str, record: Record) -> list[str]:
    given = record.get("include")
    return [
        loader.relative_to(path, item)
        for item in (given if isinstance(given, list) else [given])
        if isinstance(item, str)
    ]


def _index(folder: str, files: dict[str, list[int]], records: dict[str, Record]) -> Index:
    index = Index({}, {}, {})
    merge = cache(lambda path: _merged(path, records, ()))
    for path in files:
        record = merge(path)
        name = loader.relative_to(f"{folder}/_", path)
        if "class" not in record and isinstance(record.get("group"), str):
            index.groups.setdefault(record["group"], name)
        elif isinstance(record.get("task"), str) and record["task"] not in index.tasks:
            index.tasks[record["task"]] = name
            tags = record.get("tag")
            for tag in tags if isinstance(tags, list) else [tags]:
                if isinstance(tag, str) and tag:
                    index.tags.setdefault(tag, []).append(record["task"])
    for members in index.tags.values():
        members.sort()
    return index


def _merged(path: str, records: dict[str, Record], above: tuple[str, ...]) -> Record:
    """A file's naming keys, with those of the files it includes."""
    record = records.get(path)
    if record is None or path in above:
        return {}
    merged: Record = {}
    for included in _included(path, record):
        merged |= _merged(included, records, (*above, path))
    return merged | record


def _cache_file(root: Path) -> Path:
    """A file for the folder and this version of the module: another one may look for other keys."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    key = hashlib.sha256(str(root.resolve()).encode() + Path(__file__).read_bytes()).hexdigest()
    return Path(base) / "snakeval" / f"tasks-{key[:16]}.json"


def _read_cache(root: Path) -> dict[str, Record]:
    """What an earlier run found; nothing where there is no cache or a damaged one."""
    try:
        return json.loads(_cache_file(root).read_text())
    except (OSError, ValueError):
        return {}


def _write_cache(root: Path, records: dict[str, Record]) -> None:
    # A home that cannot be written costs time at the next start, nothing else.
    with contextlib.suppress(OSError):
        atomic.write_text(_cache_file(root), json.dumps(records))

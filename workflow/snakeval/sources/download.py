"""The stage that brings models and documents to this machine. No other stage may use a network."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.jobs.retry import Retry
from snakeval.schemas.model import MODEL_FILES
from snakeval.schemas.task import DOCUMENT_FILES
from snakeval.sources import location, naming, own_function
from snakeval.sources.scheme import (
    FoundDocuments,
    Places,
    Subset,
    WantedDocuments,
    WantedModel,
)
from snakeval.sources.schemes.registry import SCHEMES

_READING_KEYS = ("columns", "field", "text", "types", "format")


def model(
    settings: Mapping[str, Any],
    name: str,
    *,
    terminal: TextIO | None = None,
    root: Path = location.ROOT,
    base: Path = Path(),
    cache_dir: Path | None = None,
    retry: Retry | None = None,
) -> pa.Table:
    """Bring a model to this machine, or find it there, and list its files with their sha256.

    `settings` are `source` and `revision` of the configuration; for recorded answers also `files`.
    `root` holds the demo models, and relative paths start from `base`. Weights are downloaded as
    safetensors only, to `cache_dir` or else the client's own cache. Returns a MODEL_FILES table.
    """
    where = f"models.{name}.source"
    source = location.parse(settings["source"], where, "models")
    access = SCHEMES[source.scheme].models
    assert access is not None  # parse accepts schemes of models only
    wanted = WantedModel(
        source,
        where,
        settings.get("revision"),
        tuple(settings.get("files", ())),
        Places(root, base, cache_dir),
        retry or Retry(say=_speaker(terminal)),
    )
    found = access.fetch(wanted)
    rows = [
        {
            "model": name,
            "source": settings["source"],
            "revision": found.revision,
            "folder": str((found.folder or file.parent).absolute()),
            "file": file.relative_to(found.folder or file.parent).as_posix(),
            "size": file.stat().st_size,
            "sha256": digest,
        }
        for file, digest in found.sha256.items()
    ]
    return pa.Table.from_pylist(rows, MODEL_FILES)


def write_dataset(
    settings: Mapping[str, Any],
    folder: Path,
    index: str | Path,
    *,
    terminal: TextIO | None = None,
    **places: Any,
) -> None:
    """Write the wanted splits to `folder`/{subset}/{split}.parquet and their list to `index`.

    The list is a DOCUMENT_FILES table. Files whose fingerprint is still right are kept. `settings`
    and `places` are those of `dataset`.
    """
    same_for_all = {
        key: value for key, value in settings.items() if key not in ("subsets", "allow_functions")
    }
    prints = {
        (subset, split): parquet.fingerprint_of(same_for_all, part["name"], part["kwargs"], split)
        for subset, part in settings["subsets"].items()
        for split in part["splits"]
    }
    paths = {
        (subset, split): folder / subset / f"{naming.split_id(split)}.parquet"
        for subset, split in prints
    }
    kept = frozenset(key for key, path in paths.items() if parquet.fresh(path, prints[key]))
    for subset, split, table in dataset(settings, skip=kept, terminal=terminal, **places):
        parquet.write(table, paths[subset, split], None, prints[subset, split])
    rows = []
    for (subset, split), path in sorted(paths.items()):
        footer = pq.read_metadata(path)
        rows.append(
            {
                "source": settings["source"],
                "revision": (footer.metadata or {}).get(b"revision", b"").decode() or None,
                "subset": subset,
                "name": settings["subsets"][subset]["name"],
                "split": split,
                "file": path.relative_to(folder).as_posix(),
                "documents": footer.num_rows,
                "digest": parquet.digest(path),
            }
        )
    parquet.write(pa.Table.from_pylist(rows, DOCUMENT_FILES), index, DOCUMENT_FILES)


def dataset(
    settings: Mapping[str, Any],
    *,
    skip: frozenset[tuple[str, str]] = frozenset(),
    terminal: TextIO | None = None,
    root: Path = location.ROOT,
    base: Path = Path(),
    cache_dir: Path | None = None,
    retry: Retry | None = None,
) -> Iterator[tuple[str, str, pa.Table]]:
    """Documents as published: (subset, split, table) of the wanted splits that are not in `skip`.

    `settings`: `source`, `revision`, and `subsets`: {subset: {"name": str or None, "kwargs": {…},
    "splits": [split, …]}}. For local files also `splits` (what files call them) and the fields of
    `snakeval.sources.file_formats.Reading`. For a task's custom_dataset its `function`, which gets
    the `kwargs`. The metadata of a table's schema name its `source` and, for a hub, its `revision`.
    Raises UserError for data that are missing, damaged, or without documents.
    """
    retry = retry or Retry(say=_speaker(terminal))
    where, origin = "datasets", settings["source"]
    subsets = _without(settings["subsets"], skip)
    if not subsets:
        return
    found = _found(settings, subsets, where, Places(root, base, cache_dir), retry)
    metadata = {"source": origin, **({"revision": found.revision} if found.revision else {})}
    for subset, split, table in found.tables:
        if not table.num_rows:
            raise UserError(
                f"{where}: {origin}: split {split} of subset {subset} has no documents. "
                "Choose another split in the task."
            )
        name = subsets[subset].name
        retry.say(f"{origin}{f' {name}' if name else ''}: {table.num_rows} documents of {split}")
        yield subset, split, table.replace_schema_metadata(metadata)


def _without(
    wanted: Mapping[str, Mapping[str, Any]], skip: frozenset[tuple[str, str]]
) -> dict[str, Subset]:
    """The subsets without the splits in `skip`, and without those that then have no split."""
    subsets = {}
    for name, part in wanted.items():
        splits = tuple(split for split in part["splits"] if (name, split) not in skip)
        if splits:
            subsets[name] = Subset(part["name"], part["kwargs"], splits)
    return subsets


def _found(
    settings: Mapping[str, Any],
    subsets: Mapping[str, Subset],
    where: str,
    places: Places,
    retry: Retry,
) -> FoundDocuments:
    if "function" in settings:
        return FoundDocuments(own_function.tables(settings["function"], subsets))
    source = location.parse(settings["source"], where, "documents")
    access = SCHEMES[source.scheme].documents
    assert access is not None  # parse accepts schemes of documents only
    names = {part["name"] for part in settings["subsets"].values()}
    reading = {key: settings[key] for key in _READING_KEYS if settings.get(key) is not None}
    if "columns" in reading:
        reading["columns"] = tuple(reading["columns"])
    wanted = WantedDocuments(
        source=source,
        where=where,
        revision=settings.get("revision"),
        subsets=subsets,
        only_subset=len(names) == 1,
        split_names=settings.get("splits") or {},
        reading=reading,
        places=places,
        retry=retry,
    )
    return access.fetch(wanted)


def _speaker(terminal: TextIO | None) -> Callable[[str], None]:
    """A function that prints a line to the log (standard error) and to the terminal."""

    def say(line: str) -> None:
        for stream in (sys.stderr, terminal):
            if stream is not None:
                print(line, file=stream, flush=True)

    return say

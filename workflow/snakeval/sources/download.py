"""The stage that brings models and documents to this machine: the only one that may use a network."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.generators.generate import generate
from snakeval.jobs.retry import Retry
from snakeval.schemas.model import MODEL_FILES
from snakeval.schemas.task import DOCUMENT_FILES
from snakeval.sources import documents, file_formats, huggingface, local, location, modelscope
from snakeval.tasks import functions

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
    """Bring a model to this machine, or find it there, and return the MODEL_FILES table: what loading it takes, with sha256.

    `settings` are `source` and `revision` of the configuration; `root` and `base` are where demo models lie and where relative paths
    start. Weights are fetched as safetensors only; they go to the Hugging Face cache unless `cache_dir` says otherwise.
    """
    retry = retry or Retry(say=_speaker(terminal))
    where = f"models.{name}.source"
    source = location.parse(settings["source"], where, location.MODEL_SCHEMES)
    if source.scheme == "recorded":
        return _listed(
            name,
            settings["source"],
            None,
            {Path(file): location.sha256_of(Path(file)) for file in settings["files"]},
        )
    revision: str | None = None
    if source.scheme == "hf":
        repository = huggingface.Repository(
            "model", source.location, settings.get("revision"), where
        )
        revision = huggingface.commit(repository, retry, cache_dir)
        wanted = location.model_files(
            huggingface.root_files(repository, revision, retry, cache_dir), where, str(repository)
        )
        retry.say(f"{name}: fetching {len(wanted)} files of {repository} (commit {revision[:12]})")
        snapshot = huggingface.fetch(repository, revision, wanted, retry, cache_dir)
        folder, sha256 = snapshot.folder, snapshot.sha256
    else:
        if source.scheme == "modelscope":
            revision = settings.get("revision") or modelscope.DEFAULT_REVISION
            folder = modelscope.model(source.location, revision, where, retry, cache_dir)
        else:
            folder = location.model_folder(source, root, where, base)
        wanted = location.model_files(
            [entry.name for entry in folder.iterdir() if entry.is_file()], where, str(folder)
        )
        sha256 = {file: location.sha256_of(folder / file) for file in wanted}
    return _listed(
        name, settings["source"], revision, {folder / file: sha256[file] for file in wanted}, folder
    )


def _listed(
    name: str,
    source: str,
    revision: str | None,
    sha256: Mapping[Path, str],
    folder: Path | None = None,
) -> pa.Table:
    """MODEL_FILES of files with their sha256; each in its own folder where none is given."""
    rows = [
        {
            "model": name,
            "source": source,
            "revision": revision,
            "folder": str((folder or file.parent).absolute()),
            "file": file.relative_to(folder or file.parent).as_posix(),
            "size": file.stat().st_size,
            "sha256": digest,
        }
        for file, digest in sha256.items()
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
    """Write the splits that `settings` ask for to `folder`/{subset}/{split}.parquet and their list, a DOCUMENT_FILES table, to `index`.

    Files whose fingerprint is still right are kept. `places` go to `dataset`.
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
        (subset, split): folder / subset / f"{location.split_id(split)}.parquet"
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
    """Documents as published: (subset, split, table) for every split asked, but those in `skip`.

    `settings`: `source`, `revision`, and `subsets`: {subset: {"name": str or None, "kwargs": {…}, "splits": [split, …]}}; for local files
    also `splits` (what files call them) and `columns`, `field`, `text`, `types`, `format` as in `snakeval.sources.file_formats.Reading`; for a
    task's custom_dataset its `function`, whose arguments are the `kwargs`. The metadata of a table's schema name its `source` and, for a
    hub, its `revision`. Raises UserError for data that are missing, damaged, or without documents.
    """
    retry = retry or Retry(say=_speaker(terminal))
    where = "datasets"
    source = (
        None
        if "function" in settings
        else location.parse(settings["source"], where, location.DATA_SCHEMES)
    )
    subsets = {
        subset: {
            **part,
            "splits": [split for split in part["splits"] if (subset, split) not in skip],
        }
        for subset, part in settings["subsets"].items()
    }
    subsets = {subset: part for subset, part in subsets.items() if part["splits"]}
    revision: str | None = None
    if not subsets:
        return
    if source is None:
        found = _computed(settings["function"], subsets)
    elif source.scheme == "generator":
        found = _generated(source, subsets)
    elif source.scheme == "path":
        data = local.LocalData(
            location.local_path(source, root, base),
            settings.get("splits") or {},
            _reading(settings),
        )
        found = _local(
            data,
            subsets,
            only_subset=len({part["name"] for part in settings["subsets"].values()}) == 1,
        )
    else:
        repository = huggingface.Repository(
            "dataset", source.location, settings.get("revision"), where
        )
        if source.scheme == "modelscope":
            revision = settings.get("revision") or modelscope.DEFAULT_REVISION
            folder = modelscope.dataset(source.location, revision, where, retry, cache_dir)
            repository = replace(repository, name=str(folder), revision=None)
        elif not huggingface.is_file_loader(source.location):
            revision = huggingface.commit(repository, retry)
        found = _published(repository, revision if source.scheme == "hf" else None, subsets, retry)
    origin = settings["source"]
    metadata = {"source": origin, **({"revision": revision} if revision else {})}
    for subset, split, table in found:
        if not table.num_rows:
            raise UserError(
                f"{where}: {origin}: split {split} of subset {subset} has no documents; name another split in the task"
            )
        name = subsets[subset]["name"]
        retry.say(f"{origin}{f' {name}' if name else ''}: {table.num_rows} documents of {split}")
        yield subset, split, table.replace_schema_metadata(metadata)


def _local(
    data: local.LocalData, subsets: Mapping[str, Any], *, only_subset: bool
) -> Iterator[tuple[str, str, pa.Table]]:
    for subset, part in subsets.items():
        for split in part["splits"]:
            yield subset, split, local.read(data, part["name"], split, only_subset=only_subset)


def _generated(
    source: location.Source, subsets: Mapping[str, Any]
) -> Iterator[tuple[str, str, pa.Table]]:
    for subset, part in subsets.items():
        if unknown := sorted(set(part["kwargs"]) - {"seed", "size", "difficulty"}):
            raise UserError(
                f"{source}: dataset_kwargs: no such key {unknown[0]}; known are seed, size and difficulty"
            )
        for split in part["splits"]:
            made = generate(source.location, subset=part["name"], split=split, **part["kwargs"])
            yield subset, split, documents.table(made, str(source))


def _computed(
    function: Mapping[str, Any], subsets: Mapping[str, Any]
) -> Iterator[tuple[str, str, pa.Table]]:
    """What a task's own function gives: {split: datasets.Dataset or list of dictionaries}."""
    make, where = (
        functions.load(dict(function)),
        f"{function['file']}: custom_dataset: !function {function['!function']}",
    )
    for subset, part in subsets.items():
        try:
            made = make(**part["kwargs"])
        except UserError:
            raise
        except Exception as error:  # a task's function may fail in any way
            raise UserError(f"{where} raised {type(error).__name__}: {error}") from error
        if not isinstance(made, Mapping) or set(part["splits"]) - made.keys():
            there = (
                f"splits {', '.join(made)}" if isinstance(made, Mapping) else type(made).__name__
            )
            raise UserError(f"{where} gave {there}, not a dict with {', '.join(part['splits'])}")
        for split in part["splits"]:
            rows = made[split]
            yield (
                subset,
                split,
                documents.table(rows, where)
                if isinstance(rows, list)
                else huggingface.as_table(rows),
            )


def _published(
    repository: huggingface.Repository, at: str | None, subsets: Mapping[str, Any], retry: Retry
) -> Iterator[tuple[str, str, pa.Table]]:
    for subset, part in subsets.items():
        for split, table in huggingface.documents(
            repository, at, part["name"], part["kwargs"], part["splits"], retry
        ):
            yield subset, split, table


def _reading(settings: Mapping[str, Any]) -> file_formats.Reading:
    given = {key: settings[key] for key in _READING_KEYS if settings.get(key) is not None}
    if "columns" in given:
        given["columns"] = tuple(given["columns"])
    return file_formats.Reading(**given)


def _speaker(terminal: TextIO | None):
    """A function that says a line in the log (standard error) and on the terminal."""

    def say(line: str) -> None:
        for stream in (sys.stderr, terminal):
            if stream is not None:
                print(line, file=stream, flush=True)

    return say

"""Data sets as the `datasets` library loads them: columns and types as published."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from snakeval.errors import UserError
from snakeval.jobs.retry import Retry, Trouble, persist
from snakeval.sources import hub, hub_errors
from snakeval.sources.repository import Repository
from snakeval.sources.scheme import Subset

if TYPE_CHECKING:
    import pyarrow as pa

# `revision` is passed apart; `trust_remote_code` no longer means anything to `datasets`.
_NOT_PASSED_ON = frozenset({"revision", "trust_remote_code"})
_FORBIDDEN = frozenset(
    {"path", "name", "split", "token", "streaming", "cache_dir", "download_mode", "num_proc"}
)


def subsets(
    repository: Repository, commit: str | None, wanted: Mapping[str, Subset], retry: Retry
) -> "Iterator[tuple[str, str, pa.Table]]":
    """(subset, split, table) of every wanted split of a repository.

    `commit` is null for a folder on this machine and for the loaders of plain files (`hf:json` with
    `data_files`). Scripts of data sets are never run: `datasets` no longer can. Raises UserError
    for a subset or split that does not exist, naming those that do.
    """
    for name, subset in wanted.items():
        tables = _splits(repository, commit, subset, retry)
        for split, table in zip(subset.splits, tables, strict=True):
            yield name, split, table


def as_table(documents: Any) -> "pa.Table":
    """The rows of a datasets.Dataset, columns and types as they are."""
    return documents.with_format("arrow")[:].replace_schema_metadata(None)


def is_file_loader(name: str) -> bool:
    """Whether `datasets` has a loader of plain files with this name (json, csv, text …)."""
    from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES

    return name in _PACKAGED_DATASETS_MODULES


def _splits(
    repository: Repository, commit: str | None, subset: Subset, retry: Retry
) -> "Iterator[pa.Table]":
    import datasets

    datasets.disable_progress_bars()
    if forbidden := sorted(_FORBIDDEN & set(subset.kwargs)):
        raise UserError(
            f"{repository.where}: dataset_kwargs: {forbidden[0]} cannot be set. "
            "Remove it from the task."
        )
    # With its full address a repository cannot be mistaken for a folder of the same name.
    path = repository.name if commit is None else f"hf://datasets/{repository.name}"
    given = {key: value for key, value in subset.kwargs.items() if key not in _NOT_PASSED_ON}
    options: dict[str, Any] = given | {"revision": commit}

    def diagnose(error: Exception) -> Trouble | None:
        return _diagnose(error, repository)

    builder = persist(
        lambda: datasets.load_dataset_builder(path, subset.name, **options), diagnose, retry
    )
    if commit is not None:
        hub.fetch(repository, commit, _data_files(builder, repository.name), retry)
    splits = list(subset.splits)
    loaded = persist(
        lambda: datasets.load_dataset(path, subset.name, split=splits, **options), diagnose, retry
    )
    for documents in loaded:
        yield as_table(documents)


def _diagnose(error: Exception, repository: Repository) -> Trouble | None:
    """What an exception of `datasets` means for the user; None for a defect."""
    from datasets.exceptions import DatasetsError

    trouble = hub_errors.diagnose(error, repository)
    known = DatasetsError | ValueError | RuntimeError | FileNotFoundError | StopIteration
    if trouble is not None or not isinstance(error, known):
        return trouble
    text = str(error).strip()
    reason = text.splitlines()[0] if text else type(error).__name__
    if isinstance(error, StopIteration):  # the loader found no first line
        reason = "a file without documents"
    line = (
        f"{repository.where}: {repository} cannot be loaded ({reason}). "
        "Correct the task's subset, split or dataset_kwargs."
    )
    return Trouble(line, passing=False)


def _data_files(builder: Any, name: str) -> list[str]:
    """The files of repository `name` that a builder of `datasets` reads, as paths inside it."""
    found = (str(file) for files in (builder.config.data_files or {}).values() for file in files)
    here = re.compile(rf"hf://datasets/{re.escape(name)}@[^/]+/(.+)")
    return sorted({match[1] for file in found if (match := here.fullmatch(file))})

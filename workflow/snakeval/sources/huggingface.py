"""Models and data sets of the Hugging Face hub, through its own client: pinned to a commit, checked against the hub's digests.

Tokens are left to the client (HF_TOKEN or `hf auth login`) and never read here. Nothing that comes down is run, no pickle is read.
"""

import errno
import glob
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from snakeval.errors import UserError
from snakeval.jobs.retry import Retry, Trouble, persist
from snakeval.sources.location import sha256_of

_NOT_PASSED_ON = {
    "revision",
    "trust_remote_code",
}  # the one is given apart, the other means nothing to `datasets` any more
_LOADING_KEYS = {
    "path",
    "name",
    "split",
    "token",
    "streaming",
    "cache_dir",
    "download_mode",
    "num_proc",
}


@dataclass(frozen=True)
class Repository:
    """A repository of the hub; `where` is what asks for it, to begin messages with."""

    kind: str  # model or dataset
    name: str
    revision: str | None
    where: str

    def __str__(self) -> str:
        return f"hf:{self.name}" + (f" at revision {self.revision}" if self.revision else "")


@dataclass(frozen=True)
class Snapshot:
    """Files of a repository at a commit, on this machine."""

    folder: Path
    sha256: dict[str, str]  # by path inside the folder


class WrongDigest(Exception):
    """A file that came down is not the one the hub names."""


def commit(repository: Repository, retry: Retry, cache_dir: Path | None = None) -> str:
    """The commit that the repository's revision stands for now; a full commit needs no network."""
    from huggingface_hub import HfApi

    def resolve() -> str:
        return (
            HfApi()
            .resolve_revision(
                repository.name,
                repo_type=repository.kind,
                revision=repository.revision,
                cache_dir=cache_dir,
            )
            .resolved
        )

    return persist(resolve, lambda error: _diagnose_listing(error, repository), retry)


def root_files(
    repository: Repository, at: str, retry: Retry, cache_dir: Path | None = None
) -> list[str]:
    """Names of the files at the top of a repository at a commit."""
    from huggingface_hub import HfApi, constants, get_cached_repo_tree
    from huggingface_hub.hf_api import RepoFile

    def names() -> list[str]:
        if (
            constants.is_offline_mode()
        ):  # asked for by HF_HUB_OFFLINE: what is in the cache is what there is
            tree: Any = get_cached_repo_tree(
                repository.name, repo_type=repository.kind, revision=at, cache_dir=cache_dir
            )
        else:
            tree = HfApi().list_repo_tree(repository.name, repo_type=repository.kind, revision=at)
        return [
            entry.path for entry in tree if isinstance(entry, RepoFile) and "/" not in entry.path
        ]

    return persist(names, lambda error: _diagnose_listing(error, repository), retry)


def fetch(
    repository: Repository, at: str, files: list[str], retry: Retry, cache_dir: Path | None = None
) -> Snapshot:
    """Bring `files` of a repository at a commit to this machine (or find them in the cache) and check their digests.

    A file whose content is not what the hub says is fetched again. Raises UserError for a name that would be written outside the folder.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import disable_progress_bars

    if outside := [file for file in files if file.startswith("/") or ".." in file.split("/")]:
        raise UserError(
            f"{repository.where}: {repository}: file name {outside[0]!r} would leave its folder; do not use this repository"
        )

    def download() -> Snapshot:
        disable_progress_bars()
        patterns = [glob.escape(file) for file in files]
        folder = Path(
            snapshot_download(
                repository.name,
                repo_type=repository.kind,
                revision=at,
                allow_patterns=patterns,
                cache_dir=cache_dir,
            )
        )
        return Snapshot(folder, {file: _checked_digest(folder, file) for file in files})

    return persist(download, lambda error: _diagnose_listing(error, repository), retry)


def documents(
    repository: Repository,
    at: str | None,
    name: str | None,
    kwargs: dict[str, Any],
    splits: list[str],
    retry: Retry,
) -> Iterator[tuple[str, pa.Table]]:
    """The splits of a subset as `datasets.load_dataset` gives them, columns and types as published.

    `at` is the commit; null for the loaders of plain files (`hf:json` with `data_files`). Scripts in data sets are never run: `datasets`
    no longer can. Raises UserError for a subset or split that is not there, naming those that are.
    """
    import datasets

    datasets.disable_progress_bars()
    if forbidden := sorted(_LOADING_KEYS & set(kwargs)):
        raise UserError(
            f"{repository.where}: dataset_kwargs: {forbidden[0]} cannot be set here; remove it from the task"
        )
    # With its full address a repository cannot be mistaken for a folder of the same name.
    path = repository.name if at is None else f"hf://datasets/{repository.name}"
    options: dict[str, Any] = {
        key: value for key, value in kwargs.items() if key not in _NOT_PASSED_ON
    } | {"revision": at}

    def diagnose_loading(error: Exception) -> Trouble | None:
        known = isinstance(
            error,
            datasets.exceptions.DatasetsError
            | ValueError
            | RuntimeError
            | FileNotFoundError
            | StopIteration,
        )
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if isinstance(
            error, StopIteration
        ):  # its loaders look at the first line of a file without asking whether there is one
            reason = "a file without documents"
        line = f"{repository.where}: {repository} cannot be loaded ({reason}); correct the task's subset, split or dataset_kwargs"
        return diagnose(error, repository) or (Trouble(line, passing=False) if known else None)

    builder = persist(
        lambda: datasets.load_dataset_builder(path, name, **options), diagnose_loading, retry
    )
    if at is not None:
        fetch(repository, at, _data_files(builder, repository.name), retry)
    loaded = persist(
        lambda: datasets.load_dataset(path, name, split=splits, **options), diagnose_loading, retry
    )
    for split, documents in zip(splits, loaded, strict=True):
        yield split, as_table(documents)


def as_table(documents: Any) -> pa.Table:
    """The rows of a datasets.Dataset, columns and types as they are."""
    return documents.with_format("arrow")[:].replace_schema_metadata(None)


def is_file_loader(name: str) -> bool:
    """Whether `datasets` has a loader of plain files under this name (json, csv, parquet, text …)."""
    from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES

    return name in _PACKAGED_DATASETS_MODULES


def diagnose(error: Exception, repository: Repository) -> Trouble | None:
    """What an exception of the hub's client means for the user; None where it is no matter of the hub."""
    import httpx2
    from huggingface_hub import errors

    place = f"{repository.where}: {repository}"
    page = f"{_endpoint()}/{'datasets/' if repository.kind == 'dataset' else ''}{repository.name}"
    elsewhere = (
        "on a machine with a network (a cluster's login node), set HF_ENDPOINT to a mirror, or give a local copy: "
        + (
            "`source: path:FOLDER`"
            if repository.kind == "model"
            else f"`datasets: {{{repository.name}: path:FOLDER}}`"
        )
    )
    for cause in _chain(error):
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return Trouble(
                f"{place}: no space left on the device for the download; free some, or set HF_HOME to a larger one",
                False,
            )
        if isinstance(cause, errors.OfflineModeIsEnabled | errors.CachedRepoTreeNotFoundError):
            return Trouble(
                f"{place} is not in the cache, and HF_HUB_OFFLINE forbids to fetch it; unset it and run the download {elsewhere}",
                False,
            )
        if isinstance(cause, errors.GatedRepoError):
            return Trouble(
                f"{place} is gated; ask for access at {page}, then set HF_TOKEN to a token of that account",
                False,
            )
        if isinstance(cause, errors.RevisionNotFoundError):
            return Trouble(
                f"{place}: no such revision; see {page}/tree/main for branches, tags and commits",
                False,
            )
        if isinstance(cause, errors.RepositoryNotFoundError):
            return Trouble(
                f"{place}: no such {repository.kind} at {_endpoint()}, or it is private; correct the name, or set HF_TOKEN",
                False,
            )
        if isinstance(cause, errors.HfHubHTTPError):
            return _http_trouble(cause.response.status_code, cause.response.headers, place, page)
        if isinstance(cause, WrongDigest):
            return Trouble(f"{place}: {cause}", True)
        if isinstance(cause, OSError) and "Consistency check failed" in str(cause):
            return Trouble(f"{place}: a file came down incomplete", True)
        if isinstance(cause, httpx2.TransportError | ConnectionError):
            return Trouble(
                f"{place}: cannot reach {_endpoint()} ({type(cause).__name__}); run the download {elsewhere}",
                True,
            )
    return None


def _diagnose_listing(error: Exception, repository: Repository) -> Trouble | None:
    """`diagnose`, where the client reads nothing but the hub's own JSON, so that whatever it cannot read is no hub's."""
    known = diagnose(error, repository)
    if known or not isinstance(error, ValueError | KeyError | TypeError):
        return known
    answers = f"{_endpoint()} answers with something else than a hub does ({type(error).__name__})"
    return Trouble(
        f"{repository.where}: {repository}: {answers}; is there a proxy or a log-in page in between?",
        True,
    )


def _http_trouble(status: int, headers: Any, place: str, page: str) -> Trouble:
    if status in (408, 429) or status >= 500:
        wait = headers.get("Retry-After", "")
        reason = "too many requests" if status == 429 else "the hub is in trouble"
        return Trouble(
            f"{place}: {reason} (HTTP {status})", True, float(wait) if wait.isdigit() else None
        )
    if status in (401, 403):
        return Trouble(
            f"{place}: access denied (HTTP {status}); set HF_TOKEN to a token that may read {page}",
            False,
        )
    return Trouble(f"{place}: the hub refused (HTTP {status}); check the name at {page}", False)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and those that led to it, nearest first."""
    seen: list[BaseException] = []
    while error not in seen:
        yield error
        seen.append(error)
        error = error.__cause__ or error.__context__ or error


def _checked_digest(folder: Path, file: str) -> str:
    """The sha256 of a file, compared with what the hub says of it. Raises WrongDigest, with the file removed, when they differ.

    The client names each cached file by the hub's ETag: the sha256 of large files, git's blob hash of small ones.
    """
    path = folder / file
    blob = path.resolve()
    sha256 = sha256_of(blob)
    if re.fullmatch(r"[0-9a-f]{64}", blob.name):
        right = blob.name == sha256
    elif re.fullmatch(r"[0-9a-f]{40}", blob.name):
        data = blob.read_bytes()
        right = (
            blob.name
            == hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        )
    else:
        right = True  # a file system without symbolic links keeps no name to compare with
    if not right:
        path.unlink()
        blob.unlink(missing_ok=True)
        raise WrongDigest(
            f"{file} came down with other content than the hub names (sha256 {sha256[:12]}…)"
        )
    return sha256


def _data_files(builder: Any, name: str) -> list[str]:
    """The files of repository `name` that a builder of `datasets` reads, as paths inside it."""
    found = (str(file) for files in (builder.config.data_files or {}).values() for file in files)
    here = re.compile(rf"hf://datasets/{re.escape(name)}@[^/]+/(.+)")
    return sorted({match[1] for file in found if (match := here.fullmatch(file))})


def _endpoint() -> str:
    """The hub's address, without a user or password in it."""
    from huggingface_hub import constants

    parts = urlsplit(constants.ENDPOINT)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")

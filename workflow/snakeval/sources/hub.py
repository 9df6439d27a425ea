"""The client of the Hugging Face hub: pinned to a commit, checked against the hub's digests.

The client reads access tokens (HF_TOKEN or `hf auth login`) itself; this module never does. Nothing
that is downloaded is run, and no pickle is read.
"""

import glob
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakeval.errors import UserError
from snakeval.jobs.retry import Retry, persist
from snakeval.sources.hub_errors import WrongDigest, diagnose_listing
from snakeval.sources.repository import Repository
from snakeval.sources.signature import sha256_of


@dataclass(frozen=True)
class Snapshot:
    """Files of a repository at a commit, on this machine."""

    folder: Path
    sha256: dict[str, str]
    """By path inside the folder."""


def commit(repository: Repository, retry: Retry, cache_dir: Path | None = None) -> str:
    """The commit that the repository's revision names now. A full commit needs no network."""
    from huggingface_hub import HfApi

    def resolve() -> str:
        found = HfApi().resolve_revision(
            repository.name,
            repo_type=repository.kind,
            revision=repository.revision,
            cache_dir=cache_dir,
        )
        return found.resolved

    return persist(resolve, lambda error: diagnose_listing(error, repository), retry)


def root_files(
    repository: Repository, at: str, retry: Retry, cache_dir: Path | None = None
) -> list[str]:
    """Names of the files at the top of a repository at a commit."""
    from huggingface_hub import HfApi, constants, get_cached_repo_tree
    from huggingface_hub.hf_api import RepoFile

    def names() -> list[str]:
        name, kind = repository.name, repository.kind
        tree: Any
        if constants.is_offline_mode():  # HF_HUB_OFFLINE is set: only the cache counts
            tree = get_cached_repo_tree(name, repo_type=kind, revision=at, cache_dir=cache_dir)
        else:
            tree = HfApi().list_repo_tree(name, repo_type=kind, revision=at)
        files = [item.path for item in tree if isinstance(item, RepoFile)]
        return [path for path in files if "/" not in path]

    return persist(names, lambda error: diagnose_listing(error, repository), retry)


def fetch(
    repository: Repository, at: str, files: list[str], retry: Retry, cache_dir: Path | None = None
) -> Snapshot:
    """Bring `files` of a repository at a commit to this machine and check their digests.

    Files in the cache are not downloaded again. A file whose content is not what the hub says is
    downloaded again. Raises UserError for a name that would be written outside the folder.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import disable_progress_bars

    if outside := [file for file in files if file.startswith("/") or ".." in file.split("/")]:
        raise UserError(
            f"{repository.where}: {repository}: file name {outside[0]!r} would leave its folder. "
            "Do not use this repository."
        )

    def download() -> Snapshot:
        disable_progress_bars()
        folder = snapshot_download(
            repository.name,
            repo_type=repository.kind,
            revision=at,
            allow_patterns=[glob.escape(file) for file in files],
            cache_dir=cache_dir,
        )
        return Snapshot(Path(folder), {file: _checked(Path(folder), file) for file in files})

    return persist(download, lambda error: diagnose_listing(error, repository), retry)


def _checked(folder: Path, file: str) -> str:
    """The sha256 of a file. Removes it and raises WrongDigest when the hub names another digest.

    The client names each cached file by the hub's ETag: the sha256 of large files, git's blob hash
    of small ones.
    """
    path = folder / file
    blob = path.resolve()
    sha256 = sha256_of(blob)
    right = True  # a file system without symbolic links keeps no name to compare with
    if re.fullmatch(r"[0-9a-f]{64}", blob.name):
        right = blob.name == sha256
    elif re.fullmatch(r"[0-9a-f]{40}", blob.name):
        data = blob.read_bytes()
        git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False)
        right = blob.name == git.hexdigest()
    if not right:
        path.unlink()
        blob.unlink(missing_ok=True)
        raise WrongDigest(f"{file} has other content than the hub names (sha256 {sha256[:12]}…)")
    return sha256

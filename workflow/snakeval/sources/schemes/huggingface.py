"""`hf:` models and data sets of the Hugging Face hub, pinned to a commit."""

import re

from snakeval.errors import UserError
from snakeval.sources import model_folder
from snakeval.sources.repository import Repository
from snakeval.sources.scheme import (
    Documents,
    FoundDocuments,
    FoundModel,
    Models,
    Scheme,
    WantedDocuments,
    WantedModel,
)

_REPOSITORY = r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?"


def check_repository(location: str, where: str, scheme: str = "hf") -> None:
    """Raise UserError for what cannot be the name of a repository, as NAME or ORG/NAME."""
    if not re.fullmatch(_REPOSITORY, location, re.ASCII) or ".." in location or "--" in location:
        raise UserError(
            f"{where}: {location!r} is not a repository. "
            f"Write {scheme}:ORG/NAME, or path:FOLDER for files of your own."
        )


def _model(wanted: WantedModel) -> FoundModel:
    from snakeval.sources import hub

    retry, cache_dir = wanted.retry, wanted.places.cache_dir
    repository = Repository("model", wanted.source.location, wanted.revision, wanted.where)
    commit = hub.commit(repository, retry, cache_dir)
    names = model_folder.model_files(
        hub.root_files(repository, commit, retry, cache_dir), wanted.where, str(repository)
    )
    retry.say(f"{repository}: fetching {len(names)} files of commit {commit[:12]}")
    snapshot = hub.fetch(repository, commit, names, retry, cache_dir)
    sha256 = {snapshot.folder / name: snapshot.sha256[name] for name in names}
    return FoundModel(sha256, snapshot.folder, commit)


def _documents(wanted: WantedDocuments) -> FoundDocuments:
    from snakeval.sources import hub, published

    repository = Repository("dataset", wanted.source.location, wanted.revision, wanted.where)
    plain_files = published.is_file_loader(wanted.source.location)
    commit = None if plain_files else hub.commit(repository, wanted.retry)
    tables = published.subsets(repository, commit, wanted.subsets, wanted.retry)
    return FoundDocuments(tables, commit)


def _label(location: str, scheme: str) -> str:
    return location.replace("/", "--")


SCHEME = Scheme(
    "hf",
    expects="repository",
    check=check_repository,
    models=Models(_model),
    documents=Documents(_documents),
    label=_label,
)

"""`modelscope:` models and data sets of ModelScope, through its own package (an optional extra)."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakeval.errors import UserError
from snakeval.sources.model_folder import MODEL_TEXTS
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
from snakeval.sources.schemes.huggingface import check_repository
from snakeval.sources.signature import model_sha256

if TYPE_CHECKING:
    from snakeval.jobs.retry import Trouble

_DEFAULT_REVISION = "master"


def _check(location: str, where: str) -> None:
    check_repository(location, where, "modelscope")


def _model(wanted: WantedModel) -> FoundModel:
    """Safetensors and the text files that loading takes, without subfolders."""
    client = _client(wanted.where)
    revision = wanted.revision or _DEFAULT_REVISION
    folder = _persist(
        lambda: client.snapshot_download(
            wanted.source.location,
            revision=revision,
            cache_dir=wanted.places.cache_dir,
            allow_patterns=["*.safetensors", *MODEL_TEXTS],
            ignore_patterns=["*/*", ".*"],
        ),
        wanted,
    )
    return FoundModel(model_sha256(folder, wanted.where), folder, revision)


def _documents(wanted: WantedDocuments) -> FoundDocuments:
    """The whole repository comes down, and `datasets` reads it as a folder."""
    from snakeval.sources import published

    client = _client(wanted.where)
    revision = wanted.revision or _DEFAULT_REVISION
    folder = _persist(
        lambda: client.dataset_snapshot_download(
            wanted.source.location, revision=revision, cache_dir=wanted.places.cache_dir
        ),
        wanted,
    )
    repository = Repository("dataset", str(folder), None, wanted.where)
    tables = published.subsets(repository, None, wanted.subsets, wanted.retry)
    return FoundDocuments(tables, revision)


def _client(where: str) -> Any:
    try:
        import modelscope
    except ImportError:
        raise UserError(
            f"{where}: the modelscope package is not installed. "
            "Run `pip install 'snakeval[modelscope]'`."
        ) from None
    return modelscope


def _persist(download: Callable[[], str], wanted: WantedModel | WantedDocuments) -> Path:
    """The folder that `download` returns, tried again after passing troubles."""
    from modelscope_hub.errors import HubError

    from snakeval.jobs.retry import Trouble, persist

    place = f"{wanted.where}: {wanted.source}"

    def diagnose(error: Exception) -> "Trouble | None":
        if isinstance(error, HubError):
            return Trouble(f"{place}: {type(error).__name__} ({error.suggestion})", error.retryable)
        if isinstance(error, ConnectionError):
            line = (
                f"{place}: cannot reach the server. Run the download on a machine with a network, "
                "or give a local copy: path:FOLDER"
            )
            return Trouble(line, passing=True)
        return None

    return Path(persist(download, diagnose, wanted.retry))


SCHEME = Scheme(
    "modelscope",
    expects="repository",
    check=_check,
    models=Models(_model),
    documents=Documents(_documents),
)

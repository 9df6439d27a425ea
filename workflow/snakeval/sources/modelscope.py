"""Models and data sets of ModelScope, through its own package (an optional extra)."""

from collections.abc import Callable
from pathlib import Path

from snakeval.errors import UserError
from snakeval.jobs.retry import Retry, Trouble, persist
from snakeval.sources.location import MODEL_TEXTS

DEFAULT_REVISION = "master"
_INSTALL = "the modelscope package is not installed; run: pip install 'snakeval[modelscope]'"


def model(
    name: str, revision: str, where: str, retry: Retry, cache_dir: Path | None = None
) -> Path:
    """The folder that a model's files were brought to: safetensors and what loading takes, no subfolders."""
    try:
        from modelscope import snapshot_download
    except ImportError:
        raise UserError(f"{where}: {_INSTALL}") from None
    wanted = ["*.safetensors", *MODEL_TEXTS]

    def download() -> str:
        return snapshot_download(
            name,
            revision=revision,
            cache_dir=cache_dir,
            allow_patterns=wanted,
            ignore_patterns=["*/*", ".*"],
        )

    return _persist(download, f"{where}: modelscope:{name}", retry)


def dataset(
    name: str, revision: str, where: str, retry: Retry, cache_dir: Path | None = None
) -> Path:
    """The folder that a data set's repository was brought to."""
    try:
        from modelscope import dataset_snapshot_download
    except ImportError:
        raise UserError(f"{where}: {_INSTALL}") from None

    def download() -> str:
        return dataset_snapshot_download(name, revision=revision, cache_dir=cache_dir)

    return _persist(download, f"{where}: modelscope:{name}", retry)


def _persist(download: Callable[[], str], place: str, retry: Retry) -> Path:
    from modelscope_hub.errors import HubError

    def diagnose(error: Exception) -> Trouble | None:
        if isinstance(error, HubError):
            return Trouble(f"{place}: {type(error).__name__} ({error.suggestion})", error.retryable)
        if isinstance(error, ConnectionError):
            return Trouble(
                f"{place}: cannot be reached; run the download on a machine with a network, or give a local copy: path:FOLDER",
                True,
            )
        return None

    return Path(persist(download, diagnose, retry))

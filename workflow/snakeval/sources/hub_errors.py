"""What the exceptions of the hub's client mean for the user: one line, and whether to try again."""

import errno
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from snakeval.jobs.retry import Trouble
from snakeval.sources.repository import Repository


class WrongDigest(Exception):
    """A downloaded file is not the one that the hub names."""


def diagnose(error: Exception, repository: Repository) -> Trouble | None:
    """The trouble behind an exception of the hub's client; None where the hub has no part in it."""
    for cause in _chain(error):
        trouble = (
            _no_space(cause, repository)
            or _refused(cause, repository)
            or _damaged(cause, repository)
            or _unreachable(cause, repository)
        )
        if trouble is not None:
            return trouble
    return None


def diagnose_listing(error: Exception, repository: Repository) -> Trouble | None:
    """`diagnose`, for calls where the client reads only the hub's own JSON.

    JSON that the client cannot read then comes from something else than a hub.
    """
    known = diagnose(error, repository)
    if known or not isinstance(error, ValueError | KeyError | TypeError):
        return known
    line = (
        f"{repository.where}: {repository}: {_endpoint()} does not answer as a hub "
        f"({type(error).__name__}). Look for a proxy or a log-in page in between"
    )
    return Trouble(line, passing=True)


def _no_space(cause: BaseException, repository: Repository) -> Trouble | None:
    if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
        line = (
            f"{repository.where}: {repository}: no space left on the device for the download. "
            "Free some space, or set HF_HOME to a larger device."
        )
        return Trouble(line, passing=False)
    return None


def _refused(cause: BaseException, repository: Repository) -> Trouble | None:
    """Answers of the hub that are errors, and what offline mode forbids."""
    from huggingface_hub import errors

    place, page = f"{repository.where}: {repository}", _page(repository)
    if isinstance(cause, errors.OfflineModeIsEnabled | errors.CachedRepoTreeNotFoundError):
        line = (
            f"{place} is not in the cache, and HF_HUB_OFFLINE forbids the download. "
            f"Unset it and run the download {_elsewhere(repository)}."
        )
    elif isinstance(cause, errors.GatedRepoError):
        line = (
            f"{place} is gated. Ask for access at {page}, then set HF_TOKEN to a token of "
            "that account."
        )
    elif isinstance(cause, errors.RevisionNotFoundError):
        line = f"{place}: no such revision. See {page}/tree/main for branches, tags and commits."
    elif isinstance(cause, errors.RepositoryNotFoundError):
        line = (
            f"{place}: no such {repository.kind} at {_endpoint()}, or it is private. "
            "Correct the name, or set HF_TOKEN."
        )
    elif isinstance(cause, errors.HfHubHTTPError):
        return _http_trouble(cause.response.status_code, cause.response.headers, place, page)
    else:
        return None
    return Trouble(line, passing=False)


def _http_trouble(status: int, headers: Any, place: str, page: str) -> Trouble:
    if status in (408, 429) or status >= 500:
        wait = headers.get("Retry-After", "")
        reason = "too many requests" if status == 429 else "the hub reports a fault of its own"
        seconds = float(wait) if wait.isdigit() else None
        return Trouble(f"{place}: {reason} (HTTP {status})", passing=True, wait=seconds)
    if status in (401, 403):
        line = (
            f"{place}: access denied (HTTP {status}). Set HF_TOKEN to a token that may read {page}."
        )
    else:
        line = f"{place}: the hub refused the request (HTTP {status}). Check the name at {page}."
    return Trouble(line, passing=False)


def _damaged(cause: BaseException, repository: Repository) -> Trouble | None:
    place = f"{repository.where}: {repository}"
    if isinstance(cause, WrongDigest):
        return Trouble(f"{place}: {cause}", passing=True)
    if isinstance(cause, OSError) and "Consistency check failed" in str(cause):
        return Trouble(f"{place}: the download of a file is incomplete", passing=True)
    return None


def _unreachable(cause: BaseException, repository: Repository) -> Trouble | None:
    import httpx2

    if isinstance(cause, httpx2.TransportError | ConnectionError):
        line = (
            f"{repository.where}: {repository}: cannot reach {_endpoint()} "
            f"({type(cause).__name__}). Run the download {_elsewhere(repository)}"
        )
        return Trouble(line, passing=True)
    return None


def _elsewhere(repository: Repository) -> str:
    copy = (
        "`source: path:FOLDER`"
        if repository.kind == "model"
        else f"`datasets: {{{repository.name}: path:FOLDER}}`"
    )
    return (
        "on a machine with a network (a cluster's login node), set HF_ENDPOINT to a mirror, "
        f"or give a local copy: {copy}"
    )


def _page(repository: Repository) -> str:
    """The repository's page on the hub."""
    kind = "datasets/" if repository.kind == "dataset" else ""
    return f"{_endpoint()}/{kind}{repository.name}"


def _endpoint() -> str:
    """The hub's address, without a user or password in it."""
    from huggingface_hub import constants

    parts = urlsplit(constants.ENDPOINT)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and those that led to it, nearest first."""
    seen: list[BaseException] = []
    while error not in seen:
        yield error
        seen.append(error)
        error = error.__cause__ or error.__context__ or error

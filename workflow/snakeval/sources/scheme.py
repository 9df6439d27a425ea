"""What a source scheme declares.

A scheme is the word before the colon of a source: `hf` in `hf:ORG/NAME`.

A scheme is one file in `snakeval/sources/schemes` with an attribute `SCHEME`:

    SCHEME = Scheme("ftp", expects="address", documents=Documents(fetch=fetch))

The Snakefile imports these files at every start. At the top they import only the standard library
and modules of this folder that do the same. They import network clients and Arrow inside functions.
The records here are named tuples: Python makes their classes seven times faster than dataclasses.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

    from snakeval.jobs.retry import Retry


class Source(NamedTuple):
    """`scheme:location` of the configuration. The location is a name, a path or a repository."""

    scheme: str
    location: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.location}"


class Places(NamedTuple):
    """Where local sources are found and where downloads go."""

    root: Path
    """The repository's folder, which holds resources/demo."""
    base: Path = Path()
    """Relative paths start here; the default is the working directory."""
    cache_dir: Path | None = None
    """For downloads, in tests; None: the cache of the hub's client."""


class WantedModel(NamedTuple):
    """A model that a job asks for.

    `where` is the key of the configuration, to begin messages with.
    """

    source: Source
    where: str
    revision: str | None
    files: tuple[str, ...]
    """Files of recorded answers, as the plan found them; empty for other schemes."""
    places: Places
    retry: "Retry"


class FoundModel(NamedTuple):
    """A model's files on this machine, with the sha256 of each."""

    sha256: Mapping[Path, str]
    folder: Path | None = None
    """The folder of all files; None: each file has its own."""
    revision: str | None = None


class Subset(NamedTuple):
    """A subset of a data set: its published name, the keys for its loader, the splits to read."""

    name: str | None
    kwargs: Mapping[str, Any]
    splits: tuple[str, ...]


class WantedDocuments(NamedTuple):
    """Documents that a job asks for.

    `where` is the key of the configuration, to begin messages with.
    """

    source: Source
    where: str
    revision: str | None
    subsets: Mapping[str, Subset]
    """Subsets by the name of their folder in the results."""
    only_subset: bool
    """Whether all tasks read the same subset, so that files without a subset's name may hold it."""
    split_names: Mapping[str, str]
    """What a task calls a split -> what files call it."""
    reading: Mapping[str, Any]
    """How to read files: the fields of `snakeval.sources.file_formats.Reading`."""
    places: Places
    retry: "Retry"


class FoundDocuments(NamedTuple):
    """(subset, split, table) of every wanted split, made when it is taken; and the hub's commit."""

    tables: "Iterable[tuple[str, str, pa.Table]]"
    revision: str | None = None


Sign = Callable[[Source, Places, str], str | None]
"""The signature of a source on this machine, or None. The text begins messages.

It runs at every start of Snakemake, so it must be fast. It raises UserError for a source that
cannot be right, before anything runs.
"""


class Models(NamedTuple):
    """How a scheme brings a model to this machine.

    Without `sign` its revision alone identifies it.
    """

    fetch: Callable[[WantedModel], FoundModel]
    sign: Sign | None = None


class Documents(NamedTuple):
    """How a scheme brings documents to this machine.

    Without `sign` the revision identifies them.
    """

    fetch: Callable[[WantedDocuments], FoundDocuments]
    sign: Sign | None = None


def scheme_and_location(location: str, scheme: str) -> str:
    """`generator+boolean`: the readable name of most data sets in the results."""
    return f"{scheme}+{location.replace('/', '--')}"


class Scheme(NamedTuple):
    """A scheme: what follows its colon, and how it brings models, documents or both."""

    name: str
    expects: str
    """What follows the colon, for messages: repository, name, file."""
    check: Callable[[str, str], None] | None = None
    """Raises UserError, beginning with the second argument, for a location that cannot be right."""
    models: Models | None = None
    documents: Documents | None = None
    path: Callable[[Source, Places], Path] | None = None
    """The file or folder on this machine; None: the source is not on this machine.

    Only `recorded:` is asked for it before its job runs.
    """
    label: Callable[[str, str], str] = scheme_and_location
    """The readable part of a data set's name in the results, from its location and this scheme."""
    fixed: bool = True
    """Whether a location leads to the same data set from every working directory."""

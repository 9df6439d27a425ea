"""`generator:` documents that a function draws: one of `snakeval.generators`, or a Python file."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from snakeval.errors import UserError
from snakeval.sources.scheme import (
    Documents,
    FoundDocuments,
    Places,
    Scheme,
    Source,
    WantedDocuments,
)
from snakeval.sources.signature import signature

if TYPE_CHECKING:
    import pyarrow as pa

_KEYS = ("seed", "size", "difficulty")


def _documents(wanted: WantedDocuments) -> FoundDocuments:
    return FoundDocuments(_generated(wanted))


def _generated(wanted: WantedDocuments) -> "Iterator[tuple[str, str, pa.Table]]":
    from snakeval.generators.generate import generate
    from snakeval.sources import documents

    source = wanted.source
    for name, subset in wanted.subsets.items():
        if unknown := sorted(set(subset.kwargs) - set(_KEYS)):
            raise UserError(
                f"{source}: dataset_kwargs: unknown key {unknown[0]}. Use {', '.join(_KEYS)}."
            )
        for split in subset.splits:
            made = generate(source.location, subset=subset.name, split=split, **subset.kwargs)
            yield name, split, documents.table(made, str(source))


def _sign(source: Source, places: Places, where: str) -> str | None:
    """Of a user's file. The library's own generators belong to the code of the stage."""
    return signature(places.base / source.location) if source.location.endswith(".py") else None


SCHEME = Scheme(
    "generator", expects="generator or Python file", documents=Documents(_documents, _sign)
)

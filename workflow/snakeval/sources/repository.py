"""A repository of the Hugging Face hub."""

from typing import NamedTuple


class Repository(NamedTuple):
    """A repository of the hub. `where` is the key that names it, to begin messages with."""

    kind: str
    """model or dataset"""
    name: str
    revision: str | None
    where: str

    def __str__(self) -> str:
        return f"hf:{self.name}" + (f" at revision {self.revision}" if self.revision else "")

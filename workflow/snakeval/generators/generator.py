"""What a generator of documents declares."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

DIFFICULTIES = {"easy": 1, "medium": 2, "hard": 3}


@dataclass(frozen=True)
class Generator:
    """A generator: its name after `generator:` and the function that makes one document.

    Each file of this folder lists its generators:

        GENERATORS = (Generator("coins", document),)
    """

    name: str
    document: Callable[[random.Random, int, str | None], dict]
    """document(rng, difficulty, subset): a dictionary of JSON values, drawn with `rng` alone."""
    subsets: tuple[str, ...] = ()
    """The values of `dataset_name`; empty: any value, and the function may ignore it."""
    difficulties: Mapping[str, int] = field(default_factory=lambda: DIFFICULTIES)
    """Names of difficulties, for numbers of 1 and more."""

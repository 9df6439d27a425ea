"""Outputs batch by batch, each padded to its longest row.

The plain strategy of causal models, sequence-to-sequence models and encoders share this.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

from snakeval.backends.calls import GENERATE, Call, Output
from snakeval.backends.local.memory import halving
from snakeval.backends.protocol import Counters


class Batched(ABC):
    """A strategy whose batches depend on nothing outside of them.

    So `answer` may plan what is left of a batch again.
    """

    kinds: tuple[str, ...]
    description = "padded"

    def __init__(self, model: Any, counters: Counters, budget: int):
        """`budget`: tokens of a batch, padding included."""
        self.model = model
        self.counters = counters
        self._budget = budget

    @abstractmethod
    def plan(self, calls: list[Call]) -> list[np.ndarray]:
        """As `Strategy.plan`; no batch holds both texts to generate and other calls."""

    @abstractmethod
    def scores(self, calls: list[Call]) -> list[Output]:
        """All calls in one forward pass; equal inputs once."""

    def texts(self, calls: list[Call]) -> Iterator[list[Output]]:
        """Texts generated together, as they end; only of models that generate."""
        raise TypeError(f"{type(self).__name__} generates no text")

    def answer(self, calls: list[Call]) -> Iterator[list[Output]]:
        for batch in self.plan(calls):
            chosen = [calls[row] for row in batch]
            if chosen[0].kind == GENERATE:
                yield from self.counters.decoding(self.texts(chosen))
            else:
                passes = (list(halving(self.scores, some)) for some in [chosen])
                yield from self.counters.prefilling(passes)

    def alone(self, call: Call) -> Iterator[list[Output]]:
        return self.answer([call])

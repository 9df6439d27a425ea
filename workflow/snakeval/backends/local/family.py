"""What a family of models declares: how its weights are loaded, and what answers its calls.

A module of this folder declares a family as `FAMILY`; `snakeval.backends.local.build` finds it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from snakeval.backends.local.packed.kv_cache import Room
from snakeval.backends.protocol import Counters, Strategy


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model in memory, and what its strategy needs besides."""

    model: Any  # of transformers
    tokenizer: Any  # of transformers
    counters: Counters
    budget: int  # new tokens of one forward pass
    room: Room  # for texts that are being written
    strategy: str  # as the configuration names it: auto, packed or padded


@dataclass(frozen=True)
class Family:
    """Models of one kind."""

    name: str  # as `family` of the configuration; `snakeval.models.architecture` recognises it
    auto_class: Any  # of transformers: its `from_pretrained` loads the weights
    strategy: Callable[[Loaded], Strategy]
    rounds_kv_cache: bool = False  # whether `kv_cache_dtype` may be other than auto

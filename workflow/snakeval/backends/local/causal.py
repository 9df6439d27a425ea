"""Causal models: packed where that is shown to be exact, else padded; `description` says why."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import transformers

from snakeval.backends.calls import GENERATE, LOGLIKELIHOOD, Call, Output
from snakeval.backends.local.ending import Ending
from snakeval.backends.local.family import Family, Loaded
from snakeval.backends.local.packed.check import Check
from snakeval.backends.local.packed.kv_cache import Room
from snakeval.backends.local.packed.packed import HEADERS_ON_CPU, HEADERS_ON_GPU, Packed
from snakeval.backends.local.padded import Padded
from snakeval.backends.local.patches.modes import Modes
from snakeval.backends.protocol import Counters
from snakeval.errors import UserError


def of(loaded: Loaded) -> "Causal":
    """The strategy of a loaded model."""
    ending = Ending.of_model(loaded.model, loaded.tokenizer)
    budget, room = loaded.budget, loaded.room
    return Causal(loaded.model, ending, loaded.counters, budget, room, loaded.strategy)


class Causal:
    """Each plan chooses a strategy, which also answers calls that the latest plan does not know."""

    kinds = (LOGLIKELIHOOD, GENERATE)

    def __init__(
        self, model: Any, ending: Ending, counters: Counters, budget: int, room: Room, wanted: str
    ):
        """`budget`: tokens of a forward pass.

        `wanted`: auto, padded, or packed, which is an error where packing is not exact.
        """
        self.counters = counters
        self.description = "padded (asked for)" if wanted == "padded" else "packed"
        self._wanted = wanted
        self._modes = Modes(model)
        self._padded = Padded(model, ending, counters, budget)
        headers = HEADERS_ON_GPU if model.device.type == "cuda" else HEADERS_ON_CPU
        self._packed = Packed(model, ending, counters, budget, room, headers)
        self._check = Check(model, self._modes, self._packed, self._padded)

    def plan(self, calls: list[Call]) -> list[np.ndarray]:
        """The plan of the strategy that suits the calls.

        That is packed, unless a check on some of them shows that it would not be exact.
        """
        reason = None
        if self._wanted == "padded":
            reason = "asked for"
        elif calls:
            reason = self._check.why_not_packed(calls)
        if reason and self._wanted == "packed":
            raise UserError(
                f"strategy: it is packed, but {reason}. Set strategy to auto, or remove it."
            )
        self.description = f"padded ({reason}{self._rereads(calls)})" if reason else "packed"
        if self._packed.room.dtype != "auto" and self.description != "packed":
            raise UserError(
                f"kv_cache_dtype: {self._packed.room.dtype} is for the packed strategy, but the "
                f"model is {self.description}. Remove kv_cache_dtype."
            )
        return self._chosen().plan(calls)

    def answer(self, calls: list[Call]) -> Iterator[list[Output]]:
        yield from self._chosen().answer(calls)

    def alone(self, call: Call) -> Iterator[list[Output]]:
        self._modes.plain()
        yield from self._padded.alone(call)

    def _rereads(self, calls: list[Call]) -> str:
        self._modes.plain()
        contexts = [call.context for call in calls if call.kind == GENERATE]
        if not contexts or self._padded.steps(contexts):
            return ""
        return "; texts are read again for every token"

    def _chosen(self) -> Packed | Padded:
        if self.description == "packed":
            self._modes.packed()
            return self._packed
        self._modes.plain()
        return self._padded


FAMILY = Family("causal", transformers.AutoModelForCausalLM, of, rounds_kv_cache=True)

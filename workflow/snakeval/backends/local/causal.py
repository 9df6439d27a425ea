"""Causal models: the packed path where it is proven exact, else the padded one, and never silently."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from snakeval.backends.calls import GENERATE, LOGLIKELIHOOD, Call, Output
from snakeval.backends.local.ending import Ending
from snakeval.backends.local.packed.check import Check
from snakeval.backends.local.packed.kv_cache import Room
from snakeval.backends.local.packed.packed import HEADERS_ON_CPU, HEADERS_ON_GPU, Packed
from snakeval.backends.local.padded import Padded
from snakeval.backends.local.patches.modes import Modes
from snakeval.backends.protocol import Counters
from snakeval.errors import UserError


class Causal:
    """Each plan chooses its path; calls that the latest plan does not know are answered on that path."""

    kinds = (LOGLIKELIHOOD, GENERATE)

    def __init__(
        self, model: Any, ending: Ending, counters: Counters, budget: int, room: Room, path: str
    ):
        """`budget`: tokens of a forward pass; `path`: auto, packed (an error where it is not exact) or padded."""
        self.counters = counters
        self.description = "padded (asked for)" if path == "padded" else "packed"
        self._wanted = path
        self._modes = Modes(model)
        self._padded = Padded(model, ending, counters, budget)
        headers = HEADERS_ON_GPU if model.device.type == "cuda" else HEADERS_ON_CPU
        self._packed = Packed(model, ending, counters, budget, room, headers)
        self._check = Check(model, self._modes, self._packed, self._padded)

    def plan(self, calls: list[Call]) -> list[np.ndarray]:
        """The plan of the path that suits the calls: packed, unless a check on some of them shows that it would not be exact."""
        reason = (
            "asked for"
            if self._wanted == "padded"
            else self._check.why_not_packed(calls)
            if calls
            else None
        )
        if reason and self._wanted == "packed":
            raise UserError(f"engine settings: path is packed, but {reason}; set path to auto")
        self.description = f"padded ({reason}{self._rereads(calls)})" if reason else "packed"
        if self._packed.room.dtype != "auto" and self.description != "packed":
            raise UserError(
                f"engine settings: kv_cache_dtype {self._packed.room.dtype} is for the packed path, but it is {self.description}"
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
        return (
            ""
            if not contexts or self._padded.steps(contexts)
            else "; texts are read anew for every token"
        )

    def _chosen(self) -> Packed | Padded:
        if self.description == "packed":
            self._modes.packed()
            return self._packed
        self._modes.plain()
        return self._padded

"""Encoder models: they read whole texts at once. What classifier and extractive models share."""

from abc import abstractmethod

import numpy as np
import torch

from snakeval.backends.calls import Call, Output, cut
from snakeval.backends.local.batched import Batched
from snakeval.backends.local.padded import pad


class Encoder(Batched):
    """Batches of about equally long texts."""

    def plan(self, calls: list[Call]) -> list[np.ndarray]:
        """Batches, longest texts first."""

        def order(row: int) -> tuple:
            call = calls[row]
            return -len(call.context), _text(call).tobytes(), call.key

        rows = sorted(range(len(calls)), key=order)
        return cut([len(call.context) for call in calls], rows, self._budget)

    @torch.inference_mode()
    def scores(self, calls: list[Call]) -> list[Output]:
        distinct: dict[bytes, int] = {}
        place = [distinct.setdefault(_text(call).tobytes(), len(distinct)) for call in calls]
        logits = self._read([calls[place.index(row)] for row in range(len(distinct))])
        self.counters.prompt_tokens += sum(len(call.context) for call in calls)
        return [
            self._output(call, {name: rows[row] for name, rows in logits.items()})
            for call, row in zip(calls, place, strict=True)
        ]

    def _read(self, calls: list[Call]) -> dict[str, torch.Tensor]:
        """The model's logits by name, [calls, …] float32 on the CPU."""
        device = self.model.device
        ids, mask = pad([call.context for call in calls], device)
        arguments = {"input_ids": ids, "attention_mask": mask}
        types = [call.token_types for call in calls if call.token_types is not None]
        if len(types) == len(calls):
            arguments["token_type_ids"], _ = pad(types, device)
        self.counters.computed_tokens += ids.numel()
        found = self.model(**arguments).items()
        return {name: rows.float().cpu() for name, rows in found if name.endswith("logits")}

    @abstractmethod
    def _output(self, call: Call, logits: dict[str, torch.Tensor]) -> Output:
        """The output of a call from its row of the model's logits."""


def _text(call: Call) -> np.ndarray:
    """What distinguishes two texts: token ids and, where they are used, segment ids."""
    if call.token_types is None:
        return call.context
    return np.concatenate([call.context, call.token_types])

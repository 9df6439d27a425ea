"""Encoder models that read a whole text at once: labels of a text, and the span of a passage that answers a question."""

from abc import abstractmethod
from typing import Any

import numpy as np
import torch

from snakeval.backends.calls import EXTRACT, LOGLIKELIHOOD, Call, Output, cut
from snakeval.backends.local.batched import Batched
from snakeval.backends.local.padded import pad
from snakeval.backends.protocol import Counters
from snakeval.errors import UserError
from snakeval.schemas.columns import NO_ANSWER

LONGEST_SPAN = 30  # tokens of an extracted answer, as in the run_qa example of transformers


class _Encoder(Batched):
    """Batches of about equally long texts."""

    def plan(self, calls: list[Call]) -> list[np.ndarray]:
        """Batches, longest texts first."""
        order = sorted(
            range(len(calls)),
            key=lambda row: (-len(calls[row].context), _text(calls[row]).tobytes(), calls[row].key),
        )
        return cut([len(call.context) for call in calls], order, self._budget)

    @torch.inference_mode()
    def scores(self, calls: list[Call]) -> list[Output]:
        distinct: dict[bytes, int] = {}
        place = [distinct.setdefault(_text(call).tobytes(), len(distinct)) for call in calls]
        logits = self._read([calls[place.index(row)] for row in range(len(distinct))])
        self.counters.prompt_tokens += sum(len(call.context) for call in calls)
        return [
            self._answer(call, {name: rows[row] for name, rows in logits.items()})
            for call, row in zip(calls, place, strict=True)
        ]

    def _read(self, calls: list[Call]) -> dict[str, torch.Tensor]:
        """The model's logits by name, [calls, …] float32 on the CPU."""
        ids, mask = pad([call.context for call in calls], self.model.device)
        arguments = {"input_ids": ids, "attention_mask": mask}
        if all(call.token_types is not None for call in calls):
            arguments["token_type_ids"], _ = pad(
                [call.token_types for call in calls if call.token_types is not None],
                self.model.device,
            )
        self.counters.computed_tokens += ids.numel()
        return {
            name: rows.float().cpu()
            for name, rows in self.model(**arguments).items()
            if name.endswith("logits")
        }

    @abstractmethod
    def _answer(self, call: Call, logits: dict[str, torch.Tensor]) -> Output:
        """The answer to a call from its row of the model's logits."""


class Classifier(_Encoder):
    """The log-probability of a label given a text; the continuation of a call is the label's id."""

    kinds = (LOGLIKELIHOOD,)

    def __init__(self, model: Any, counters: Counters, budget: int):
        if model.config.num_labels < 2:
            raise UserError(
                f"{model.config.name_or_path}: num_labels is {model.config.num_labels}; a classifier needs two or more labels"
            )
        super().__init__(model, counters, budget)

    def _answer(self, call: Call, logits: dict[str, torch.Tensor]) -> Output:
        if (
            len(call.continuation) != 1
            or not 0 <= call.continuation[0] < self.model.config.num_labels
        ):
            raise ValueError(
                f"call {call.key}: label {call.continuation.tolist()} is not one of {self.model.config.num_labels}"
            )
        label = int(call.continuation[0])
        scores = logits["logits"].log_softmax(-1)
        return Output(call.key, 1, scores[label].item(), int(scores.argmax()) == label)


class Extractive(_Encoder):
    """The best span of a window: start and end are scored by themselves (Devlin et al. 2019, arXiv:1810.04805, section 4.2).

    Where one of its tokens stands for no answer, and is likelier as start and end than any span is, the answer is empty (section 4.3).
    """

    kinds = (EXTRACT,)

    def _answer(self, call: Call, logits: dict[str, torch.Tensor]) -> Output:
        if (
            call.offsets is None
            or call.passage is None
            or len(call.offsets) != 2 * len(call.context)
        ):
            raise ValueError(
                f"call {call.key}: offsets (start and end per token) and passage are needed"
            )
        offsets = call.offsets.reshape(-1, 2)
        inside = torch.from_numpy(offsets[:, 0] >= 0)
        if not inside.any():
            return Output(call.key, 0, -float("inf"), text="", finish_reason="eos")
        length = len(call.context)
        start, end = (
            logits[name][:length].log_softmax(-1) for name in ("start_logits", "end_logits")
        )
        nothing = (start + end)[torch.from_numpy((offsets == NO_ANSWER).all(1))]
        start, end = (scores.masked_fill(~inside, -torch.inf) for scores in (start, end))
        ends = torch.nn.functional.pad(end, (0, LONGEST_SPAN - 1), value=-torch.inf).unfold(
            0, LONGEST_SPAN, 1
        )  # [length, tokens more]
        spans = start[:, None] + ends
        first, more = divmod(int(spans.argmax()), LONGEST_SPAN)
        if (nothing > spans[first, more]).any():
            return Output(call.key, 0, nothing.max().item(), text="", finish_reason="eos")
        text = call.passage[offsets[first, 0] : offsets[first + more, 1]]
        return Output(call.key, more + 1, spans[first, more].item(), text=text, finish_reason="eos")


def _text(call: Call) -> np.ndarray:
    """What tells two texts apart: token ids and, where used, segment ids."""
    return (
        call.context
        if call.token_types is None
        else np.concatenate([call.context, call.token_types])
    )

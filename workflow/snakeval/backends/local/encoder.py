"""Encoder models that read a whole text at once: labels of a text, and the span of a passage that answers a question."""

from abc import abstractmethod
from typing import Any

import numpy as np
import torch

from snakeval.backends import calls
from snakeval.backends.calls import Answer, Ask
from snakeval.backends.local.batched import Batched
from snakeval.backends.local.padded import pad
from snakeval.backends.protocol import Counters
from snakeval.errors import UserError
from snakeval.schemas.columns import NO_ANSWER

LONGEST_SPAN = 30  # tokens of an extracted answer, as in the run_qa example of transformers


class _Encoder(Batched):
    """Batches of about equally long texts."""

    def plan(self, asks: list[Ask]) -> list[np.ndarray]:
        """Batches, longest texts first."""
        order = sorted(
            range(len(asks)),
            key=lambda row: (-len(asks[row].context), _text(asks[row]).tobytes(), asks[row].key),
        )
        return calls.cut([len(ask.context) for ask in asks], order, self._budget)

    @torch.inference_mode()
    def scores(self, asks: list[Ask]) -> list[Answer]:
        distinct: dict[bytes, int] = {}
        place = [distinct.setdefault(_text(ask).tobytes(), len(distinct)) for ask in asks]
        logits = self._read([asks[place.index(row)] for row in range(len(distinct))])
        self.counters.prompt_tokens += sum(len(ask.context) for ask in asks)
        return [
            self._answer(ask, {name: rows[row] for name, rows in logits.items()})
            for ask, row in zip(asks, place, strict=True)
        ]

    def _read(self, asks: list[Ask]) -> dict[str, torch.Tensor]:
        """The model's logits by name, [asks, …] float32 on the CPU."""
        ids, mask = pad([ask.context for ask in asks], self.model.device)
        arguments = {"input_ids": ids, "attention_mask": mask}
        if all(ask.token_types is not None for ask in asks):
            arguments["token_type_ids"], _ = pad(
                [ask.token_types for ask in asks if ask.token_types is not None], self.model.device
            )
        self.counters.computed_tokens += ids.numel()
        return {
            name: rows.float().cpu()
            for name, rows in self.model(**arguments).items()
            if name.endswith("logits")
        }

    @abstractmethod
    def _answer(self, ask: Ask, logits: dict[str, torch.Tensor]) -> Answer:
        """The answer to an ask from its row of the model's logits."""


class Classifier(_Encoder):
    """The log-probability of a label given a text; the continuation of an ask is the label's id."""

    kinds = (calls.LOGLIKELIHOOD,)

    def __init__(self, model: Any, counters: Counters, budget: int):
        if model.config.num_labels < 2:
            raise UserError(
                f"{model.config.name_or_path}: num_labels is {model.config.num_labels}; a classifier needs two or more labels"
            )
        super().__init__(model, counters, budget)

    def _answer(self, ask: Ask, logits: dict[str, torch.Tensor]) -> Answer:
        if (
            len(ask.continuation) != 1
            or not 0 <= ask.continuation[0] < self.model.config.num_labels
        ):
            raise ValueError(
                f"ask {ask.key}: label {ask.continuation.tolist()} is not one of {self.model.config.num_labels}"
            )
        label = int(ask.continuation[0])
        scores = logits["logits"].log_softmax(-1)
        return Answer(ask.key, 1, scores[label].item(), int(scores.argmax()) == label)


class Extractive(_Encoder):
    """The best span of a window: start and end are scored by themselves (Devlin et al. 2019, arXiv:1810.04805, section 4.2).

    Where one of its tokens stands for no answer, and is likelier as start and end than any span is, the answer is empty (section 4.3).
    """

    kinds = (calls.EXTRACT,)

    def _answer(self, ask: Ask, logits: dict[str, torch.Tensor]) -> Answer:
        if ask.offsets is None or ask.passage is None or len(ask.offsets) != 2 * len(ask.context):
            raise ValueError(
                f"ask {ask.key}: offsets (start and end per token) and passage are needed"
            )
        offsets = ask.offsets.reshape(-1, 2)
        inside = torch.from_numpy(offsets[:, 0] >= 0)
        if not inside.any():
            return Answer(ask.key, 0, -float("inf"), text="", finish_reason="eos")
        length = len(ask.context)
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
            return Answer(ask.key, 0, nothing.max().item(), text="", finish_reason="eos")
        text = ask.passage[offsets[first, 0] : offsets[first + more, 1]]
        return Answer(ask.key, more + 1, spans[first, more].item(), text=text, finish_reason="eos")


def _text(ask: Ask) -> np.ndarray:
    """What tells two texts apart: token ids and, where used, segment ids."""
    return (
        ask.context if ask.token_types is None else np.concatenate([ask.context, ask.token_types])
    )

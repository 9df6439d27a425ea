"""Encoder models that read a whole text at once: labels of a text, and the span of a passage that answers a question."""

from abc import abstractmethod
from typing import Any

import numpy as np
import torch

from snakeval.engine import asks as rows_of
from snakeval.engine.asks import Answer, Ask
from snakeval.engine.batched import Batched
from snakeval.engine.padded import pad
from snakeval.engine.protocol import Counters
from snakeval.errors import UserError

LONGEST_SPAN = 30  # tokens of an extracted answer, as in the run_qa example of transformers


class _Encoder(Batched):
    """Batches of about equally long texts."""

    def plan(self, asks: list[Ask]) -> list[np.ndarray]:
        """Batches, longest texts first."""
        order = sorted(range(len(asks)), key=lambda row: (-len(asks[row].context), _text(asks[row]).tobytes(), asks[row].key))
        return rows_of.cut([len(ask.context) for ask in asks], order, self._budget)

    @torch.inference_mode()
    def scores(self, asks: list[Ask]) -> list[Answer]:
        distinct: dict[bytes, int] = {}
        place = [distinct.setdefault(_text(ask).tobytes(), len(distinct)) for ask in asks]
        output = self._read([asks[place.index(row)] for row in range(len(distinct))])
        self.counters.prompt_tokens += sum(len(ask.context) for ask in asks)
        return [self._answer(ask, row, output) for ask, row in zip(asks, place, strict=True)]

    def _read(self, asks: list[Ask]) -> Any:
        ids, mask = pad([ask.context for ask in asks], self.model.device)
        arguments = {"input_ids": ids, "attention_mask": mask}
        if all(ask.token_types is not None for ask in asks):
            arguments["token_type_ids"], _ = pad([ask.token_types for ask in asks if ask.token_types is not None], self.model.device)
        self.counters.computed_tokens += ids.numel()
        return self.model(**arguments)

    @abstractmethod
    def _answer(self, ask: Ask, row: int, output: Any) -> Answer:
        """The answer to an ask from its row of the model's output."""


class Classifier(_Encoder):
    """The log-probability of a label given a text; the continuation of an ask is the label's id."""

    kinds = (rows_of.LOGLIKELIHOOD,)

    def __init__(self, model: Any, counters: Counters, budget: int):
        if model.config.num_labels < 2:
            raise UserError(f"{model.config.name_or_path}: num_labels is {model.config.num_labels}; a classifier needs two or more labels")
        super().__init__(model, counters, budget)

    def _answer(self, ask: Ask, row: int, output: Any) -> Answer:
        if len(ask.continuation) != 1 or not 0 <= ask.continuation[0] < self.model.config.num_labels:
            raise ValueError(f"ask {ask.key}: label {ask.continuation.tolist()} is not one of {self.model.config.num_labels}")
        label = int(ask.continuation[0])
        scores = output.logits[row].float().log_softmax(-1)
        return Answer(ask.key, 1, scores[label].item(), int(scores.argmax()) == label)


class Extractive(_Encoder):
    """The best span of a window (Devlin et al. 2019, arXiv:1810.04805, section 4.2): start and end are scored by themselves."""

    kinds = (rows_of.EXTRACT,)

    def _answer(self, ask: Ask, row: int, output: Any) -> Answer:
        if ask.offsets is None or ask.passage is None or len(ask.offsets) != 2 * len(ask.context):
            raise ValueError(f"ask {ask.key}: offsets (start and end per token) and passage are needed")
        offsets = ask.offsets.reshape(-1, 2)
        inside = torch.from_numpy(offsets[:, 0] >= 0)
        if not inside.any():
            return Answer(ask.key, 0, -float("inf"), text="", finish_reason="eos")
        length = len(ask.context)
        start = output.start_logits[row, :length].float().cpu().log_softmax(-1).masked_fill(~inside, -torch.inf)
        end = output.end_logits[row, :length].float().cpu().log_softmax(-1).masked_fill(~inside, -torch.inf)
        spans = (start[:, None] + end[None, :]).triu().masked_fill(torch.ones(length, length).tril(-1).bool(), -torch.inf)
        spans = spans.masked_fill(torch.ones(length, length).triu(LONGEST_SPAN).bool(), -torch.inf)
        first, last = divmod(int(spans.argmax()), length)
        text = ask.passage[offsets[first, 0] : offsets[last, 1]]
        return Answer(ask.key, last - first + 1, spans[first, last].item(), text=text, finish_reason="eos")


def _text(ask: Ask) -> np.ndarray:
    """What tells two texts apart: token ids and, where used, segment ids."""
    return ask.context if ask.token_types is None else np.concatenate([ask.context, ask.token_types])

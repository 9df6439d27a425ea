"""Classifier models: the log-probability of a label, given a text."""

from typing import Any

import torch
import transformers

from snakeval.backends.calls import LOGLIKELIHOOD, Call, Output
from snakeval.backends.local.encoder import Encoder
from snakeval.backends.local.family import Family, Loaded
from snakeval.backends.protocol import Counters
from snakeval.errors import UserError


def of(loaded: Loaded) -> "Classifier":
    """The strategy of a loaded model."""
    return Classifier(loaded.model, loaded.counters, loaded.budget)


class Classifier(Encoder):
    """The continuation of a call is the id of a label."""

    kinds = (LOGLIKELIHOOD,)

    def __init__(self, model: Any, counters: Counters, budget: int):
        """`budget`: tokens of a batch, padding included. Raises UserError below two labels."""
        if model.config.num_labels < 2:
            raise UserError(
                f"{model.config.name_or_path}: num_labels is {model.config.num_labels}. "
                "Use a classifier with two or more labels."
            )
        super().__init__(model, counters, budget)

    def _output(self, call: Call, logits: dict[str, torch.Tensor]) -> Output:
        labels = self.model.config.num_labels
        if len(call.continuation) != 1 or not 0 <= call.continuation[0] < labels:
            label = call.continuation.tolist()
            raise ValueError(f"call {call.key}: label {label} is not one of {labels}")
        label = int(call.continuation[0])
        scores = logits["logits"].log_softmax(-1)
        return Output(call.key, 1, scores[label].item(), int(scores.argmax()) == label)


FAMILY = Family("classifier", transformers.AutoModelForSequenceClassification, of)

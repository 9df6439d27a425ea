"""Extractive models: the span of a passage that answers a question."""

import torch
import transformers

from snakeval.backends.calls import EXTRACT, Call, Output
from snakeval.backends.local.encoder import Encoder
from snakeval.backends.local.family import Family, Loaded
from snakeval.schemas.columns import NO_ANSWER

LONGEST_SPAN = 30  # tokens of an extracted answer, as in the run_qa example of transformers


def of(loaded: Loaded) -> "Extractive":
    """The strategy of a loaded model."""
    return Extractive(loaded.model, loaded.counters, loaded.budget)


class Extractive(Encoder):
    """The best span of a window: start and end are scored separately (Devlin et al. 2019,
    arXiv:1810.04805, section 4.2).

    The answer is empty where a token for "no answer" is likelier, as start and end, than any span
    is (section 4.3).
    """

    kinds = (EXTRACT,)

    def _output(self, call: Call, logits: dict[str, torch.Tensor]) -> Output:
        length = len(call.context)
        if call.offsets is None or call.passage is None or len(call.offsets) != 2 * length:
            raise ValueError(
                f"call {call.key}: it needs a passage, and offsets (start and end) of every token"
            )
        offsets = call.offsets.reshape(-1, 2)
        inside = torch.from_numpy(offsets[:, 0] >= 0)
        if not inside.any():
            return Output(call.key, 0, -float("inf"), text="", finish_reason="eos")
        start, end = (
            logits[name][:length].log_softmax(-1) for name in ("start_logits", "end_logits")
        )
        nothing = (start + end)[torch.from_numpy((offsets == NO_ANSWER).all(1))]
        start, end = (scores.masked_fill(~inside, -torch.inf) for scores in (start, end))
        padded = torch.nn.functional.pad(end, (0, LONGEST_SPAN - 1), value=-torch.inf)
        spans = start[:, None] + padded.unfold(0, LONGEST_SPAN, 1)  # [first token, tokens more]
        first, more = divmod(int(spans.argmax()), LONGEST_SPAN)
        if (nothing > spans[first, more]).any():
            return Output(call.key, 0, nothing.max().item(), text="", finish_reason="eos")
        text = call.passage[offsets[first, 0] : offsets[first + more, 1]]
        return Output(call.key, more + 1, spans[first, more].item(), text=text, finish_reason="eos")


FAMILY = Family("extractive", transformers.AutoModelForQuestionAnswering, of)

"""Sequence-to-sequence models (T5, BART): the encoder runs once per input, for all its
continuations and samples."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import transformers

from snakeval.backends.calls import GENERATE, LOGLIKELIHOOD, Call, Output, cut
from snakeval.backends.local import sampling, static
from snakeval.backends.local.batched import Batched
from snakeval.backends.local.ending import Ending
from snakeval.backends.local.family import Family, Loaded
from snakeval.backends.local.padded import pad
from snakeval.backends.protocol import Counters


def of(loaded: Loaded) -> "Seq2Seq":
    """The strategy of a loaded model."""
    ending = Ending.of_model(loaded.model, loaded.tokenizer)
    return Seq2Seq(loaded.model, ending, loaded.counters, loaded.budget)


class Seq2Seq(Batched):
    """Batches of about equally long inputs and continuations."""

    kinds = (LOGLIKELIHOOD, GENERATE)

    def __init__(self, model: Any, ending: Ending, counters: Counters, budget: int):
        """`budget`: tokens of a batch, padding included."""
        super().__init__(model, counters, budget)
        self._ending = ending

    def plan(self, calls: list[Call]) -> list[np.ndarray]:
        """Batches of log-likelihoods, longest inputs first, then of texts."""

        def order(row: int) -> tuple:
            call = calls[row]
            context, continuation = call.context, call.continuation
            return (
                *(-len(context), context.tobytes(), -len(continuation), continuation.tobytes()),
                *(call.key, call.sample),
            )

        ordered = sorted(range(len(calls)), key=order)
        sizes = [len(call.context) + len(call.continuation) for call in calls]
        rows = {kind: [row for row in ordered if calls[row].kind == kind] for kind in self.kinds}
        return [batch for kind in self.kinds for batch in cut(sizes, rows[kind], self._budget)]

    @torch.inference_mode()
    def scores(self, calls: list[Call]) -> list[Output]:
        scored = [call for call in calls if len(call.continuation)]
        outputs = [Output(call.key, 0, 0.0, True) for call in calls if not len(call.continuation)]
        if scored:
            outputs += self._scores(scored)
        lengths = (len(call.context) + len(call.continuation) for call in calls)
        self.counters.prompt_tokens += sum(lengths)
        return outputs

    def _scores(self, calls: list[Call]) -> list[Output]:
        """Outputs of calls whose continuations have at least one token."""
        inputs, encoded, mask = self._encode(calls)
        first = np.array([self._first_token()], np.int32)
        before = [np.concatenate([first, call.continuation[:-1]]) for call in calls]
        ids, _ = pad(before, self.model.device)
        # The inputs are not read again, but without them FSMT's decoder would see later tokens.
        out = self.model(
            input_ids=inputs,
            encoder_outputs=encoded,
            attention_mask=mask,
            decoder_input_ids=ids,
            use_cache=False,
        )
        targets, _ = pad([call.continuation for call in calls], out.logits.device)
        found = []
        # One after the other, because vocabularies are large.
        for call, logits, tokens in zip(calls, out.logits, targets, strict=True):
            tokens = tokens[: len(call.continuation)]
            scores = logits[: len(tokens)].float().log_softmax(-1)
            loglikelihood = scores.gather(1, tokens[:, None]).double().sum()
            greedy = (scores.argmax(-1) == tokens).all().double()
            found.append(torch.stack([loglikelihood, greedy]))
        self.counters.computed_tokens += ids.numel()
        return [
            Output(call.key, len(call.continuation), loglikelihood, bool(greedy))
            for call, (loglikelihood, greedy) in zip(
                calls, torch.stack(found).tolist(), strict=True
            )
        ]

    @torch.inference_mode()
    def texts(self, calls: list[Call]) -> Iterator[list[Output]]:
        from transformers import DynamicCache, EncoderDecoderCache

        first = self._first_token()
        rows = [sampling.start(call, [first]) for call in calls]
        if empty := self._ending.of(rows):  # no token was asked for
            yield empty
        rows = [row for row in rows if not row.ended]
        if not rows:
            return
        _, encoded, mask = self._encode([row.call for row in rows])
        own = DynamicCache(config=self.model.config.get_text_config(decoder=True))
        # The windows of a decoder do not apply to what it sees of the input.
        cache = EncoderDecoderCache(own, DynamicCache())

        def step(ids: torch.Tensor) -> torch.Tensor:
            out = self.model(
                encoder_outputs=encoded,
                attention_mask=mask,
                decoder_input_ids=ids.to(mask.device),
                past_key_values=cache,
                use_cache=True,
            )
            return out.logits[:, -1].float()

        def keep(rows: torch.Tensor) -> None:
            nonlocal mask
            mask = mask[rows]
            encoded.last_hidden_state = encoded.last_hidden_state[rows]
            cache.reorder_cache(rows)  # type: ignore[arg-type]  # any integers do

        self.counters.prompt_tokens += sum(len(row.call.context) for row in rows)
        logits = step(torch.full((len(rows), 1), first))
        yield from static.generate(rows, self._ending, logits, step, keep)

    def _encode(self, calls: list[Call]) -> tuple[torch.Tensor, Any, torch.Tensor]:
        """Token ids, the encoder's output and attention mask, one row per call.

        Equal inputs are encoded once. Only the last hidden state of the output has a row per call.
        """
        distinct: dict[bytes, int] = {}
        place = torch.tensor(
            [distinct.setdefault(call.context.tobytes(), len(distinct)) for call in calls]
        )
        ids, mask = pad([np.frombuffer(tokens, np.int32) for tokens in distinct], self.model.device)
        # Kept whole: decoders read fields of their own encoder's output.
        encoded = self.model.get_encoder()(input_ids=ids, attention_mask=mask)
        encoded.last_hidden_state = encoded.last_hidden_state[place]
        self.counters.computed_tokens += ids.numel()
        return ids[place], encoded, mask[place]

    def _first_token(self) -> int:
        """What the decoder reads first.

        BOS is a guess, used only where no setting names what the model was trained with.
        """
        for name in ("decoder_start_token_id", "bos_token_id"):
            for source in (self.model.generation_config, self.model.config):
                token = getattr(source, name, None)
                if token is not None:
                    return int(token)
        raise ValueError("the model's configuration names no decoder_start_token_id")


FAMILY = Family("seq2seq", transformers.AutoModelForSeq2SeqLM, of)

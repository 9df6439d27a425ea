"""Sequence-to-sequence models (T5, BART): the encoder runs once per input, for all its candidates and samples."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from snakeval.backends.calls import GENERATE, LOGLIKELIHOOD, Call, Output, cut
from snakeval.backends.local import sampling, static
from snakeval.backends.local.batched import Batched
from snakeval.backends.local.ending import Ending
from snakeval.backends.local.padded import pad
from snakeval.backends.protocol import Counters


class Seq2Seq(Batched):
    """Batches of about equally long inputs and candidates."""

    kinds = (LOGLIKELIHOOD, GENERATE)

    def __init__(self, model: Any, ending: Ending, counters: Counters, budget: int):
        """`budget`: tokens of a batch, padding included."""
        super().__init__(model, counters, budget)
        self._ending = ending

    def plan(self, calls: list[Call]) -> list[np.ndarray]:
        """Batches of log-likelihoods, longest inputs first, then of texts."""

        def order(row: int) -> tuple:
            call = calls[row]
            return (
                -len(call.context),
                call.context.tobytes(),
                -len(call.continuation),
                call.continuation.tobytes(),
                call.key,
                call.sample,
            )

        ordered = sorted(range(len(calls)), key=order)
        sizes = [len(call.context) + len(call.continuation) for call in calls]
        return [
            batch
            for kind in self.kinds
            for batch in cut(
                sizes, [row for row in ordered if calls[row].kind == kind], self._budget
            )
        ]

    @torch.inference_mode()
    def scores(self, calls: list[Call]) -> list[Output]:
        calls_ = [call for call in calls if len(call.continuation)]
        answers = [Output(call.key, 0, 0.0, True) for call in calls if not len(call.continuation)]
        if calls_:
            inputs, encoded, mask = self._encode(calls_)
            first = np.array([self._first_token()], np.int32)
            ids, _ = pad(
                [np.concatenate([first, call.continuation[:-1]]) for call in calls_],
                self.model.device,
            )
            # The inputs are not read again, but without them FSMT's decoder would see later tokens.
            out = self.model(
                input_ids=inputs,
                encoder_outputs=encoded,
                attention_mask=mask,
                decoder_input_ids=ids,
                use_cache=False,
            )
            targets, _ = pad([call.continuation for call in calls_], out.logits.device)
            found = []
            for call, logits, its in zip(
                calls_, out.logits, targets, strict=True
            ):  # one after the other, for vocabularies are large
                scores, its = (
                    logits[: len(call.continuation)].float().log_softmax(-1),
                    its[: len(call.continuation)],
                )
                found.append(
                    torch.stack(
                        [
                            scores.gather(1, its[:, None]).double().sum(),
                            (scores.argmax(-1) == its).all().double(),
                        ]
                    )
                )
            for call, (loglikelihood, greedy) in zip(
                calls_, torch.stack(found).tolist(), strict=True
            ):
                answers.append(
                    Output(call.key, len(call.continuation), loglikelihood, bool(greedy))
                )
            self.counters.computed_tokens += ids.numel()
        self.counters.prompt_tokens += sum(
            len(call.context) + len(call.continuation) for call in calls
        )
        return answers

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
        cache = EncoderDecoderCache(
            own, DynamicCache()
        )  # a decoder's windows do not hold for what it sees of the input

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
        yield from static.generate(
            rows, self._ending, step(torch.full((len(rows), 1), first)), step, keep
        )

    def _encode(self, calls: list[Call]) -> tuple[torch.Tensor, Any, torch.Tensor]:
        """Token ids, the encoder's output and attention mask, one row per call; equal inputs are encoded once.

        Of the output the last hidden state counts.
        """
        distinct: dict[bytes, int] = {}
        place = torch.tensor(
            [distinct.setdefault(call.context.tobytes(), len(distinct)) for call in calls]
        )
        ids, mask = pad([np.frombuffer(tokens, np.int32) for tokens in distinct], self.model.device)
        encoded = self.model.get_encoder()(
            input_ids=ids, attention_mask=mask
        )  # decoders look for fields of their own encoder's output
        encoded.last_hidden_state = encoded.last_hidden_state[place]
        self.counters.computed_tokens += ids.numel()
        return ids[place], encoded, mask[place]

    def _first_token(self) -> int:
        """What the decoder reads first. BOS is a guess: only where neither of the two says what it was trained with."""
        for name in ("decoder_start_token_id", "bos_token_id"):
            for source in (self.model.generation_config, self.model.config):
                token = getattr(source, name, None)
                if token is not None:
                    return int(token)
        raise ValueError("the model's configuration names no decoder_start_token_id")

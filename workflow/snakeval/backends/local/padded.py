"""Causal models, the plain strategy: right-padded batches through the model as it is.

The reference that `packed` is checked against. It answers where packing is not exact.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from snakeval.backends.calls import GENERATE, LOGLIKELIHOOD, Call, Output, cut
from snakeval.backends.local import sampling, static
from snakeval.backends.local.batched import Batched
from snakeval.backends.local.ending import Ending
from snakeval.backends.local.sampling import Row
from snakeval.backends.protocol import Counters

TRIED = 64  # tokens of a context with which it is tried whether texts grow by one token a pass
# Largest difference allowed in the mean log-likelihood of a token. In float32 two exact strategies
# agree to about 1e-6. In lower precision any two batch shapes differ by hundredths, while a wrong
# mask or position shows as tenths or more.
TOLERANCE = {torch.float32: 1e-4, torch.float16: 0.05, torch.bfloat16: 0.1}

# Logits [texts, vocabulary] of the first new token; a function that gives those after the newest
# tokens [texts, 1]; and one that narrows the batch to some texts.
Growing = tuple[
    torch.Tensor, Callable[[torch.Tensor], torch.Tensor], Callable[[torch.Tensor], None]
]


class Padded(Batched):
    """Batches of sequences of about equal length."""

    kinds = (LOGLIKELIHOOD, GENERATE)

    def __init__(self, model: Any, ending: Ending, counters: Counters, budget: int):
        """`budget`: tokens of a batch, padding included."""
        super().__init__(model, counters, budget)
        self.ending = ending
        self._steps: bool | None = None  # whether texts grow by one token a pass; None: not tried
        self._accepted = set(inspect.signature(model.forward).parameters)
        self._spread = len(set((getattr(model, "hf_device_map", None) or {}).values())) > 1

    def plan(self, calls: list[Call]) -> list[np.ndarray]:
        """Batches of log-likelihoods, longest first, then of texts."""

        def order_of(row: int) -> tuple:
            # Equal inputs are neighbours, so that choices which differ in the last token share one.
            call = calls[row]
            return -call.length, call.inputs.tobytes(), call.key, call.sample

        order = sorted(range(len(calls)), key=order_of)
        lengths = [call.length for call in calls]
        scored, written = ([row for row in order if calls[row].kind == kind] for kind in self.kinds)
        return cut(lengths, scored, self._budget) + cut(lengths, written, 4 * self._budget)

    @torch.inference_mode()
    def scores(self, calls: list[Call]) -> list[Output]:
        distinct: dict[bytes, int] = {}
        place = [distinct.setdefault(call.inputs.tobytes(), len(distinct)) for call in calls]
        ids, mask = pad([np.frombuffer(tokens, np.int32) for tokens in distinct], self.model.device)
        needed = torch.zeros(ids.shape, dtype=torch.bool)
        for call, row in zip(calls, place, strict=True):
            needed[row, len(call.context) - 1 : call.length] = len(call.continuation) > 0
        logits = self._logits(ids, mask, needed)
        index = torch.full(ids.shape, -1)
        index[needed] = torch.arange(int(needed.sum()))
        starts = [len(call.context) - 1 for call in calls]
        spans = [
            index[row, start : start + len(call.continuation)]
            for call, row, start in zip(calls, place, starts, strict=True)
        ]
        at = torch.cat(spans).to(logits.device)
        scored = np.concatenate([call.continuation for call in calls]).astype(np.int64)
        targets = torch.from_numpy(scored).to(logits.device)
        lengths = [len(span) for span in spans]
        found = (logits[at, targets] - logits.logsumexp(-1)[at]).double().cpu().split(lengths)
        greedy = (logits.argmax(-1)[at] == targets).cpu().split(lengths)
        self.counters.prompt_tokens += sum(call.length for call in calls)
        self.counters.computed_tokens += ids.numel()
        return [
            Output(call.key, len(its), its.sum().item(), bool(best.all()))
            for call, its, best in zip(calls, found, greedy, strict=True)
        ]

    def texts(self, calls: list[Call]) -> Iterator[list[Output]]:
        return self.continued([sampling.start(call, call.context) for call in calls])

    @torch.inference_mode()
    def continued(self, rows: list[Row]) -> Iterator[list[Output]]:
        """Texts, all started at once. Their tokens are written to `rows`."""
        if empty := self.ending.of(rows):  # no token was asked for
            yield empty
        rows = [row for row in rows if not row.ended]
        if not rows:
            return
        contexts = [row.call.context for row in rows]
        self.counters.prompt_tokens += sum(map(len, contexts))
        grow = self._stepping if self.steps(contexts) else self._rereading
        yield from static.generate(rows, self.ending, *grow(contexts))

    @torch.inference_mode()
    def steps(self, contexts: list[np.ndarray]) -> bool:
        """Whether a text may grow by one token a pass behind padding.

        It is tried once, with starts of the longest context. Some architectures have no cache, take
        it by another name, or count padding as positions, and not all of these raise an error.
        """
        if self._steps is None:
            start = max(contexts, key=len)[:TRIED]
            half = start[: (len(start) + 1) // 2]
            texts = [np.append(start, start[:1]), np.append(half, start[:1])]
            before = replace(self.counters)  # the trial is no part of the run
            try:
                _, step, keep = self._stepping([text[:-1] for text in reversed(texts)])
                keep(torch.tensor([1, 0]))
                found = step(torch.tensor([[text[-1]] for text in texts])).log_softmax(-1)
                expected = self._after(texts).log_softmax(-1)
                # Equal values of -inf do not differ.
                apart = (found - expected).masked_fill(found == expected, 0).abs()
                # False if it is undefined.
                self._steps = apart.mean(-1).max().item() <= tolerance(self.model)
            except torch.OutOfMemoryError:
                raise
            except Exception:  # models may fail in any way, above all those of remote code
                self._steps = False
            vars(self.counters).update(vars(before))
        return self._steps

    def _stepping(self, contexts: list[np.ndarray]) -> Growing:
        """Left-padded, with a cache."""
        from transformers import DynamicCache

        ids, mask = pad(contexts, self.model.device, left=True)
        cache = DynamicCache(config=self.model.config)

        def step(ids: torch.Tensor) -> torch.Tensor:
            nonlocal mask
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], 1)
            return self._next(ids.to(mask.device), mask, cache)

        def keep(rows: torch.Tensor) -> None:
            nonlocal mask
            mask = mask[rows]
            # batch_select_indices would leave out recurrent states. Any integers do.
            cache.reorder_cache(rows)  # type: ignore[arg-type]

        self.counters.computed_tokens += ids.numel()
        return self._next(ids, mask, cache), step, keep

    def _rereading(self, texts: list[np.ndarray]) -> Growing:
        """Right-padded. Every text is read from its start for every token."""

        def step(ids: torch.Tensor) -> torch.Tensor:
            nonlocal texts
            pairs = zip(texts, ids[:, 0].tolist(), strict=True)
            texts = [np.append(text, token) for text, token in pairs]
            return self._after(texts)

        def keep(rows: torch.Tensor) -> None:
            nonlocal texts
            texts = [texts[row] for row in rows.tolist()]

        return self._after(texts), step, keep

    def _after(self, texts: list[np.ndarray]) -> torch.Tensor:
        """Logits [texts, vocabulary] float32 of the token after each text."""
        ids, mask = pad(texts, self.model.device)
        last = torch.zeros(ids.shape, dtype=torch.bool)
        last[range(len(texts)), [len(text) - 1 for text in texts]] = True
        self.counters.computed_tokens += ids.numel()
        return self._logits(ids, mask, last)

    def _logits(self, ids: torch.Tensor, mask: torch.Tensor, needed: torch.Tensor) -> torch.Tensor:
        """Logits [needed positions, vocabulary] float32, row by row.

        `needed`: [rows, longest] bool on the CPU.
        """
        arguments = {"input_ids": ids, "attention_mask": mask, "use_cache": False}
        if "logits_to_keep" in self._accepted and not self._spread:
            found = self.model(**arguments, logits_to_keep=needed.to(ids.device))
            return found.logits.float().flatten(0, -2)
        if "logits_to_keep" in self._accepted:
            # accelerate moves a mask to the first GPU, but the logits are on the last one.
            last = needed.shape[1] - int(needed.any(0).long().argmax())
            return self.model(**arguments, logits_to_keep=last).logits[needed[:, -last:]].float()
        return self.model(**arguments).logits[needed].float()

    def _next(self, ids: torch.Tensor, mask: torch.Tensor, cache: Any) -> torch.Tensor:
        """Logits [rows, vocabulary] float32 of the last position."""
        arguments = {
            "input_ids": ids,
            "attention_mask": mask,
            "past_key_values": cache,
            "use_cache": True,
        }
        if "cache_params" in self._accepted:
            # Mamba's name for the cache. It masks the tokens that it reads, not those in the cache.
            arguments["cache_params"] = arguments.pop("past_key_values")
            arguments["attention_mask"] = mask[:, -ids.shape[1] :]
        if "position_ids" in self._accepted:
            arguments["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        if "logits_to_keep" in self._accepted:
            arguments["logits_to_keep"] = 1
        return self.model(**arguments).logits[:, -1].float()


def tolerance(model: Any) -> float:
    """Largest difference allowed for the model's precision, in mean log-likelihood of a token."""
    return TOLERANCE.get(model.dtype, TOLERANCE[torch.bfloat16])


def pad(
    sequences: list[np.ndarray], device: torch.device, left: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask, [rows, longest] int64.

    The id of the padding is 0. It is never attended to.
    """
    longest = max(map(len, sequences))
    ids = np.zeros((len(sequences), longest), np.int64)
    mask = np.zeros_like(ids)
    for row, tokens in enumerate(sequences):
        place = slice(longest - len(tokens), None) if left else slice(len(tokens))
        ids[row, place] = tokens
        mask[row, place] = 1
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)

"""What an engine is to the rest of the workflow: asks in, answers out (`ASKS` and `ANSWERS` of `snakeval.schemas`).

How a caller uses it:

    batches = engine.plan(asks)                        # all asks of an entry: row indices, each ask in exactly one batch
    for rows in batches:
        missing = [row for row in rows if not in the store]
        for answers in engine.answer(asks.take(missing)):
            store.append(answers)

What it may rely on:

- The plan depends on the asks alone (their keys, token ids and settings; not their order, which it only refers to).
- A batch of log-likelihoods comes back as one table or not at all, and its numbers depend on the rows of the batch and the latest plan,
  not on batches answered before. So a run that was killed, planned again and continued gives the same bits as an undisturbed one.
- Generated texts come back as they end, a few at a time, in any order. Greedy texts are those of `model.generate` in float32; a sampled
  text depends on the ask's key, seed and sample index, not on its neighbours.
- An extract ask is one window of a passage. Its log-likelihood is that of the best span of the window,
  log p(start) + log p(end) over all tokens of the window, so that of several windows of one passage the answer is the text with the
  greatest log-likelihood. A window without a token of the passage answers "" with minus infinity.
- `description` names the path that answers the latest plan, with the reason when it is not the fastest one.
- Asks are whole: contexts are not empty, and context and continuation fit `max_length` (ValueError otherwise).
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from snakeval.engine.asks import Answer


@dataclass
class Counters:
    """What the engine did since it was loaded."""

    prompt_tokens: int = 0  # tokens of the asks answered, each counted whole
    computed_tokens: int = 0  # tokens that went through the model's layers in prefill, padding included
    generated_tokens: int = 0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0

    def decoding(self, answers: Iterator[list[Answer]]) -> Iterator[list[Answer]]:
        """Pass texts on as they end, and count their tokens and the time spent on them, not the time the consumer takes."""
        while True:
            started = time.perf_counter()
            batch = next(answers, None)
            self.decode_seconds += time.perf_counter() - started
            if batch is None:
                return
            self.generated_tokens += sum(answer.n_tokens for answer in batch)
            yield batch


class Engine(Protocol):
    """A loaded model that answers."""

    family: str  # causal, seq2seq, classifier or extractive
    description: str  # family/path, and why not the fast path: "causal/packed", "causal/padded (…)"
    device: str  # "cpu", "cuda:0 NVIDIA H200" …
    max_length: int  # tokens of context and continuation together
    counters: Counters

    def plan(self, asks: pa.Table) -> list[np.ndarray]:
        """Cut asks into batches of row indices."""

    def answer(self, asks: pa.Table) -> Iterator[pa.Table]:
        """Answer the asks of a batch, or what is left of one."""

    def peak_bytes(self) -> int:
        """Largest memory so far: of the device for a GPU, of the process for a CPU."""

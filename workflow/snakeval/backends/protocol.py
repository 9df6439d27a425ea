"""What a backend is to the rest of the workflow: CALLS in, OUTPUTS out (`snakeval.schemas.model`).

How a caller uses an engine:

    batches = engine.plan(calls)        # all calls of a benchmark: row indices, each call once
    for rows in batches:
        missing = [row for row in rows if not in the store]
        for outputs in engine.answer(calls.take(missing)):
            store.append(outputs)

What a caller may rely on:

- A call is sent as token ids, as text or as chat turns. `forms` names those that an engine takes.
  Any other call is a ValueError that names the call.
- The plan depends on the calls alone: their keys, content and settings. It does not depend on the
  order of the rows.
- A batch of log-likelihoods comes back as one table, or not at all. Its numbers depend on the rows
  of the batch and on the latest plan, not on earlier batches. So a run that was killed, planned
  again and continued gives the same bits as an undisturbed one.
- Generated texts come back as they end, a few at a time, in any order. Of the local engine: greedy
  texts are those of `model.generate` in float32. A sampled text depends on the key, the seed and
  the sample index of its call, not on its neighbours.
- An extract call is one window of a passage. Its log-likelihood is that of the best span of the
  window, log p(start) + log p(end), each over all tokens of the window. So the answer to a passage
  is the text of the window with the greatest log-likelihood, or "" if all windows answer "".
  A window without a token of the passage answers "" with minus infinity. If the offsets name a
  token for "no answer", the window answers "" where that token is likelier than any span.
- `description` names the strategy that answers the latest plan, and why it is not the fastest one.
- Calls are whole: keys are unique, contexts of token ids are not empty, and context and
  continuation fit `max_length`. Otherwise the engine raises ValueError.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from snakeval.backends.calls import Call, Output


@dataclass
class Counters:
    """What an engine did since it was loaded."""

    prompt_tokens: int = 0  # tokens of the calls answered, each counted whole
    computed_tokens: int = 0  # tokens that went through the layers in prefill, padding included
    generated_tokens: int = 0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0

    def prefilling(self, outputs: Iterator[list[Output]]) -> Iterator[list[Output]]:
        """Pass log-likelihoods on, and count the time they take, without the consumer's."""
        return self._timed(outputs, "prefill_seconds")

    def decoding(self, outputs: Iterator[list[Output]]) -> Iterator[list[Output]]:
        """Pass texts on as they end, and count their tokens and the time they take."""
        for batch in self._timed(outputs, "decode_seconds"):
            self.generated_tokens += sum(output.n_tokens for output in batch)
            yield batch

    def _timed(self, outputs: Iterator[list[Output]], name: str) -> Iterator[list[Output]]:
        while True:
            started = time.perf_counter()
            batch = next(outputs, None)
            setattr(self, name, getattr(self, name) + time.perf_counter() - started)
            if batch is None:
                return
            yield batch


class Engine(Protocol):
    """A model that is ready to answer tables of calls."""

    forms: tuple[str, ...]  # of TOKENS, TEXT and TURNS in `snakeval.backends.calls`
    device: str  # "cpu", "cuda:0 NVIDIA H200" …
    precision: str  # "float32", "bfloat16, gptq 4 bit", "bfloat16, KV int8" (of texts) …
    max_length: int  # tokens of context and continuation together
    flops_per_token: float  # floating-point operations of the layers' matrix products
    peak_flops: float  # operations per second of a large matrix product on the device

    @property
    def counters(self) -> Counters:
        """What the engine has done so far."""

    @property
    def description(self) -> str:
        """family/strategy, and why not the fast one: "causal/packed", "causal/padded (…)"."""

    def plan(self, calls: pa.Table) -> list[np.ndarray]:
        """Cut calls into batches of row indices."""

    def answer(self, calls: pa.Table) -> Iterator[pa.Table]:
        """Answer the calls of a batch, or what is left of one."""

    def alone(self, calls: pa.Table) -> Iterator[pa.Table]:
        """Answer each call by itself with the plain strategy, whatever the plan."""

    def peak_bytes(self) -> int:
        """Largest memory so far: of all GPUs together, or of the process on a CPU."""


class Strategy(Protocol):
    """One way to answer calls of the kinds it names. An engine of this machine is made of one."""

    counters: Counters

    @property
    def kinds(self) -> tuple[str, ...]: ...

    @property
    def description(self) -> str: ...

    def plan(self, calls: list[Call]) -> list[np.ndarray]:
        """As `Engine.plan`."""

    def answer(self, calls: list[Call]) -> Iterator[list[Output]]:
        """As `Engine.answer`; one list for each planned batch of log-likelihoods."""

    def alone(self, call: Call) -> Iterator[list[Output]]:
        """As `Engine.alone`."""

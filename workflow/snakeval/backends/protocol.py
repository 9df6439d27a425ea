"""What an engine is to the rest of the workflow: calls in, answers out (`CALLS` and `OUTPUTS` of `snakeval.schemas.model`).

How a caller uses it:

    batches = engine.plan(calls)                        # all calls of a benchmark: row indices, each call in exactly one batch
    for rows in batches:
        missing = [row for row in rows if not in the store]
        for answers in engine.answer(calls.take(missing)):
            store.append(answers)

What it may rely on:

- The plan depends on the calls alone: their keys, token ids and settings, not their order, which it only refers to.
- A batch of log-likelihoods comes back as one table or not at all, and its numbers depend on the rows of the batch and the latest plan,
  not on batches answered before. So a run that was killed, planned again and continued gives the same bits as an undisturbed one.
- Generated texts come back as they end, a few at a time, in any order. Greedy texts are those of `model.generate` in float32; a sampled
  text depends on the call's key, seed and sample index, not on its neighbours.
- An extract call is one window of a passage. Its log-likelihood is that of the best span of the window,
  log p(start) + log p(end) over all tokens of the window, so that of several windows of one passage the answer is the text with the
  greatest log-likelihood, or "" where all windows answer so. A window without a token of the passage answers "" with minus infinity;
  one whose offsets name a token that stands for no answer, "" where that token is likelier than any span.
- `description` names the strategy that answers the latest plan, with the reason when it is not the fastest one.
- Calls are whole: keys are unique, contexts are not empty, context and continuation fit `max_length` (ValueError otherwise).
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from snakeval.backends.calls import Call, Output, read_calls, write_outputs


@dataclass
class Counters:
    """What an engine did since it was loaded."""

    prompt_tokens: int = 0  # tokens of the calls answered, each counted whole
    computed_tokens: int = (
        0  # tokens that went through the model's layers in prefill, padding included
    )
    generated_tokens: int = 0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0

    def prefilling(self, answers: Iterator[list[Output]]) -> Iterator[list[Output]]:
        """Pass log-likelihoods on, and count the time spent on them, not the time the consumer takes."""
        return self._timed(answers, "prefill_seconds")

    def decoding(self, answers: Iterator[list[Output]]) -> Iterator[list[Output]]:
        """Pass texts on as they end, and count their tokens and the time spent on them."""
        for batch in self._timed(answers, "decode_seconds"):
            self.generated_tokens += sum(answer.n_tokens for answer in batch)
            yield batch

    def _timed(self, answers: Iterator[list[Output]], name: str) -> Iterator[list[Output]]:
        while True:
            started = time.perf_counter()
            batch = next(answers, None)
            setattr(self, name, getattr(self, name) + time.perf_counter() - started)
            if batch is None:
                return
            yield batch


class Engine(Protocol):
    """A loaded model that answers tables."""

    family: str  # causal, seq2seq, classifier or extractive
    device: str  # "cpu", "cuda:0 NVIDIA H200" …
    precision: (
        str  # "float32", "bfloat16, gptq 4 bit", "bfloat16, KV int8" (keys and values of texts)
    )
    max_length: int  # tokens of context and continuation together
    flops_per_token: float  # floating-point operations of the layers' matrix products
    peak_flops: float  # operations per second of a large matrix product on the device

    @property
    def counters(self) -> Counters:
        """What it did so far."""

    @property
    def description(self) -> str:
        """family/strategy, and why not the fast path: "causal/packed", "causal/padded (…)"."""

    def plan(self, calls: pa.Table) -> list[np.ndarray]:
        """Cut calls into batches of row indices."""

    def answer(self, calls: pa.Table) -> Iterator[pa.Table]:
        """Answer the calls of a batch, or what is left of one."""

    def alone(self, calls: pa.Table) -> Iterator[pa.Table]:
        """Answer each call by itself with the plain strategy, whatever the plan."""

    def peak_bytes(self) -> int:
        """Largest memory so far: of all GPUs together, or of the process on a CPU."""


class Strategy(Protocol):
    """One way to answer calls of the kinds it names; what stands behind an engine."""

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


class TableEngine:
    """An engine made of a strategy: reads and checks the calls, writes the answers."""

    def __init__(
        self,
        family: str,
        strategy: Strategy,
        model: Any,
        max_length: int,
        kv_cache_dtype: str = "auto",
    ):
        self.family = family
        self.precision = _precision(model, kv_cache_dtype)
        self.device = _device_name(model.device)
        self.max_length = max_length
        from snakeval.backends.local import (
            speed,  # torch, which takes seconds to import, is there when an engine is made
        )

        self.flops_per_token = speed.flops_per_token(model)
        self.peak_flops = speed.peak_flops(model.device, model.dtype)
        self.strategy = strategy
        self._on_gpu = model.device.type == "cuda"

    @property
    def counters(self) -> Counters:
        return self.strategy.counters

    @property
    def description(self) -> str:
        return f"{self.family}/{self.strategy.description}"

    def plan(self, calls: pa.Table) -> list[np.ndarray]:
        return self.strategy.plan(read_calls(calls, self.strategy.kinds, self.max_length))

    def answer(self, calls: pa.Table) -> Iterator[pa.Table]:
        yield from map(
            write_outputs,
            self.strategy.answer(read_calls(calls, self.strategy.kinds, self.max_length)),
        )

    def alone(self, calls: pa.Table) -> Iterator[pa.Table]:
        for call in read_calls(calls, self.strategy.kinds, self.max_length):
            yield from map(write_outputs, self.strategy.alone(call))

    def peak_bytes(self) -> int:
        if self._on_gpu:
            import torch

            return sum(
                torch.cuda.max_memory_allocated(index) for index in range(torch.cuda.device_count())
            )
        import resource
        import sys

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
            1 if sys.platform == "darwin" else 1024
        )


def _precision(model: Any, kv_cache_dtype: str) -> str:
    parts = [str(model.dtype).removeprefix("torch.")]
    if quantised := getattr(model.config, "quantization_config", None):
        told = quantised if isinstance(quantised, dict) else quantised.to_dict()
        method = getattr(told.get("quant_method"), "value", told.get("quant_method")) or "quantised"
        parts.append(f"{method} {told['bits']} bit" if told.get("bits") else str(method))
    if kv_cache_dtype != "auto":
        parts.append(f"KV {kv_cache_dtype}")
    return ", ".join(parts)


def _device_name(device: Any) -> str:
    if device.type != "cuda":
        return str(device)
    import torch

    return f"{device} {torch.cuda.get_device_name(device)}"

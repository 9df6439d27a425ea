"""An engine of this machine, made of a strategy: it reads and checks calls, and writes outputs."""

import resource
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from snakeval.backends.calls import TOKENS, Call, read_calls, write_outputs
from snakeval.backends.local import speed
from snakeval.backends.protocol import Counters, Strategy


class TableEngine:
    """An `Engine` that answers calls of token ids with `strategy`."""

    forms: tuple[str, ...] = (TOKENS,)

    def __init__(
        self,
        family: str,
        strategy: Strategy,
        model: Any,
        max_length: int,
        kv_cache_dtype: str = "auto",
    ):
        """`model`: of transformers; `kv_cache_dtype`: as the configuration names it."""
        self.family = family
        self.strategy = strategy
        self.max_length = max_length
        self.precision = _precision(model, kv_cache_dtype)
        self.device = _device_name(model.device)
        self.flops_per_token = speed.flops_per_token(model)
        self.peak_flops = speed.peak_flops(model.device, model.dtype)
        self._on_gpu = model.device.type == "cuda"

    @property
    def counters(self) -> Counters:
        return self.strategy.counters

    @property
    def description(self) -> str:
        return f"{self.family}/{self.strategy.description}"

    def plan(self, calls: pa.Table) -> list[np.ndarray]:
        return self.strategy.plan(self._read(calls))

    def answer(self, calls: pa.Table) -> Iterator[pa.Table]:
        yield from map(write_outputs, self.strategy.answer(self._read(calls)))

    def alone(self, calls: pa.Table) -> Iterator[pa.Table]:
        for call in self._read(calls):
            yield from map(write_outputs, self.strategy.alone(call))

    def peak_bytes(self) -> int:
        if self._on_gpu:
            return sum(map(torch.cuda.max_memory_allocated, range(torch.cuda.device_count())))
        unit = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss's unit
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

    def _read(self, calls: pa.Table) -> list[Call]:
        return read_calls(calls, self.strategy.kinds, self.max_length, self.forms)


def _precision(model: Any, kv_cache_dtype: str) -> str:
    parts = [str(model.dtype).removeprefix("torch.")]
    if quantised := getattr(model.config, "quantization_config", None):
        config = quantised if isinstance(quantised, dict) else quantised.to_dict()
        method = config.get("quant_method")
        method = getattr(method, "value", method) or "quantised"
        parts.append(f"{method} {config['bits']} bit" if config.get("bits") else str(method))
    if kv_cache_dtype != "auto":
        parts.append(f"KV {kv_cache_dtype}")
    return ", ".join(parts)


def _device_name(device: Any) -> str:
    if device.type != "cuda":
        return str(device)
    return f"{device} {torch.cuda.get_device_name(device)}"

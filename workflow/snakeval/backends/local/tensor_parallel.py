"""One model over several devices: every matrix of a layer is cut, and all devices compute each
token together (Shoeybi et al. 2019, arXiv:1909.08053).

transformers knows how an architecture is cut. Here one process per device goes through the same
batches. The leader is an Engine in the job's own process. It passes each request on to its
followers (`follower`), which plan and answer the same calls. All processes see the same sums after
each layer, so all take the same decisions. Only the leader's outputs count. If a follower ends, the
leader ends its job, because nothing more can be computed.
"""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from snakeval.backends.local.engine import TableEngine
from snakeval.backends.local.processes import Order, join, send, start
from snakeval.backends.protocol import Counters

FOLLOWER = "snakeval.backends.local.follower"


class Leader:
    """An engine whose every step its followers take, too."""

    def __init__(self, order: Order, load_here: Callable[[Order], TableEngine]):
        """`load_here` loads this process's part of the model."""
        self.size = order.model.tensor_parallel
        threads = max(1, torch.get_num_threads() // self.size)
        self._folder = tempfile.TemporaryDirectory(prefix="snakeval-")
        meeting = str(Path(self._folder.name, "store"))
        self._followers = []
        for rank in range(1, self.size):
            first = {"order": order.to_json(), "meeting": meeting, "threads": threads}
            follower = start(FOLLOWER, first | {"rank": rank})
            threading.Thread(target=_end_with, args=(follower, rank), daemon=True).start()
            self._followers.append(follower)
        torch.set_num_threads(threads)
        join(0, self.size, meeting)
        engine = self._engine = load_here(order)
        self.family, self.forms = engine.family, engine.forms
        self.max_length, self.precision = engine.max_length, engine.precision
        self.device = f"{engine.device}, tensor-parallel over {self.size}"
        self.flops_per_token = engine.flops_per_token
        self.peak_flops = engine.peak_flops * self.size

    @property
    def counters(self) -> Counters:
        return self._engine.counters

    @property
    def description(self) -> str:
        return self._engine.description

    def plan(self, calls: pa.Table) -> list[np.ndarray]:
        self._pass_on("plan", calls)
        return self._engine.plan(calls)

    def answer(self, calls: pa.Table) -> Iterator[pa.Table]:
        self._pass_on("answer", calls)
        yield from self._engine.answer(calls)

    def alone(self, calls: pa.Table) -> Iterator[pa.Table]:
        self._pass_on("alone", calls)
        yield from self._engine.alone(calls)

    def peak_bytes(self) -> int:
        """The leader's memory, which is about that of each process, times their number."""
        return self._engine.peak_bytes() * self.size

    def _pass_on(self, method: str, calls: pa.Table) -> None:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, calls.schema, options=pa.ipc.IpcWriteOptions()) as stream:
            stream.write_table(calls)
        for follower in self._followers:
            send(follower.stdin, method.encode())
            send(follower.stdin, sink.getvalue())


def _end_with(follower: subprocess.Popen, rank: int) -> None:
    """End the job when a follower fails."""
    if follower.wait() != 0:
        print(
            f"error: process {rank + 1} of the model ended with {follower.returncode}. "
            "Its own message is above.",
            file=sys.stderr,
        )
        os._exit(1)

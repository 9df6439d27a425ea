"""One model over several devices at once: every matrix of a layer is cut, and all devices compute each token together (Shoeybi et al. 2019,
arXiv:1909.08053). How an architecture is cut is transformers' business; here one process per device is led through the same batches.

The leader is an Engine in the job's own process. Whatever it is asked it first tells its followers, which plan and answer the same calls.
All see the same sums after each layer, so all take the same decisions, and only the leader's answers count. A follower whose leader is
gone ends; a leader that loses a follower ends its job, for nothing more could be computed.
"""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import torch
import torch.distributed

from snakeval.backends.protocol import Counters, Engine
from snakeval.errors import UserError

_LENGTH = 8  # bytes that tell how long a message is
_PATIENCE = timedelta(
    hours=2
)  # of a process that waits for the others; weights on a slow disk take long to load
_GRACE = 10.0  # seconds that a failing follower leaves its leader, whom the same befalls, to say so


class Leader:
    """An engine whose every step its followers take, too."""

    def __init__(self, folder: Path, settings: dict[str, Any]):
        from snakeval.backends.local import build

        self.size: int = settings["tensor_parallel"]
        threads = max(1, torch.get_num_threads() // self.size)
        self._meeting = tempfile.TemporaryDirectory(prefix="snakeval-")
        meeting = str(Path(self._meeting.name, "store"))
        self._followers = []
        for rank in range(1, self.size):
            follower = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": _path()},
            )
            order = {
                "folder": str(folder),
                "settings": settings,
                "rank": rank,
                "meeting": meeting,
                "threads": threads,
            }
            _send(follower.stdin, json.dumps(order).encode())
            threading.Thread(target=_end_with, args=(follower, rank), daemon=True).start()
            self._followers.append(follower)
        torch.set_num_threads(threads)
        _join(0, self.size, meeting)
        self._engine: Engine = build.load_here(folder, settings)
        self.family, self.max_length, self.precision = (
            self._engine.family,
            self._engine.max_length,
            self._engine.precision,
        )
        self.device = f"{self._engine.device}, tensor-parallel over {self.size}"
        self.flops_per_token, self.peak_flops = (
            self._engine.flops_per_token,
            self._engine.peak_flops * self.size,
        )

    @property
    def counters(self) -> Counters:
        return self._engine.counters

    @property
    def description(self) -> str:
        return self._engine.description

    def plan(self, calls: pa.Table) -> list[np.ndarray]:
        self._tell("plan", calls)
        return self._engine.plan(calls)

    def answer(self, calls: pa.Table) -> Iterator[pa.Table]:
        self._tell("answer", calls)
        yield from self._engine.answer(calls)

    def alone(self, calls: pa.Table) -> Iterator[pa.Table]:
        self._tell("alone", calls)
        yield from self._engine.alone(calls)

    def peak_bytes(self) -> int:
        """The leader's, which are about everybody's, times their number."""
        return self._engine.peak_bytes() * self.size

    def _tell(self, what: str, calls: pa.Table) -> None:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, calls.schema, options=pa.ipc.IpcWriteOptions()) as stream:
            stream.write_table(calls)
        for follower in self._followers:
            _send(follower.stdin, what.encode())
            _send(follower.stdin, sink.getvalue())


def agreed(tokens: int) -> int:
    """The smallest of what all processes of a model would take for a batch; they must cut the same ones."""
    if not torch.distributed.is_initialized():
        return tokens
    least = torch.tensor(tokens, device="cuda" if torch.cuda.is_available() else "cpu")
    torch.distributed.all_reduce(least, torch.distributed.ReduceOp.MIN)
    return int(least)


def follow(told: IO[bytes]) -> None:
    """A follower's life: what it is told, one after the other, until there is nobody left to tell."""
    from snakeval.backends.local import build

    order = json.loads(_receive(told))
    torch.set_num_threads(order["threads"])
    messages: queue.SimpleQueue[tuple[str, pa.Table]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(told, messages), daemon=True).start()
    try:
        _join(order["rank"], order["settings"]["tensor_parallel"], order["meeting"])
        engine = build.load_here(Path(order["folder"]), order["settings"])
        while True:
            what, calls = messages.get()
            for _ in {"plan": engine.plan, "answer": engine.answer, "alone": engine.alone}[what](
                calls
            ):
                pass
    except Exception as error:
        if isinstance(error, UserError):
            print(f"error: {error}", file=sys.stderr)
        else:
            traceback.print_exc()
        time.sleep(_GRACE)
        os._exit(1)


def _listen(told: IO[bytes], messages: "queue.SimpleQueue[tuple[str, pa.Table]]") -> None:
    """Even while the follower waits for the others' part of a sum, it notices that its leader is gone."""
    try:
        while True:
            what = _receive(told).decode()
            messages.put((what, pa.ipc.open_stream(_receive(told)).read_all()))
    except EOFError:
        os._exit(0)


def _end_with(follower: subprocess.Popen, rank: int) -> None:
    if follower.wait() != 0:
        print(
            f"error: process {rank + 1} of the model ended with {follower.returncode}; its own message is above",
            file=sys.stderr,
        )
        os._exit(1)


def _join(rank: int, size: int, meeting: str) -> None:
    """Meet the other processes of the model, in a file that only this job knows."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size)}
    how: dict[str, Any] = {
        "init_method": f"file://{meeting}",
        "rank": rank,
        "world_size": size,
        "timeout": _PATIENCE,
    }
    if torch.cuda.is_available():
        device = torch.device("cuda", rank)
        torch.cuda.set_device(device)
        torch.distributed.init_process_group("nccl", device_id=device, **how)
    else:
        torch.distributed.init_process_group("gloo", **how)


def _path() -> str:
    """PYTHONPATH under which a new process finds this very package."""
    return os.pathsep.join(
        filter(None, [str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH")])
    )


def _send(pipe: IO[bytes] | None, message: bytes | pa.Buffer) -> None:
    assert pipe is not None
    try:
        pipe.write(len(message).to_bytes(_LENGTH, "little"))
        pipe.write(message)
        pipe.flush()
    except BrokenPipeError:
        raise UserError(
            "engine: a process of the model has ended; its own message is above"
        ) from None


def _receive(pipe: IO[bytes]) -> bytes:
    """The next message. Raises EOFError where the other side is gone."""

    def read(count: int) -> bytes:
        content = pipe.read(count)
        if len(content) < count:
            raise EOFError
        return content

    return read(int.from_bytes(read(_LENGTH), "little"))


if __name__ == "__main__":
    follow(sys.stdin.buffer)

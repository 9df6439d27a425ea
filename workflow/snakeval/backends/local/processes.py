"""The processes that hold one model together: how they meet, agree and pass messages on."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import torch
import torch.distributed

from snakeval.config.model import Model, settings
from snakeval.errors import UserError

_LENGTH = 8  # bytes that give the length of a message
_PATIENCE = timedelta(hours=2)  # of a process that waits for the others: loading may take long


@dataclass(frozen=True)
class Order:
    """What every process of a model loads."""

    folder: Path
    model: Model
    rows: int  # texts written at a time, at most
    tokenizer: Path | None  # its folder; None: the model's own

    def to_json(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "model": self.model.model_dump(mode="json", exclude={"source", "answers"}),
            "rows": self.rows,
            "tokenizer": self.tokenizer and str(self.tokenizer),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Order":
        tokenizer = values["tokenizer"] and Path(values["tokenizer"])
        model = settings(**values["model"])
        return cls(Path(values["folder"]), model, values["rows"], tokenizer)


def join(rank: int, size: int, meeting: str) -> None:
    """Meet the other processes of the model in the file `meeting`, which only this job knows."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size)}
    options: dict[str, Any] = {
        "init_method": f"file://{meeting}",
        "rank": rank,
        "world_size": size,
        "timeout": _PATIENCE,
    }
    if torch.cuda.is_available():
        device = torch.device("cuda", rank)
        torch.cuda.set_device(device)
        torch.distributed.init_process_group("nccl", device_id=device, **options)
    else:
        torch.distributed.init_process_group("gloo", **options)


def agreed(tokens: int) -> int:
    """The smallest number that any process of the model names. All must cut the same batches."""
    if not torch.distributed.is_initialized():
        return tokens
    least = torch.tensor(tokens, device="cuda" if torch.cuda.is_available() else "cpu")
    torch.distributed.all_reduce(least, torch.distributed.ReduceOp.MIN)
    return int(least)


def start(module: str, first: dict[str, Any]) -> subprocess.Popen:
    """A process that runs a module of this package. Its first message is `first` as JSON."""
    workflow = str(Path(__file__).parents[3])
    path = os.pathsep.join(filter(None, [workflow, os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path}
    command = [sys.executable, "-m", module]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
    send(process.stdin, json.dumps(first).encode())
    return process


def send(pipe: IO[bytes] | None, message: bytes | pa.Buffer) -> None:
    """Write a message. Raises UserError where the other side has ended."""
    assert pipe is not None
    try:
        pipe.write(len(message).to_bytes(_LENGTH, "little"))
        pipe.write(message)
        pipe.flush()
    except BrokenPipeError:
        raise UserError(
            "engine: a process of the model has ended. Its own message is above."
        ) from None


def receive(pipe: IO[bytes]) -> bytes:
    """The next message. Raises EOFError where the other side has ended."""

    def read(count: int) -> bytes:
        content = pipe.read(count)
        if len(content) < count:
            raise EOFError
        return content

    return read(int.from_bytes(read(_LENGTH), "little"))

"""A follower: a process that computes its part of a model as its leader asks (`tensor_parallel`).

Run as a program. A follower whose leader has ended ends, too.
"""

import json
import os
import queue
import sys
import threading
import time
import traceback
from typing import IO

import pyarrow as pa
import torch

from snakeval.backends.local.build import load_here
from snakeval.backends.local.processes import Order, join, receive
from snakeval.errors import UserError

_GRACE = 10.0  # seconds in which the leader, which meets the same error, can report it first

Messages = queue.SimpleQueue[tuple[str, pa.Table]]


def follow(pipe: IO[bytes]) -> None:
    """Load this process's part of the model, then answer what the leader sends, until it ends."""
    first = json.loads(receive(pipe))
    order = Order.from_json(first["order"])
    torch.set_num_threads(first["threads"])
    messages: Messages = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, messages), daemon=True).start()
    try:
        join(first["rank"], order.model.tensor_parallel, first["meeting"])
        engine = load_here(order)
        methods = {"plan": engine.plan, "answer": engine.answer, "alone": engine.alone}
        while True:
            method, calls = messages.get()
            for _ in methods[method](calls):
                pass
    except Exception as error:
        if isinstance(error, UserError):
            print(f"error: {error}", file=sys.stderr)
        else:
            traceback.print_exc()
        time.sleep(_GRACE)
        os._exit(1)


def _listen(pipe: IO[bytes], messages: Messages) -> None:
    """Read in a thread, so that a follower which waits for the others sees its leader end."""
    try:
        while True:
            method = receive(pipe).decode()
            messages.put((method, pa.ipc.open_stream(receive(pipe)).read_all()))
    except EOFError:
        os._exit(0)


if __name__ == "__main__":
    follow(sys.stdin.buffer)

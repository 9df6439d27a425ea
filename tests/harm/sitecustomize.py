"""Harm done to jobs of a workflow under test. PYTHONPATH makes Python import this at start.

The folder SNAKEVAL_HARM holds files `{script}.{kind}.{milliseconds}`, such as `calls.hang.1`. The
first process of that script takes the first of them and does what it says after that time. Every
process of a script also notes which GPUs it got, and when.
"""

import atexit
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path


def _do(kind: str, seconds: float) -> None:
    """At once, or from a thread of its own to strike the process in the middle of its work."""
    match kind:
        case "kill" | "terminate":
            number = signal.SIGKILL if kind == "kill" else signal.SIGTERM
            timer = threading.Timer(seconds, os.kill, (os.getpid(), number))
            timer.daemon = True
            timer.start()
        case "hang":
            time.sleep(3600)
        case "slow":
            time.sleep(10)
        case "eat":
            held = []
            while True:
                held.append(os.urandom(1 << 20) * 100)
                time.sleep(0.02)
        case "memory":
            in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (in_use + 150_000_000, -1))


def _note(script: str, folder: Path, what: str) -> None:
    line = f"{script} {os.getpid()} {what} {time.time()} {os.environ.get('CUDA_VISIBLE_DEVICES')}\n"
    with (folder / "notes").open("a") as file:
        file.write(line)


def _begin() -> None:
    folder = Path(os.environ.get("SNAKEVAL_HARM", "/nonexistent"))
    started = next((name for name in sys.orig_argv[1:2] if "/.snakemake/scripts/" in name), None)
    if not started or not folder.is_dir():
        return
    script = started.rpartition("/")[2].split(".")[1]
    _note(script, folder, "begin")
    atexit.register(_note, script, folder, "end")
    for planned in sorted(folder.glob(f"{script}.*")):
        try:
            planned.rename(folder / f"done-{planned.name}")  # only one process succeeds
        except FileNotFoundError:
            continue
        _, kind, milliseconds = planned.name.split(".")
        _do(kind, int(milliseconds) / 1000)
        break


_begin()

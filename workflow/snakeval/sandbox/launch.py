"""The process that builds the jail, starts checker and program in it, and limits the time.

Each program has one, in a fresh interpreter without environment. The checker is the first process
of the jail's process table: signals from inside do not reach it, and when it ends, the kernel ends
all others. The program never holds the descriptor that the verdict goes through, nor that of the
tests.
"""

import json
import os
import random
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# site-packages by name only, no folder of the user's on the path, no byte code written
FLAGS = ("-s", "-S", "-P", "-B")
ENVIRONMENT = {  # all of it
    "HOME": "/tmp",
    "LC_ALL": "C.UTF-8",
    "PYTHONHASHSEED": "0",  # a program may depend on the order of a set: the verdict stays equal
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
}
LIBRARIES = "LD_LIBRARY_PATH"  # kept until the jail is built: some Pythons do not start without it
WALL_FACTOR = 3  # seconds by the clock for each second of processor time
_GRACE = 0.5  # s that a program which is ending may take


def main(settings: dict[str, Any]) -> dict[str, Any]:
    """The verdict as plain values: `passed` and `reason`, or `refused` if no jail can be built."""
    from snakeval.sandbox import checker, confinement, namespaces, program

    os.environ.pop(LIBRARIES, None)
    limits, mode = confinement.Limits(**settings["limits"]), settings["mode"]
    number = os.getpid()
    try:
        if mode == "sandbox":
            namespaces.enter(settings["packages"])
        else:
            os.chdir(settings["scratch"])
    except OSError as error:
        return {"refused": error.strerror}
    ours, theirs = socket.socketpair()
    verdict, verdict_end = os.pipe()

    def check() -> None:
        try:
            confinement.confine(limits, number, mode)
        except OSError as error:
            answer: dict[str, Any] = {"refused": error.strerror}
        else:
            reason = checker.run(_read(settings["tests"]), ours)
            answer = {"passed": not reason, "reason": reason}
        os.write(verdict_end, json.dumps(answer).encode())

    def define() -> None:
        confinement.confine(limits, number, mode)
        program.run(_read(settings["program"]), theirs)

    # the scoring process numbers these two and may have many files open; all others are low
    last = max(settings["tests"], settings["program"])
    children = [
        _start(check, [settings["tests"], ours.fileno(), verdict_end], last),
        _start(define, [settings["program"], theirs.fileno()], last),
    ]
    for descriptor in (verdict_end, ours.fileno(), theirs.fileno()):
        os.close(descriptor)
    try:
        return _watch(verdict, children[1], limits.seconds * WALL_FACTOR)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)


def _start(work: Callable[[], None], descriptors: list[int], last: int) -> int:
    """A child that does `work` and ends, with these descriptors only.

    Its standard input and output lead nowhere. `last`: the largest number of a descriptor that may
    be open.
    """
    if child := os.fork():
        return child
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):
            os.dup2(nowhere, standard)
        _close_all_but(descriptors, last)
        random.seed(0)
        work()
    finally:
        os._exit(0)


def _close_all_but(descriptors: list[int], last: int) -> None:
    start = 3
    for descriptor in sorted(descriptors):
        os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, max(last + 1, 1024))


def _read(descriptor: int) -> str:
    with open(descriptor, encoding="utf-8", errors="surrogatepass", newline="") as file:
        return file.read()


def _watch(verdict: int, program: int, seconds: float) -> dict[str, Any]:
    """The checker's answer, or "time".

    Time also ends when standard input does: then no process waits for the answer any more.
    """
    ready, _, _ = select.select([sys.stdin.fileno(), verdict], [], [], seconds)
    if verdict not in ready:
        return {"passed": False, "reason": "time"}
    written = b"".join(iter(lambda: os.read(verdict, 1 << 16), b""))
    if not written:
        return {"passed": False, "reason": "the tests ended the checker"}
    answer = json.loads(written)
    return answer | {"reason": _end_of(program)} if answer.get("reason") == "ended" else answer


def _end_of(program: int) -> str:
    """How a program that hung up has ended."""
    until = time.monotonic() + _GRACE
    while time.monotonic() < until:
        if end := os.waitid(os.P_PID, program, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if end.si_code == os.CLD_EXITED:
                return "the program ended itself"
            if end.si_status in (signal.SIGXCPU, signal.SIGKILL):
                return "time"
            return f"crashed ({signal.Signals(end.si_status).name})"
        time.sleep(0.005)
    return "the program hung up"


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    given = json.loads(sys.argv[1])
    sys.path += given["packages"]
    outcome = main(given)
    print(json.dumps(outcome), flush=True)
    os._exit(0)

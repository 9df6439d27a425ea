"""Started for each program in a fresh interpreter without environment: builds the jail, starts checker and program in it, watches the time.

The checker is the first process of the jail's process table: signals from inside do not reach it, and when it ends, the kernel ends all
others. The program never holds the descriptor that the verdict goes through, nor that of the tests.
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

FLAGS = (
    "-s",
    "-S",
    "-P",
    "-B",
)  # no site-packages but by name, no folder of the user's on the path, no byte code written
ENVIRONMENT = {  # all of it
    "HOME": "/tmp",
    "LC_ALL": "C.UTF-8",
    "PYTHONHASHSEED": "0",  # the same verdict each time, also where a program depends on the order of a set
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
}
LIBRARIES = (
    "LD_LIBRARY_PATH"  # and, until the jail is built, this, without which some Pythons do not start
)
WALL_FACTOR = 3  # by the clock, of the seconds of processor time
_GRACE = 0.5  # s; for a program that is ending to be gone


def main(settings: dict[str, Any]) -> dict[str, Any]:
    """The verdict as plain values: `refused` where no jail can be built, else `passed` and `reason`."""
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

    last = max(
        settings["tests"], settings["program"]
    )  # numbered by who scores, however many files it has open; others are low
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
    """A child that does `work` and ends, with these descriptors and none other; standard input and output lead nowhere.

    `last`: the largest number of a descriptor that may be open.
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
    """What the checker says, unless time runs out or nobody waits for it any more (standard input is at its end)."""
    ready, _, _ = select.select([sys.stdin.fileno(), verdict], [], [], seconds)
    if verdict not in ready:
        return {"passed": False, "reason": "time"}
    said = b"".join(iter(lambda: os.read(verdict, 1 << 16), b""))
    if not said:
        return {"passed": False, "reason": "the tests ended the checker"}
    answer = json.loads(said)
    return answer | {"reason": _end_of(program)} if answer.get("reason") == "ended" else answer


def _end_of(program: int) -> str:
    """How a program that hung up has ended."""
    until = time.monotonic() + _GRACE
    while time.monotonic() < until:
        if end := os.waitid(os.P_PID, program, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if end.si_code == os.CLD_EXITED:
                return "the program ended itself"
            return (
                "time"
                if end.si_status in (signal.SIGXCPU, signal.SIGKILL)
                else f"crashed ({signal.Signals(end.si_status).name})"
            )
        time.sleep(0.005)
    return "the program hung up"


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    given = json.loads(sys.argv[1])
    sys.path += given["packages"]
    outcome = main(given)
    print(json.dumps(outcome), flush=True)
    os._exit(0)

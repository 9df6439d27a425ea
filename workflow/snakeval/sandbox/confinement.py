"""What a process of the jail gives up before it reads foreign code: privileges and the like."""

import ctypes
import os
import resource
from contextlib import suppress
from dataclasses import dataclass

from snakeval.sandbox import seccomp

# user ids that no account has; one for each jail, as the kernel counts threads by user
_OWN_USERS = 3_000_000_000
_DEATH_SIGNAL, _DUMPABLE = 1, 4  # prctl
_CAPABILITIES_V3 = 0x20080522
_KILL = 9


@dataclass(frozen=True)
class Limits:
    """What one process may use."""

    seconds: float = 3.0  # of processor time; three times that by the clock, for both processes
    memory: int = 1 << 30  # bytes of address space
    file: int = 16 << 20  # bytes of one file
    files: int = 64  # open at once
    threads: int = 32


def confine(limits: Limits, number: int, mode: str) -> None:
    """Confine this process for good. Raises OSError where the kernel refuses.

    `number` differs between jails that run at the same time.
    """
    os.setsid()  # a signal to its own group reaches no other process
    if mode == "sandbox":
        _drop_privileges(_OWN_USERS + number)
    _limit(limits, mode)
    libc = ctypes.CDLL(None)
    libc.prctl(_DEATH_SIGNAL, _KILL)  # end with the launcher
    libc.prctl(_DUMPABLE, 0)
    seccomp.restrict()


def _drop_privileges(user: int) -> None:
    if os.geteuid() == 0:
        # root of a container without such an id is an ordinary user outside, and remains one
        with suppress(OSError):
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
    libc = ctypes.CDLL(None, use_errno=True)
    header, nothing = (ctypes.c_uint32 * 2)(_CAPABILITIES_V3, 0), (ctypes.c_uint32 * 6)()
    if libc.capset(header, nothing):
        number = ctypes.get_errno()
        raise OSError(number, f"capset: {os.strerror(number)}")


def _limit(limits: Limits, mode: str) -> None:
    seconds = max(1, round(limits.seconds))
    wanted = {
        "RLIMIT_CPU": (seconds, seconds + 1),
        "RLIMIT_AS": (limits.memory, limits.memory),
        "RLIMIT_FSIZE": (limits.file, limits.file),
        "RLIMIT_NOFILE": (limits.files, limits.files),
        "RLIMIT_CORE": (0, 0),
        "RLIMIT_MEMLOCK": (0, 0),
    }
    if mode == "sandbox" and _counts_threads_by_namespace():
        wanted["RLIMIT_NPROC"] = (limits.threads, limits.threads)
    for name, pair in wanted.items():
        resource.setrlimit(getattr(resource, name), pair)


def _counts_threads_by_namespace() -> bool:
    """Since Linux 5.14, or for a user id of its own, threads of the user outside do not count."""
    version = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])
    return version >= (5, 14) or os.geteuid() >= _OWN_USERS

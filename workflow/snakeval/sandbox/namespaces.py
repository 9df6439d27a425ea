"""A jail from the kernel's namespaces: no network, no other processes, read-only system files.

Of the file system only Python and its libraries are visible. There is no /proc and no /sys inside,
and of a home folder only Python, where it is installed there. An ordinary user gets a user
namespace. Root needs none: the processes inside then take an unused user id (see `confinement`).
"""

import ctypes
import os
import re
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

SCRATCH = "/tmp"  # the one folder that can be written
SCRATCH_BYTES = 64 << 20
SCRATCH_FILES = 1000
SYSTEM = (
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/lib",
    "/lib64",
    "/nix/store",
    "/gnu/store",
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")

_NEW_MOUNTS, _NEW_CGROUPS, _NEW_HOST, _NEW_IPC, _NEW_USER, _NEW_PROCESSES, _NEW_NETWORK = (
    0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_EXEC, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = (
    1, 2, 4, 8, 32, 4096, 16384, 1 << 18,
)  # fmt: skip
_KEPT = {  # options of a mount that a remount may not drop
    "noexec": _NO_EXEC,
    "noatime": 1 << 10,
    "nodiratime": 1 << 11,
    "relatime": 1 << 21,
    "nosymfollow": 256,
}
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_DETACH = 2
_OUTSIDE = "/outside"  # holds the old file system while the jail is built


def enter(packages: list[str]) -> None:
    """Put this process into the jail.

    The next process it starts is the first of the new process table, and all end with it.
    `packages` are the folders of installed packages, readable inside. The working folder is SCRATCH
    afterwards. Raises OSError, naming the step, where the kernel or its settings forbid it.
    """
    uid, gid = os.geteuid(), os.getegid()
    spaces = _NEW_MOUNTS | _NEW_CGROUPS | _NEW_HOST | _NEW_IPC | _NEW_PROCESSES | _NEW_NETWORK
    _call("unshare", spaces if uid == 0 else spaces | _NEW_USER)
    if uid != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    _call("sethostname", b"sandbox", 7)
    paths = map(Path, (*SYSTEM, *_python(packages), *DEVICES))
    visible = {path: path.resolve() for path in paths if path.exists()}
    links = {path: path.readlink() for path in visible if path.is_symlink() and str(path) in SYSTEM}
    _mount(None, "/", None, _RECURSIVE | _PRIVATE)
    _mount("tmpfs", SCRATCH, "tmpfs", _NO_SUID | _NO_DEVICES, "size=1m,mode=755")
    Path(SCRATCH + _OUTSIDE).mkdir()
    pivot_root = ctypes.c_long(_PIVOT_ROOT[os.uname().machine])
    _call("syscall", pivot_root, SCRATCH.encode(), (SCRATCH + _OUTSIDE).encode())
    os.chdir("/")
    Path(SCRATCH).mkdir()  # before the rest, as it may hold Python
    limits = f"size={SCRATCH_BYTES},nr_inodes={SCRATCH_FILES},mode=1777"
    _mount("tmpfs", SCRATCH, "tmpfs", _NO_SUID | _NO_DEVICES | _NO_EXEC, limits)
    for path, source in visible.items():
        if path not in links:
            _show(Path(f"{_OUTSIDE}{source}"), path)
    for path, target in links.items():
        path.symlink_to(target)
    _call("umount2", _OUTSIDE.encode(), _DETACH)
    Path(_OUTSIDE).rmdir()
    _mount(None, "/", None, _REMOUNT | _BIND | _READ_ONLY | _NO_SUID | _NO_DEVICES)
    os.chdir(SCRATCH)


def _python(packages: list[str]) -> Iterable[str]:
    """Folders of Python's own files and of installed packages, outermost only."""
    folders = {
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("platstdlib"),
        f"{sys.base_prefix}/lib",
        *packages,
    }
    outer: list[str] = []
    for folder in sorted(map(os.path.normpath, folders)):
        if not any(Path(folder).is_relative_to(other) for other in [*outer, *SYSTEM]):
            outer.append(folder)
    return outer


def _show(source: Path, path: Path) -> None:
    """Make `source` visible at `path`, read-only, with everything mounted under it.

    Of devices only DEVICES work.
    """
    if source.is_dir():
        path.mkdir(parents=True, exist_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    _mount(str(source), str(path), None, _BIND | _RECURSIVE)
    for place, options in list(_mounts()):
        if Path(place).is_relative_to(path):
            kept = sum(flag for name, flag in _KEPT.items() if name in options)
            devices = 0 if str(path) in DEVICES else _NO_DEVICES
            _mount(None, place, None, _REMOUNT | _BIND | _READ_ONLY | _NO_SUID | devices | kept)


def _mounts() -> Iterable[tuple[str, list[str]]]:
    """Place and options of every mount; see proc_pid_mountinfo(5)."""
    for line in Path(f"{_OUTSIDE}/proc/self/mountinfo").read_text().splitlines():
        fields = line.split(" ")
        yield (
            re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[4]),
            fields[5].split(","),
        )


def _mount(
    source: str | None, target: str, kind: str | None, flags: int, options: str = ""
) -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    _call("mount", *texts, ctypes.c_ulong(flags), options.encode() or None, what=f"mount {target}")


def _call(name: str, *arguments: object, what: str = "") -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{what or name}: {os.strerror(number)}")

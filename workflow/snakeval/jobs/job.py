"""What every script does first: redirect output, read settings, turn errors into one line."""

import atexit
import errno
import json
import os
import sys
import traceback
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TextIO, TypeVar

from pydantic import TypeAdapter

from snakeval.errors import UserError
from snakeval.files import atomic

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Job(Generic[Settings]):
    """A job that has started."""

    settings: Settings
    code: Any
    """Digest of the stage's code and the versions of its packages: part of every fingerprint."""
    terminal: TextIO
    """The standard error that the process began with, for progress."""


def start(log: str, file: str, settings: type[Settings]) -> Job[Settings]:
    """Start a job whose settings, a dataclass, the run's plan wrote to `file`.

    From here on all output of the process, also of libraries in C, goes to the file `log`. A
    UserError that escapes ends the process with its one line, anything else with a traceback. When
    the process ends, `file` says again what was read.
    """
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    terminal = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="replace")
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    sys.excepthook = partial(_report, terminal)
    text = Path(file).read_text(encoding="utf-8")
    atexit.register(_put_back, Path(file), text)
    read = json.loads(text)
    return Job(TypeAdapter(settings).validate_python(read["settings"]), read["code"], terminal)


def _put_back(path: Path, text: str) -> None:
    """Undo what another start of Snakemake made of the settings while this job ran.

    Snakemake gives a job's files the time of its end, so they would look newer than settings that
    changed before. The next start must find other words than its own, and write the file again.
    """
    if path.exists() and path.read_bytes() != text.encode():
        atomic.write_text(path, text)


def _report(
    terminal: TextIO,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
) -> None:
    text = f"error: {error}\n"
    if isinstance(error, MemoryError):
        text = (
            "error: out of memory. Give the job more (mem_mb) or run fewer at once, and run again: "
            "finished work is kept.\n"
        )
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        text = (
            f"error: {error.filename or 'disk'}: no space left on the device. "
            "Free some and run again: finished work is kept.\n"
        )
    elif not isinstance(error, UserError):
        defect = (
            "This is a defect of snakeval or of a library it uses. Finished calls are kept: "
            "after a fix, run the same command again."
        )
        text = "".join([*traceback.format_exception(kind, error, trace), f"\n{defect}\n"])
    try:
        print(text, end="", file=sys.stderr, flush=True)
    except OSError:  # the log is on the disk that is full
        print(text, end="", file=terminal, flush=True)

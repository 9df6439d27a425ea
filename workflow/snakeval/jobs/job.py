"""What every script does first: send its output to its log, read its settings, and turn errors into one line."""

import atexit
import errno
import json
import os
import sys
import traceback
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from snakeval.errors import UserError
from snakeval.files import atomic


def start(log: str, settings: str | None = None) -> tuple[dict[str, Any], TextIO]:
    """The job's settings (none without the file `settings`), and the terminal: the standard error the process began with, for progress.

    From here on all output of the process, also of libraries in C, goes to the file `log`. A UserError that escapes ends the process with
    its one line, anything else with a traceback. When it ends, `settings` says again what was read.
    """
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    terminal = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="replace")
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    sys.excepthook = partial(_report, terminal)
    if settings is None:
        return {}, terminal
    text = Path(settings).read_text(encoding="utf-8")
    atexit.register(_put_back, Path(settings), text)
    return json.loads(text), terminal


def _put_back(path: Path, text: str) -> None:
    """Undo what another start of Snakemake made of the settings while this job ran.

    Snakemake gives what a job wrote the time of the job's end, so it would pass for made from settings that changed before: the next start
    must find words that are not its own, and write the file anew.
    """
    if path.exists() and path.read_bytes() != text.encode():
        atomic.write_text(path, text)


def _report(
    terminal: TextIO, kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    text = f"error: {error}\n"
    if isinstance(error, MemoryError):
        text = "error: out of memory; give the job more (mem_mb), or run fewer at once, and run again: finished work is kept\n"
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        text = f"error: {error.filename or 'disk'}: no space left on the device; free some and run again, finished work is kept\n"
    elif not isinstance(error, UserError):
        defect = "A defect of snakeval or of a library it uses. Finished requests are kept: mend it and run the same command again."
        text = "".join([*traceback.format_exception(kind, error, trace), f"\n{defect}\n"])
    try:
        print(text, end="", file=sys.stderr, flush=True)
    except OSError:  # the log lies on the disk that is full
        print(text, end="", file=terminal, flush=True)

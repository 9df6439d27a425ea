"""Progress of a job: requests done, speed and time left, on the terminal of the workflow.

On a terminal, one line is refreshed. In a file or batch system, whole lines come at growing
intervals. Short jobs write nothing. Several jobs may write to one terminal: each writes a whole
line at once, with its name.
"""

import os
import time
from collections.abc import Callable
from typing import TextIO

SILENT_SECONDS = 2.0  # nothing is written before
REFRESH_SECONDS = 0.5
FIRST_INTERVAL, LONGEST_INTERVAL = 10.0, 600.0  # seconds between whole lines; each doubles
_CLEAR_LINE = "\r\x1b[2K"


class Progress:
    """Progress of one job; a context manager. Without a `terminal` it is silent.

    with Progress("m, gsm8k", total=1319, terminal=terminal) as progress:
        progress.advance(requests=64, tokens=9_000)
    """

    def __init__(
        self,
        name: str,
        *,
        total: int,
        known: int = 0,
        terminal: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        """`total` requests, of which `known` need no work. `clock`: seconds."""
        self.name, self.total, self.known = name, total, known
        self.done = self.tokens = 0
        self._terminal, self._clock = terminal, clock
        self._refreshes = terminal is not None and terminal.isatty()
        self._interval = REFRESH_SECONDS if self._refreshes else FIRST_INTERVAL
        self._started = clock()
        self._next = self._started + (SILENT_SECONDS if self._refreshes else FIRST_INTERVAL)

    def advance(self, requests: int, tokens: int) -> None:
        """Count requests and tokens, read or generated, that are done."""
        self.done += requests
        self.tokens += tokens
        now = self._clock()
        if now < self._next:
            return
        if self._refreshes:
            # The cursor goes back to the start, so that the next writer overwrites the line.
            self._write(f"{_CLEAR_LINE}{self._fitted(self.line())}\r")
        else:
            self._write(f"{self.line()}\n")
            self._interval = min(2 * self._interval, LONGEST_INTERVAL)
        self._next = now + self._interval

    def line(self) -> str:
        """The state as one line: `m, gsm8k: 64 of 1,319 requests (4 %), 12/s, …`."""
        seconds = max(self._clock() - self._started, 1e-9)
        at = self.known + self.done
        percent = 100 * at // max(self.total, 1)
        parts = [f"{self.name}: {at:,} of {self.total:,} requests ({percent} %)"]
        if self.done:
            parts += [f"{_rate(self.done / seconds)}/s", f"{_rate(self.tokens / seconds)} tokens/s"]
        if self.done and at < self.total:
            parts.append(f"{duration((self.total - at) * seconds / self.done)} left")
        return ", ".join(parts)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, error_type: type | None, *_: object) -> None:
        seconds = self._clock() - self._started
        if seconds < SILENT_SECONDS:
            return
        clear = _CLEAR_LINE if self._refreshes else ""
        end = "stopped after" if error_type else "done in"
        self._write(f"{clear}{self.line()}, {end} {duration(seconds)}\n")

    def _fitted(self, line: str) -> str:
        """The line cut to the terminal's width: a wrapped line cannot be refreshed."""
        try:
            columns = os.get_terminal_size(self._terminal.fileno()).columns if self._terminal else 0
        except OSError:  # the terminal does not report its size
            columns = 0
        return line[: (columns or 80) - 1]

    def _write(self, text: str) -> None:
        if self._terminal is None:
            return
        try:
            self._terminal.write(text)
            self._terminal.flush()
        except OSError:  # the terminal was closed, and the work goes on without it
            self._terminal = None


def duration(seconds: float) -> str:
    """7 s, 2 min 6 s, 3 h 4 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.2g}"

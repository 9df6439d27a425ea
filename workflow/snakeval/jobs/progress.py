"""How far a job is, for people: requests done, speed and time left, on the terminal the workflow was started from.

On a terminal one line is refreshed, else (a file, a batch system) whole lines come at growing intervals. Short jobs say nothing. Several
jobs may write to one terminal: each writes a whole line at once, with its name.
"""

import os
import time
from collections.abc import Callable
from typing import TextIO

SILENT_SECONDS = 2.0  # nothing is said before
REFRESH_SECONDS = 0.5
FIRST_INTERVAL, LONGEST_INTERVAL = (
    10.0,
    600.0,
)  # seconds between plain lines; each interval is twice the one before
_CLEAR_LINE = "\r\x1b[2K"


class Progress:
    """Progress of one job; a context manager. Without a `terminal` it is silent."""

    def __init__(
        self,
        name: str,
        *,
        total: int,
        known: int = 0,
        terminal: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        """`total` requests, of which `known` need no work."""
        self.name, self.total, self.known = name, total, known
        self.done = self.tokens = 0
        self._terminal, self._clock = terminal, clock
        self._refreshes = terminal is not None and terminal.isatty()
        self._interval = REFRESH_SECONDS if self._refreshes else FIRST_INTERVAL
        self._started = clock()
        self._next = self._started + (SILENT_SECONDS if self._refreshes else FIRST_INTERVAL)

    def advance(self, requests: int, tokens: int) -> None:
        """So many more requests and tokens (read or generated) are done."""
        self.done += requests
        self.tokens += tokens
        now = self._clock()
        if now >= self._next:
            if self._refreshes:
                self._write(
                    f"{_CLEAR_LINE}{self._fitted(self.line())}\r"
                )  # back at the start: whoever writes next, writes over it
            else:
                self._write(f"{self.line()}\n")
                self._interval = min(2 * self._interval, LONGEST_INTERVAL)
            self._next = now + self._interval

    def line(self) -> str:
        """The state in words."""
        seconds = max(self._clock() - self._started, 1e-9)
        at = self.known + self.done
        parts = [
            f"{self.name}: {at:,} of {self.total:,} requests ({100 * at // max(self.total, 1)} %)"
        ]
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
        except OSError:  # not every terminal tells
            columns = 0
        return line[: (columns or 80) - 1]

    def _write(self, text: str) -> None:
        if self._terminal is None:
            return
        try:
            self._terminal.write(text)
            self._terminal.flush()
        except OSError:  # the terminal was closed: the work goes on without it
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

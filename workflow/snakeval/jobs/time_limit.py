"""A limit on the time of code that hostile input could make run for hours, regular expressions above all."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from snakeval.errors import UserError


@contextmanager
def time_limit(seconds: float, what: str) -> Iterator[None]:
    """Raise UserError, beginning with `what`, when the block takes more than `seconds` of the process's CPU time.

    By a signal, which Python's regular expressions look at while they match. Signals need the main thread of a Unix process; elsewhere
    there is no limit. Blocks must not be nested.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(
        signal, "setitimer"
    ):
        yield
        return

    def interrupt(*_: object) -> None:
        raise UserError(
            f"{what} took over {seconds:g} s; remove nested or unanchored repetition, such as (a+)+ or .*, from the pattern"
        )

    before = signal.signal(signal.SIGVTALRM, interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)

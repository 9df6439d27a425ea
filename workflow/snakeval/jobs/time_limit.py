"""A time limit for code that hostile input can slow down, such as regular expressions."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from snakeval.errors import UserError


@contextmanager
def time_limit(seconds: float, what: str) -> Iterator[None]:
    """Raise UserError, beginning with `what`, when the block takes too much CPU time.

    The limit is a signal, which Python's regular expressions check while they match. Signals need
    the main thread of a Unix process; elsewhere there is no limit. Blocks must not be nested.

        with time_limit(10, "tasks.mine: regex_pattern"):
            pattern.findall(text)
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or not hasattr(signal, "setitimer"):
        yield
        return

    def interrupt(*_: object) -> None:
        raise UserError(
            f"{what} took over {seconds:g} s. "
            "Remove nested or unanchored repetition, such as (a+)+ or .*, from the pattern."
        )

    before = signal.signal(signal.SIGVTALRM, interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)

"""Retry what failed for a temporary reason: exponential back-off with jitter."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from snakeval.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True)
class Trouble:
    """Why an attempt failed."""

    line: str  # for the user, after the last attempt: what is wrong, where, what to do
    passing: bool  # another attempt may succeed
    wait: float | None = None  # seconds the server asks to wait


@dataclass(frozen=True)
class Retry:
    """How often and how patiently to try again; delays in seconds."""

    attempts: int = 6
    first_delay: float = 1.0  # doubled after each attempt
    longest_delay: float = 60.0
    patience: float = 600.0  # no attempt follows where the server asks for a longer wait
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random  # in [0, 1); no result depends on it
    say: Callable[[str], None] = print


def persist(
    action: Callable[[], T], diagnose: Callable[[Exception], Trouble | None], retry: Retry
) -> T:
    """What `action` returns, retried while `diagnose` finds its exception temporary.

    The delay before attempt n + 1 is drawn from the upper half of first_delay · 2ⁿ⁻¹, so that many
    clients do not return at once. It is at least what the server asks for.

    Raises UserError with the trouble's line after the last attempt. Raises the exception itself
    where `diagnose` returns None.
    """
    for attempt in range(1, retry.attempts + 1):
        try:
            return action()
        except Exception as error:
            trouble = diagnose(error)
            if trouble is None:
                raise
            if not trouble.passing:
                raise UserError(trouble.line) from None
            if attempt == retry.attempts:
                raise UserError(f"{trouble.line} (tried {attempt} times)") from None
            if (trouble.wait or 0) > retry.patience:
                raise UserError(
                    f"{trouble.line}; the server asks to wait {trouble.wait:.0f} s. "
                    "Run again after that."
                ) from None
            longest = min(retry.first_delay * 2 ** (attempt - 1), retry.longest_delay)
            delay = max(longest * (1 + retry.chance()) / 2, trouble.wait or 0)
            following = f"attempt {attempt + 1} of {retry.attempts}"
            retry.say(f"{trouble.line}; trying again in {delay:.1f} s ({following})")
            retry.sleep(delay)
    raise ValueError("attempts must be at least 1")

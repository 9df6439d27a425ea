"""Equality of mathematical answers, by math-verify and sympy, in a process that can be ended.

An answer may hold an expression such as 9^(9^(9^9)), for which sympy needs hours and all memory,
even in a single multiplication. So a second process (`math_worker.py`) compares, under limits that
the kernel enforces: SECONDS of CPU time per pair, whatever the machine's load, and MEMORY bytes. A
pair that breaks a limit counts as not equal; the next pair gets a new process.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from snakeval.errors import UserError
from snakeval.metrics.metric import Metric

SECONDS = 5
MEMORY = 4 << 30


def math_equal(prediction: str, references: Sequence[str]) -> float:
    """1 if the answer equals one of the references as mathematics, else 0.

    Of both texts this compares the last \\boxed{…}, else what follows "the final answer is", else
    the last formula or number. Equal are 1/2, \\frac12 and 0.5, sets in any order, and equations
    with sides exchanged (math-verify, github.com/huggingface/Math-Verify).
    """
    answer = last_boxed(prediction) or prediction
    return float(any(_worker.equal(last_boxed(text) or text, answer) for text in references))


def last_boxed(text: str) -> str | None:
    """The last \\boxed{…} or \\fbox{…} of a text, braces matched; None where none is closed."""
    start = max(text.rfind("\\boxed{"), text.rfind("\\fbox{"))
    depth = 0
    for end in range(start, len(text) if start >= 0 else start):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if text[end] == "}" and depth == 0:
            return text[start : end + 1]
    return None


class _Worker:
    """The process that compares: starts when it is first needed, ends with this one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def equal(self, reference: str, answer: str) -> bool:
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps([reference, answer]) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:  # ended by a limit
            process.wait()
            self._process = None
            limits = f"{SECONDS} s and {MEMORY >> 30} GiB"
            print(
                f"math_equal: no decision within {limits}, counts as wrong: {answer[-100:]!r}",
                file=sys.stderr,
            )
        return line == "true\n"

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            worker = Path(__file__).with_name("math_worker.py")
            command = [sys.executable, "-P", str(worker), str(SECONDS), str(MEMORY)]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
            )
            assert self._process.stdout is not None
            if self._process.stdout.readline() != "ready\n":
                self._process = None
                raise UserError(
                    "metric math_equal: the package math-verify is not installed. "
                    "Run: pip install math-verify"
                )
        return self._process


_worker = _Worker()

METRICS = (Metric("math_equal", "generate_until", math_equal, proportion=True),)

"""Equality of mathematical answers, by math-verify and sympy, in a process that can be ended.

An answer may hold an expression that takes sympy, or one multiplication in it, hours and all memory (9^(9^(9^9))). So a second process
(`math_worker.py`) compares, under limits that the kernel keeps: SECONDS of CPU time per pair, whatever the machine's load, and MEMORY
bytes. A pair that breaks a limit counts as not equal; the next one gets a new process.
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
    """1 if the answer is, as mathematics, what one of the references says, else 0.

    Of both the answer is what stands in the last \\boxed{…}, else after "the final answer is", else the last formula or number; equal are
    1/2, \\frac12 and 0.5, sets in any order, equations with sides exchanged (math-verify, github.com/huggingface/Math-Verify).
    """
    return float(
        any(
            _worker.equal(last_boxed(reference) or reference, last_boxed(prediction) or prediction)
            for reference in references
        )
    )


def last_boxed(text: str) -> str | None:
    """The last \\boxed{…} or \\fbox{…} of a text, braces matched; None where there is none or it stays open."""
    start = max(text.rfind("\\boxed{"), text.rfind("\\fbox{"))
    depth = 0
    for end in range(start, len(text) if start >= 0 else start):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if text[end] == "}" and depth == 0:
            return text[start : end + 1]
    return None


class _Worker:
    """The comparing process; started when it is first needed, ends with this one."""

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
            print(
                f"math_equal: no decision within {SECONDS} s and {MEMORY >> 30} GiB, counts as wrong: {answer[-100:]!r}",
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
                    "metric math_equal: needs the package math-verify; run: pip install math-verify"
                )
        return self._process


_worker = _Worker()

METRICS = (Metric("math_equal", "generate_until", math_equal, proportion=True),)

"""The metric `code_eval` of `evaluate`: same arguments and results, its programs in the sandbox.

The library's own version runs what a model wrote as the user who scores. Task files load it when
their module is imported (`evaluate.load("code_eval")`). Within `provided`, they get this one.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from snakeval.metrics.sampling import none_right
from snakeval.sandbox.confinement import Limits
from snakeval.sandbox.execution import Runner

Outcomes = dict[int, list[tuple[int, dict[str, Any]]]]  # task -> (number, outcome) of its programs


class CodeEval:
    """What `evaluate.load("code_eval")` gives."""

    def __init__(self, runner: Runner):
        self._runner = runner

    def compute(
        self,
        *,
        references: Sequence[str],
        predictions: Sequence[Sequence[str]],
        k: Sequence[int] = (1, 10, 100),
        timeout: float = 3.0,
        **ignored: Any,
    ) -> tuple[dict[str, float], Outcomes]:
        """`pass@k` as the mean over tasks, for each k of which every task has k programs; outcomes.

        `references`: the tests of each task; `predictions`: its programs. `timeout`: seconds of
        processor time for each program.
        """
        outcomes = self._outcomes(references, predictions, timeout)
        right = [sum(found["passed"] for _, found in of_task) for of_task in outcomes.values()]
        n = [len(programs) for programs in predictions]
        sizes = [size for size in k if n and min(n) >= size]
        return {f"pass@{size}": _pass_at(size, n, right) for size in sizes}, outcomes

    def _outcomes(
        self, references: Sequence[str], predictions: Sequence[Sequence[str]], timeout: float
    ) -> Outcomes:
        jobs = [
            (task, program, tests)
            for task, (programs, tests) in enumerate(zip(predictions, references, strict=True))
            for program in programs
        ]
        limits = Limits(seconds=timeout)
        verdicts = self._runner.map(lambda job: self._runner(job[1], job[2], limits), jobs)
        outcomes: Outcomes = {task: [] for task in range(len(predictions))}
        for (task, _, _), verdict in zip(jobs, verdicts, strict=True):
            number, passed = len(outcomes[task]), verdict.passed
            result = "passed" if passed else f"failed: {verdict.reason}"
            found = {"task_id": task, "passed": passed, "result": result, "completion_id": number}
            outcomes[task].append((number, found))
        return outcomes


def _pass_at(k: int, n: Sequence[int], right: Sequence[int]) -> float:
    chances = (1 - none_right(total, passed, k) for total, passed in zip(n, right, strict=True))
    return sum(chances) / len(n)


@contextmanager
def provided(runner: Runner) -> Iterator[None]:
    """Within, `evaluate.load("code_eval")` gives this metric; modules imported within keep it."""
    import evaluate

    load = evaluate.load
    evaluate.load = lambda path, *args, **options: (
        CodeEval(runner) if path == "code_eval" else load(path, *args, **options)
    )
    try:
        yield
    finally:
        evaluate.load = load

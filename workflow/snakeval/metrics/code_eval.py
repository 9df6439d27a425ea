"""The metric `code_eval` of the `evaluate` library with its arguments and results, its programs run in the sandbox.

The library's own version runs what a model wrote as the user who scores. Task files load it when their module is imported
(`evaluate.load("code_eval")`); within `provided`, they get this one.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from snakeval.sandbox.confinement import Limits
from snakeval.sandbox.execution import Runner


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
    ) -> tuple[dict[str, float], dict[int, list[tuple[int, dict[str, Any]]]]]:
        """`pass@k` for each k, the mean over tasks, where every task has k programs; and for each task (number, outcome) of its programs.

        `references`: the tests of each task; `predictions`: its programs. `timeout`: seconds of processor time of each.
        """
        from snakeval.metrics.sampling import none_right

        jobs = [
            (task, program, tests)
            for task, (programs, tests) in enumerate(zip(predictions, references, strict=True))
            for program in programs
        ]
        verdicts = self._runner.map(
            lambda job: self._runner(job[1], job[2], Limits(seconds=timeout)), jobs
        )
        outcomes: dict[int, list[tuple[int, dict[str, Any]]]] = {
            task: [] for task in range(len(predictions))
        }
        for (task, _, _), verdict in zip(jobs, verdicts, strict=True):
            number, passed = len(outcomes[task]), verdict.passed
            result = "passed" if passed else f"failed: {verdict.reason}"
            outcomes[task].append(
                (
                    number,
                    {"task_id": task, "passed": passed, "result": result, "completion_id": number},
                )
            )
        right = [sum(found["passed"] for _, found in of_task) for of_task in outcomes.values()]
        n = [len(programs) for programs in predictions]
        return {
            f"pass@{size}": sum(
                1 - none_right(total, passed, size) for total, passed in zip(n, right, strict=True)
            )
            / len(n)
            for size in k
            if n and min(n) >= size
        }, outcomes


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

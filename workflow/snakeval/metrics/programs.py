"""Metrics of programs that a model wrote; they run in the sandbox. `pass@K` (see `sampling`) with `of: tests_passed` is HumanEval's."""

from collections.abc import Sequence

from snakeval.errors import UserError
from snakeval.metrics.metric import Metric
from snakeval.sandbox.confinement import Limits
from snakeval.sandbox.execution import Runner


def tests_passed(
    prediction: str, references: Sequence[str], run: Runner | None = None, seconds: float = 3.0
) -> float:
    """1 if the program passes the tests of every reference, Python statements that use its names, else 0.

    A program gets `seconds` of processor time for each. (Chen et al. 2021, arxiv.org/abs/2107.03374.)
    """
    if run is None:
        raise UserError(
            "metric tests_passed runs programs that the model wrote; set unsafe_code: true in the task"
        )
    return float(
        all(run(prediction, tests, Limits(seconds=seconds)).passed for tests in references)
    )


METRICS = (Metric("tests_passed", "generate_until", tests_passed, proportion=True, runs_code=True),)

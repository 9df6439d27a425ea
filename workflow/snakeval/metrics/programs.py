"""Metrics of programs that a model wrote; they run in the sandbox.

`pass@K` (see `sampling`) with `of: tests_passed` is HumanEval's metric.
"""

from collections.abc import Sequence

from snakeval.errors import UserError
from snakeval.metrics.metric import Metric
from snakeval.sandbox.confinement import Limits
from snakeval.sandbox.execution import Runner


def tests_passed(
    prediction: str, references: Sequence[str], run: Runner | None = None, seconds: float = 3.0
) -> float:
    """1 if the program passes the tests of every reference, else 0.

    Tests are Python statements that use the program's names. A program gets `seconds` of processor
    time for each reference. (Chen et al. 2021, arxiv.org/abs/2107.03374.)
    """
    if run is None:
        raise UserError(
            "metric tests_passed: it runs programs that the model wrote. "
            "Set unsafe_code: true in the task."
        )
    limits = Limits(seconds=seconds)
    return float(all(run(prediction, tests, limits).passed for tests in references))


METRICS = (Metric("tests_passed", "generate_until", tests_passed, proportion=True, runs_code=True),)

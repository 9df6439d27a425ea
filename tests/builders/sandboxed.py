"""Running programs in the sandbox, for its tests."""

from snakeval.sandbox.confinement import Limits
from snakeval.sandbox.execution import Runner

RUN = Runner()
SHORT = Limits(seconds=0.4)  # by the clock 1.2


def outcome(expression, program="", limits=None, runner=RUN):
    """What an expression gives inside the sandbox, as text, or the exception it raises."""
    source = f"{program}\ndef attempt():\n    return repr({expression})"
    return runner(source, "assert False, attempt()", limits).reason.removeprefix("AssertionError: ")

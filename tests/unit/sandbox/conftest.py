"""All tests here run programs in the sandbox."""

import pytest
from builders.sandboxed import RUN

from snakeval.errors import UserError


@pytest.fixture(scope="module", autouse=True)
def needs_a_sandbox():
    """Skip the module on a machine that cannot isolate programs."""
    try:
        RUN.check()
    except UserError as error:
        pytest.skip(str(error))

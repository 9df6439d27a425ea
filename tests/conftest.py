"""Shared by all tests."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder of this repository; tests change copies only."""
    return REPOSITORY


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Public data sets that the licences keep out of the repository; the variable SNAKEVAL_DATA names their folder."""
    if "SNAKEVAL_DATA" not in os.environ:
        pytest.skip("SNAKEVAL_DATA names no folder of real data sets")
    return Path(os.environ["SNAKEVAL_DATA"])

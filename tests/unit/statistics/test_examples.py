"""The examples in the docstrings of the room give what they show."""

import doctest
import pkgutil
from importlib import import_module

import pytest

from snakeval import statistics

MODULES = [module.name for module in pkgutil.iter_modules(statistics.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    found = doctest.testmod(import_module(f"snakeval.statistics.{name}"))
    assert found.attempted > 0
    assert found.failed == 0

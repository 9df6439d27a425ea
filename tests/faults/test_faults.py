"""The run after a fault gives the bytes of an undisturbed one.

`benchmarks/faults.py` injects hundreds of these faults.
"""

import os
import random

import pytest
from faults import after, during

# Two writers may both make a call that neither has finished.
TWO_WRITERS = {"Snakemake killed (-9)", "two runs at once"}
LONG = pytest.mark.long
AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="mounting a file system needs root")


@pytest.mark.parametrize(
    "kinds",
    [
        ("job killed (-9)", "everything killed (-9)", "Ctrl-C"),
        pytest.param(("disk full",), marks=AS_ROOT),
        pytest.param(
            ("job out of memory", "children killed (-9)", "Snakemake terminated"), marks=LONG
        ),
        pytest.param(("Snakemake killed (-9)", "Ctrl-C"), marks=LONG),
        pytest.param(("two runs at once",), marks=LONG),
    ],
)
def test_harm_to_a_run(unstarted, finished, kinds):
    records = during(unstarted, finished, list(kinds), random.Random(1))
    assert records
    for record in records:
        assert record.reported and record.recovered and record.identical, record
    assert TWO_WRITERS & set(kinds) or not any(record.called_twice for record in records)


@pytest.mark.parametrize(
    "kinds",
    [
        ("file truncated", "bit flipped", "clock jumped"),
        pytest.param(("results read-only",), marks=AS_ROOT),
    ],
)
def test_harm_to_results(project, finished, kinds):
    records = after(project, finished, list(kinds), random.Random(2))
    assert len(records) == len(kinds)
    for record in records:
        assert record.reported and record.recovered and record.identical, record
        assert not record.called_twice, record

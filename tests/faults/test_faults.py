"""A few of the faults that `benchmarks/faults.py` injects by the hundred: the run after them gives the bytes of an undisturbed one."""

import os
import random

import pytest
from faults import after, during

TWO_WRITERS = {
    "Snakemake killed (-9)",
    "two runs at once",
}  # both may ask what neither has finished
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
    assert all(record.told and record.recovered and record.identical for record in records), records
    assert TWO_WRITERS & set(kinds) or not any(record.asked_twice for record in records)


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
    assert all(
        record.told and record.recovered and record.identical and not record.asked_twice
        for record in records
    ), records

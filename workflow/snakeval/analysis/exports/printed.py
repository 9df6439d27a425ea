"""A table with all its numbers, and how it is printed."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Score:
    """A score as text; an end of the interval is empty where there is none."""

    value: str
    low: str
    high: str
    best: bool  # of all models
    tied: bool  # not distinguishable from the best


@dataclass(frozen=True)
class Printed:
    """A table: every row and column of `table`, and the part of it that is printed."""

    table: pa.Table
    head: Sequence[str]
    body: Sequence[Sequence[str | Score | None]]  # a line per row; None: no score
    numeric: Sequence[str]  # columns of `head` that are aligned to the right
    legend: bool  # whether it holds scores, whose marks a legend explains

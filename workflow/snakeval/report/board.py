"""The leaderboard of the page: the score table as a tree of rows, and what follows from it."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from snakeval.statistics import multiplicity
from snakeval.statistics.means import independent_mean


@dataclass(frozen=True)
class Cell:
    """One model's score on one row."""

    value: float | None
    low: float | None
    high: float | None
    stderr: float | None
    rank_low: int | None
    rank_high: int | None
    best: bool = False  # the best value of the row
    tied: bool = False  # not distinguishable from the best


@dataclass(frozen=True)
class Row:
    """One metric of one task or group, all models."""

    benchmark: str
    task: str
    filter: str
    metric: str
    parent: str | None
    depth: int
    is_group: bool
    primary: bool
    higher_is_better: bool
    chance: float | None
    n: int
    num_fewshot: int | None
    version: str | None
    ci_method: str
    cells: dict[str, Cell]
    bounded: bool  # from 0 (worst) to 1 (best): such rows can be averaged and share an axis
    children: bool = False

    @property
    def key(self) -> str:
        return f"{self.benchmark}/{self.task}"


@dataclass(frozen=True)
class Pair:
    """Two models on one row: difference is a's score minus b's."""

    n: int
    difference: float | None
    low: float | None
    high: float | None
    p: float | None

    @property
    def decided(self) -> bool:
        return self.p is not None and self.p < multiplicity.ALPHA and bool(self.difference)


class Record(NamedTuple):
    """One model against another, as names of tasks.

    Where it is better or worse at adjusted p < 0.05, where it is neither, and where the two were
    not compared.
    """

    better: list[str]
    worse: list[str]
    undecided: list[str]
    apart: list[str]


@dataclass(frozen=True)
class Standing:
    """One model over the tasks at the top of the tree."""

    model: str
    mean: float | None  # over the bounded rows that every model has
    low: float | None
    high: float | None
    best: int  # rows where it is best or tied with the best
    rows: int
    ahead: list[str] = field(default_factory=list)  # tasks where it beats all others beyond noise
    behind: list[str] = field(default_factory=list)  # where all others beat it, as far as compared
    above_chance: int = 0  # rows whose interval is above chance
    with_chance: int = 0


def rows(table: list[dict], models: list[str], benchmarks: list[str]) -> list[Row]:
    """The rows of the score table (lines of SCORE_TABLE), parents before their children.

    Benchmarks come in the order given.
    """
    grouped: dict[tuple, dict[str, dict]] = {}
    for line in table:
        key = (line["benchmark"], line["task"], line["parent"], line["filter"], line["metric"])
        grouped.setdefault(key, {})[line["model"]] = line
    flat = [_row(lines, models) for lines in grouped.values()]
    below: dict[tuple[str, str | None], list[Row]] = defaultdict(list)
    known = {(row.benchmark, row.task) for row in flat}
    for row in flat:
        has_parent = (row.benchmark, row.parent) in known and row.parent != row.task
        below[row.benchmark, row.parent if has_parent else None].append(row)
    return [row for benchmark in benchmarks for row in _descend(below, benchmark, None, 0)]


def top(board: list[Row]) -> list[Row]:
    """The rows that lead: the primary metric of each task or group that is in no other group."""
    return [row for row in board if row.depth == 0 and row.primary]


def pairs(comparisons: list[dict]) -> dict[tuple, Pair]:
    """(benchmark, task, filter, metric, a, b) -> the difference of a and b, in both directions."""
    found = {}
    for line in comparisons:
        where = (line["benchmark"], line["task"], line["filter"], line["metric"])
        a, b, n, p = line["model_a"], line["model_b"], line["n"], line["p_holm"]
        difference, low, high = line["difference"], line["ci_low"], line["ci_high"]
        found[(*where, a, b)] = Pair(n, difference, low, high, p)
        found[(*where, b, a)] = Pair(n, _minus(difference), _minus(high), _minus(low), p)
    return found


def pair_of(found: Mapping[tuple, Pair], row: Row, a: str, b: str) -> Pair | None:
    return found.get((row.benchmark, row.task, row.filter, row.metric, a, b))


def record(found: Mapping[tuple, Pair], leading: list[Row], a: str, b: str) -> Record:
    """What is known of a and b, task by task."""
    tasks = Record([], [], [], [])
    for row in leading:
        pair = pair_of(found, row, a, b)
        if pair is None:
            tasks.apart.append(row.task)
        elif not pair.decided:
            tasks.undecided.append(row.task)
        else:
            assert pair.difference is not None  # else it is not decided
            is_better = (pair.difference > 0) == row.higher_is_better
            (tasks.better if is_better else tasks.worse).append(row.task)
    return tasks


def standings(leading: list[Row], found: Mapping[tuple, Pair], models: list[str]) -> list[Standing]:
    """The models, best mean first.

    The mean counts each task the same and takes the tasks as given. Its interval follows from those
    of the tasks, whose documents are independent of each other (`statistics.means`).
    """
    shared = averaged(leading)
    given = [_standing(model, models, leading, shared, found) for model in models]
    return sorted(given, key=lambda s: (-(s.mean if s.mean is not None else -math.inf), -s.best))


def _standing(
    model: str,
    models: list[str],
    leading: list[Row],
    shared: list[Row],
    found: Mapping[tuple, Pair],
) -> Standing:
    """One model over the rows that lead; its mean is over `shared`."""
    mean, low, high = independent_mean(
        [(cell.value, cell.low, cell.high) for row in shared if (cell := row.cells.get(model))]
    )
    cells = [(row, row.cells[model]) for row in leading if model in row.cells]
    chance = [clear for row, cell in cells if (clear := _above_chance(row, cell)) is not None]
    records = [record(found, leading, model, other) for other in models if other != model]

    def in_every(names: Callable[[Record], list[str]]) -> list[str]:
        return [
            row.task
            for row in leading
            if records and all(row.task in names(each) for each in records)
        ]

    return Standing(
        model,
        mean,
        low,
        high,
        best=sum(cell.best or cell.tied for _, cell in cells),
        rows=len(cells),
        ahead=in_every(lambda each: each.better),
        behind=in_every(lambda each: each.worse),
        above_chance=sum(chance),
        with_chance=len(chance),
    )


def averaged(leading: list[Row]) -> list[Row]:
    """The rows that a mean over tasks may hold: from 0 to 1, and known for every model."""
    models = {model for row in leading for model in row.cells}
    return [
        row
        for row in leading
        if row.bounded
        and row.cells.keys() == models
        and all(c.value is not None for c in row.cells.values())
    ]


def mean_difference(leading: list[Row], found: Mapping[tuple, Pair], a: str, b: str) -> Pair | None:
    """a's mean minus b's over `averaged` rows, from the paired differences.

    None where the two were not compared on every one of these rows.
    """
    compared = [pair_of(found, row, a, b) for row in averaged(leading)]
    known = [pair for pair in compared if pair is not None]
    limits = [(pair.difference, pair.low, pair.high) for pair in known]
    if not compared or len(known) < len(compared) or any(None in each for each in limits):
        return None
    return Pair(sum(pair.n for pair in known), *independent_mean(limits), None)


_OF_ROW = (
    *("benchmark", "task", "filter", "metric", "parent", "is_group", "primary", "chance"),
    *("num_fewshot", "version", "ci_method"),
)
_OF_CELL = ("value", "ci_low", "ci_high", "stderr", "rank_low", "rank_high")


def _row(lines: dict[str, dict], models: list[str]) -> Row:
    """The lines of one task, filter and metric, by model."""
    first = next(iter(lines.values()))
    cells = {
        model: Cell(*(line[name] for name in _OF_CELL))
        for model in models
        if (line := lines.get(model)) is not None
    }
    known = [cell.value for cell in cells.values() if cell.value is not None]
    higher = first["higher_is_better"]
    best = (max(known) if higher else min(known)) if known else None
    if len(models) > 1:
        cells = {
            m: replace(c, best=c.value is not None and c.value == best, tied=c.rank_low == 1)
            for m, c in cells.items()
        }
    ends = [end for cell in cells.values() for end in (cell.value, cell.low, cell.high)]
    return Row(
        **{name: first[name] for name in _OF_ROW},
        depth=0,
        higher_is_better=higher,
        n=max(line["n"] for line in lines.values()),
        cells=cells,
        bounded=bool(known) and higher and all(0 <= end <= 1 for end in ends if end is not None),
    )


def _descend(
    below: dict[tuple[str, str | None], list[Row]], benchmark: str, parent: str | None, depth: int
) -> list[Row]:
    """Rows under `parent`: of each task the primary metric, the others, then its children."""
    result: list[Row] = []
    siblings = below.pop((benchmark, parent), [])
    for task in dict.fromkeys(row.task for row in siblings):
        own = sorted((row for row in siblings if row.task == task), key=lambda row: not row.primary)
        inside = _descend(below, benchmark, task, depth + 1)
        result += [
            replace(row, depth=depth, children=bool(inside) and i == 0) for i, row in enumerate(own)
        ] + inside
    return result


def _above_chance(row: Row, cell: Cell) -> bool | None:
    """Whether the interval is on the better side of chance; None where either is unknown."""
    if row.chance is None or cell.low is None or cell.high is None:
        return None
    return cell.low > row.chance if row.higher_is_better else cell.high < row.chance


def _minus(value: float | None) -> float | None:
    return None if value is None else -value

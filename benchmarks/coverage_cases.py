"""The cases of benchmarks/coverage.py: planted truths, and whether an interval or test finds them.

A case is (method, name, function). The function draws once and returns whether the interval holds
the truth, or the test rejects. A case whose name ends in "exact" enumerates all outcomes instead:
its function takes nothing and returns the share.
"""

from collections.abc import Callable, Iterator

import draws
import numpy as np
from draws import F1, MATTHEWS, MEAN, PERPLEXITY, RIGHT, Rng
from scipy import stats

from snakeval.analysis import differences
from snakeval.analysis.differences import Comparison
from snakeval.analysis.series import Series, estimate, group_estimate
from snakeval.metrics.aggregation import Aggregation
from snakeval.statistics import comparisons, intervals
from snakeval.statistics.intervals import Estimate

Draw = Callable[[Rng], bool]
Case = tuple[str, str, Callable[[], float] | Draw]
SIZES = [10, 30, 100, 300]  # of the subtasks of a group
SHARES = [0.2, 0.4, 0.7, 0.9]
WEIGHTS = ((True, "by size"), (False, "plain"))


def cases() -> Iterator[Case]:
    """All cases, by method."""
    yield from proportions()
    yield from groups_of_proportions()
    yield from means()
    yield from corpus_metrics()
    yield from paired_intervals()
    yield from levels_of_tests()


def proportions() -> Iterator[Case]:
    for n in (5, 10, 30, 100, 1000):
        yield "wilson", f"n={n}, mean over p in (0, 1), exact", lambda n=n: wilson_exact(n)
    for p in (0.0, 1.0):
        yield "wilson", f"n=30, p={p:g}", covered(p, drawn(RIGHT, draws.shares, 30, p))
    for p in (0.05, 0.3, 0.5, 0.9):
        for n in (20, 100):
            draw = drawn(RIGHT, draws.shares, n, p, repeats=4)
            yield "wilson-effective", f"n={n}, 4 samples, p={p}", covered(p, draw)
    for groups in (10, 30, 100):
        for p in (0.1, 0.5, 0.8):
            for correlation in (0.05, 0.3):
                name = f"{groups} clusters, p={p}, correlation {correlation}"
                draw = drawn(RIGHT, draws.in_clusters, groups, p, correlation)
                yield "wilson-cluster", name, covered(p, draw)


def groups_of_proportions() -> Iterator[Case]:
    method, many = "wilson-strata", [int(n) for n in np.linspace(10, 60, 57)]
    climbing = list(np.linspace(0.25, 0.95, 57))
    for by_size, name in WEIGHTS:
        yield method, f"4 subtasks, p 0.2-0.9, {name}", group_covered(SIZES, SHARES, by_size)
        yield method, f"4 subtasks, p 0.02, {name}", group_covered(SIZES, [0.02] * 4, by_size)
        yield method, f"57 subtasks, p 0.25-0.95, {name}", group_covered(many, climbing, by_size)
        tiny = group_covered([1, 2, 3, 2] * 5, [0.7] * 20, by_size)
        yield method, f"20 subtasks of 1-3, p 0.7, {name}", tiny
    clustered = group_covered([50, 100, 150], [0.3, 0.5, 0.7], False, correlation=0.2)
    yield method, "3 clustered subtasks, plain", clustered


def means() -> Iterator[Case]:
    for n in (5, 10, 30, 200):
        yield "wilson-effective", f"n={n}, F1-like", covered(0.5, drawn(RIGHT, draws.f1_like, n))
        yield "t", f"n={n}, normal", covered(0.0, drawn(MEAN, Rng.normal, 0, 1, n))
        yield "t", f"n={n}, F1-like", covered(0.5, drawn(MEAN, draws.f1_like, n))
    for n in (20, 100):
        name = f"n={n}, 80 % are 0, the others uniform"
        yield "wilson-effective", name, covered(0.1, drawn(RIGHT, draws.mostly_zero, n))
    for n in (30, 200):
        yield "t", f"n={n}, exponential", covered(1.0, drawn(MEAN, Rng.exponential, 1, n))
    for groups in (10, 30, 100):
        draw = drawn(MEAN, draws.normal_clusters, groups)
        yield "cluster-t", f"{groups} clusters, correlation 0.5", covered(0.0, draw)
    for by_size, name in WEIGHTS:
        weights = draws.weights_of(SIZES, by_size)

        def draw_f1(rng: Rng, weights: np.ndarray = weights) -> Estimate:
            parts = [estimate(draws.series(MEAN, draws.f1_like(rng, n))) for n in SIZES]
            return group_estimate(weights, parts, proportion=False)

        yield "delta", f"F1-like, 4 subtasks, {name}", holds(0.5, draw_f1)
    sizes, rates = (30, 60, 120), (3.5, 4.0, 4.5)

    def draw_perplexity(rng: Rng) -> Estimate:
        pairs = zip(sizes, rates, strict=True)
        parts = [estimate(draws.series(PERPLEXITY, draws.texts(rng, *pair))) for pair in pairs]
        return group_estimate(np.full(3, 1 / 3), parts, proportion=False)

    truth = float(np.mean(np.exp(rates)))
    yield "delta", "perplexity, 3 subtasks, plain", holds(truth, draw_perplexity)


def corpus_metrics() -> Iterator[Case]:
    method = "bootstrap-bca"
    for n in (10, 20, 50, 200):
        draw = drawn(PERPLEXITY, draws.texts, n)
        yield method, f"perplexity, n={n}", covered(np.exp(4), draw)
    for aggregation in (F1, MATTHEWS):
        many = draws.labels(np.random.default_rng(0), 4_000_000)
        truth = float(aggregation.of_sums(many.sum(axis=0)))
        for n in (50, 200):
            draw = drawn(aggregation, draws.labels, n)
            yield method, f"{aggregation.name}, n={n}", covered(truth, draw)
    draw = drawn(PERPLEXITY, draws.texts_in_clusters, 40)
    yield method, "perplexity, 40 clusters", covered(np.exp(4), draw)


def paired_intervals() -> Iterator[Case]:
    for n in (10, 20, 50):
        name = f"n={n}, mean over discordant shares, exact"
        yield "tango", name, lambda n=n: tango_exact(n)
    yield "tango", "n=200, 0.7 against 0.65", differs(0.05, draws.right_pair, 200, 0.7, 0.65)
    for groups in (10, 30, 100):
        name = f"{groups} clusters, difference 0.1"
        yield "tango, clusters", name, differs(0.1, draws.cluster_pair, groups, 0.1)
    for by_size, name in WEIGHTS:
        of_groups = differs(0.05, draws.group_pair, SIZES, SHARES, 0.05, by_size)
        yield "tango, strata", f"4 subtasks, difference 0.05, {name}", of_groups
    for n in (10, 50):
        yield "paired t", f"F1-like, n={n}", differs(0.1, draws.f1_pair, n, 0.1)
    for n in (20, 100):
        yield "paired bca", f"perplexity, n={n}", differs(0.05, draws.perplexity_pair, n, 0.05)


def levels_of_tests() -> Iterator[Case]:
    for n in (20, 100, 500):
        for share in (0.1, 0.4):
            name = f"n={n}, {share:.0%} discordant, exact"
            yield "level: mcnemar", name, lambda n=n, share=share: mcnemar_exact(n, share)
    method = "level: permutation"
    for n in (10, 20, 100):
        yield method, f"F1-like, n={n}", rejected(draws.f1_pair, n, 0.0)
    for groups in (10, 30):
        yield method, f"{groups} clusters", rejected(draws.cluster_pair, groups, 0.0)
    for by_size, name in WEIGHTS:
        draw = rejected(draws.group_pair, SIZES, SHARES, 0.0, by_size)
        yield method, f"4 subtasks, {name}", draw
    for n in (20, 100):
        yield method, f"perplexity, n={n}", rejected(draws.perplexity_pair, n, 0.0)
    for aggregation in (F1, MATTHEWS):
        for n in (50, 200):
            draw = rejected(draws.label_pair, n, aggregation)
            yield method, f"{aggregation.name}, n={n}", draw


# One simulation


def drawn(aggregation: Aggregation, draw: Callable, *arguments, **options) -> Callable[..., Series]:
    """A function that draws a series: `draw` gives its data, or its data and clusters."""

    def one(rng: Rng) -> Series:
        data = draw(rng, *arguments, **options)
        return draws.series(aggregation, *(data if isinstance(data, tuple) else (data,)))

    return one


def holds(truth: float, draw: Callable[[Rng], Estimate | differences.Difference]) -> Draw:
    """Whether the interval of a drawn estimate holds the truth."""

    def one(rng: Rng) -> bool:
        found = draw(rng)
        return found.low <= truth <= found.high

    return one


def covered(truth: float, draw: Callable[[Rng], Series]) -> Draw:
    """Whether the interval of a drawn task holds the truth."""
    return holds(truth, lambda rng: estimate(draw(rng)))


def group_covered(
    sizes: list[int], p: list[float], by_size: bool, correlation: float = 0.0
) -> Draw:
    """Whether the interval of a drawn group of right answers holds the truth."""
    weights = draws.weights_of(sizes, by_size)

    def draw(rng: Rng) -> Estimate:
        parts = []
        for n, share in zip(sizes, p, strict=True):
            if correlation:
                data = draws.in_clusters(rng, n // 5, share, correlation)
            else:
                data = (draws.shares(rng, n, share),)
            parts.append(estimate(draws.series(RIGHT, *data)))
        return group_estimate(weights, parts, proportion=True)

    return holds(float(weights @ np.array(p)), draw)


def differs(truth: float, draw: Callable[..., Comparison], *arguments) -> Draw:
    """Whether the interval of a drawn difference holds the truth."""
    return holds(truth, lambda rng: differences.interval(draw(rng, *arguments)))


def rejected(draw: Callable[..., Comparison], *arguments) -> Draw:
    """Whether the test finds a difference at 5 %."""
    return lambda rng: float(differences.p_values([draw(rng, *arguments)])[0][0]) < 0.05


# Enumerations


def wilson_exact(n: int) -> float:
    """Coverage of Wilson's interval, the mean over all proportions from 0 to 1."""
    p = (np.arange(2000) + 0.5) / 2000
    right = np.arange(n + 1)
    low, high = intervals.wilson(right / n, n)
    inside = (low[:, None] <= p) & (p <= high[:, None])
    return float((stats.binom.pmf(right[:, None], n, p) * inside).sum(axis=0).mean())


def tango_exact(n: int) -> float:
    """Coverage of Tango's interval, the mean over a grid of all shares of discordant documents."""
    only_a, only_b = (counts.ravel() for counts in np.meshgrid(np.arange(n + 1), np.arange(n + 1)))
    possible = only_a + only_b <= n
    only_a, only_b = only_a[possible], only_b[possible]
    outcomes = np.column_stack([only_a, only_b, n - only_a - only_b])
    low, high = comparisons.tango(only_a / n, only_b / n, n)
    coverages = []
    for share_a in np.arange(0.025, 1, 0.05):
        for share_b in np.arange(0.025, 1 - share_a, 0.05):
            p = stats.multinomial.pmf(outcomes, n, [share_a, share_b, 1 - share_a - share_b])
            inside = (low <= share_a - share_b) & (share_a - share_b <= high)
            coverages.append(float(p[inside].sum()))
    return float(np.mean(coverages))


def mcnemar_exact(n: int, discordant: float) -> float:
    """False-positive rate of McNemar's test for n documents."""
    total = np.arange(n + 1)
    rate = 0.0
    for number, weight in zip(total, stats.binom.pmf(total, n, discordant), strict=True):
        only_a = np.arange(number + 1)
        p, _ = comparisons.mcnemar(only_a, number - only_a)
        rate += weight * stats.binom.pmf(only_a, number, 0.5)[p < 0.05].sum()
    return float(rate)

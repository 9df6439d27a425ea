"""How often the 95 % intervals hold the planted truth, and how often the paired tests find a difference where there is none.

    python benchmarks/coverage.py [--simulations 4000] [--write] [part of a case's name]

Every case plants a truth, draws data from it many times, and counts. 4000 simulations take some minutes on one core; the Monte-Carlo error
of a coverage of 95 % is then 0.34 percentage points. Where outcomes can be enumerated, the figure is exact. Last the bootstrap's time is
measured, for 10,000 replicates of 10,000 documents. `--write` puts a line for each method, and the times, into docs/statistics.md.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import page
from scipy import stats

from snakeval.analysis import differences
from snakeval.analysis.series import Series, estimate, group_estimate
from snakeval.metrics import registry
from snakeval.metrics.aggregation import Aggregation
from snakeval.statistics import bootstrap, comparisons, intervals

Rng = np.random.Generator
RIGHT = Aggregation("mean", "mean", proportion=True)
MEAN = registry.AGGREGATIONS["mean"]()
PERPLEXITY = registry.AGGREGATIONS["weighted_perplexity"]()
F1 = registry.AGGREGATIONS["f1"](average="macro")
MATTHEWS = registry.AGGREGATIONS["matthews_corrcoef"]()


def series(
    aggregation: Aggregation, data: np.ndarray, clusters: np.ndarray | None = None, seed: int = 0
) -> Series:
    return Series(aggregation, np.arange(len(data)), clusters, seed, data)


# Documents


def shares(rng: Rng, n: int, p: float, repeats: int = 1) -> np.ndarray:
    """Right answers of n documents of unequal difficulty, the mean over repeats; p on average."""
    if repeats == 1 or p in (0.0, 1.0):
        return (rng.random(n) < p).astype(float)
    return rng.binomial(repeats, rng.beta(2 * p, 2 * (1 - p), n)) / repeats


def in_clusters(
    rng: Rng, groups: int, p: float, correlation: float
) -> tuple[np.ndarray, np.ndarray]:
    """Right answers in clusters of 2 to 8 documents whose difficulty they share (beta-binomial), p on average over documents."""
    clusters = np.repeat(np.arange(groups), rng.integers(2, 9, groups))
    strength = (1 - correlation) / correlation
    return (
        rng.random(len(clusters)) < rng.beta(p * strength, (1 - p) * strength, groups)[clusters]
    ).astype(float), clusters


def f1_like(rng: Rng, n: int) -> np.ndarray:
    """Token F1: a third 0, a third 1, the others between; 1/2 on average."""
    return np.select([(u := rng.random(n)) < 1 / 3, u > 2 / 3], [0.0, 1.0], rng.random(n))


def texts(rng: Rng, n: int, rate: float = 4.0) -> np.ndarray:
    """(log-likelihood, words) of texts of unequal length: log-likelihood per word -`rate` on average, spread between texts."""
    words = rng.integers(20, 200, n).astype(float)
    return np.column_stack([-words * rate * rng.gamma(20, 1 / 20, n), words])


def labels(rng: Rng, n: int, accuracy: float = 0.7) -> np.ndarray:
    """Counts of a classifier over three unequal classes: right and predicted, predicted, right."""
    gold = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    return counts_of(gold, np.where(rng.random(n) < accuracy, gold, rng.integers(0, 3, n)))


def counts_of(gold: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    one_hot_gold, one_hot_predicted = (np.eye(3)[classes] for classes in (gold, predicted))
    return np.hstack([one_hot_gold * one_hot_predicted, one_hot_predicted, one_hot_gold])


# Intervals: each case draws once and says whether the interval holds the truth


def of_series(rng: Rng, truth: float, draw: Callable[[Rng], Series]) -> bool:
    found = estimate(draw(rng))
    return found.low <= truth <= found.high


def of_group(
    rng: Rng, sizes: list[int], p: list[float], by_size: bool, clustered: float = 0.0
) -> bool:
    weights = (
        np.array(sizes, float) / sum(sizes) if by_size else np.full(len(sizes), 1 / len(sizes))
    )
    parts = []
    for n, share in zip(sizes, p, strict=True):
        data, clusters = (
            in_clusters(rng, n // 5, share, clustered)
            if clustered
            else (shares(rng, n, share), None)
        )
        parts.append(estimate(series(RIGHT, data, clusters)))
    found = group_estimate(weights, parts, proportion=True)
    return found.low <= float(weights @ np.array(p)) <= found.high


def of_mean_group(rng: Rng, sizes: list[int], by_size: bool) -> bool:
    weights = (
        np.array(sizes, float) / sum(sizes) if by_size else np.full(len(sizes), 1 / len(sizes))
    )
    found = group_estimate(
        weights, [estimate(series(MEAN, f1_like(rng, n))) for n in sizes], proportion=False
    )
    return found.low <= 0.5 <= found.high


def of_perplexity_group(rng: Rng, sizes: list[int], rates: list[float]) -> bool:
    weights = np.full(len(sizes), 1 / len(sizes))
    parts = [
        estimate(series(PERPLEXITY, texts(rng, n, rate)))
        for n, rate in zip(sizes, rates, strict=True)
    ]
    found = group_estimate(weights, parts, proportion=False)
    return found.low <= float(np.mean(np.exp(rates))) <= found.high


def of_difference(rng: Rng, truth: float, draw: Callable[[Rng], differences.Comparison]) -> bool:
    found = differences.interval(draw(rng))
    return found.low <= truth <= found.high


def rejected(rng: Rng, draw: Callable[[Rng], differences.Comparison]) -> bool:
    return float(differences.p_values([draw(rng)])[0][0]) < 0.05


# Pairs of models


def right_pair(
    rng: Rng, n: int, p_a: float, p_b: float, same: float = 0.5
) -> differences.Comparison:
    """Right answers of two models; a share `same` of the documents is decided by one draw for both."""
    draw_a, draw_b = rng.random((2, n))
    draw_b = np.where(rng.random(n) < same, draw_a, draw_b)
    return [
        differences.matched(
            series(RIGHT, (draw_a < p_a).astype(float)), series(RIGHT, (draw_b < p_b).astype(float))
        )
    ]


def cluster_pair(rng: Rng, groups: int, gap: float) -> differences.Comparison:
    """Two models whose difference varies between clusters; `gap` on average."""
    clusters = np.repeat(np.arange(groups), rng.integers(2, 9, groups))
    level_a, level_b = (rng.beta(3, 3, groups)[clusters] for _ in range(2))
    a, b = (
        rng.random(len(clusters)) < level_a * (1 - gap) + gap,
        rng.random(len(clusters)) < level_b * (1 - gap),
    )
    return [
        differences.matched(
            series(RIGHT, a.astype(float), clusters), series(RIGHT, b.astype(float), clusters)
        )
    ]


def group_pair(
    rng: Rng, sizes: list[int], p: list[float], gap: float, by_size: bool
) -> differences.Comparison:
    weights = (
        np.array(sizes, float) / sum(sizes) if by_size else np.full(len(sizes), 1 / len(sizes))
    )
    strata = [right_pair(rng, n, share + gap, share)[0] for n, share in zip(sizes, p, strict=True)]
    return [
        differences.Stratum(s.a, s.b, float(weight))
        for s, weight in zip(strata, weights, strict=True)
    ]


def f1_pair(rng: Rng, n: int, gap: float) -> differences.Comparison:
    a, b = f1_like(rng, n), f1_like(rng, n)
    b = np.where(rng.random(n) < 0.5, a, b)
    return [differences.matched(series(MEAN, a + gap), series(MEAN, b))]


def perplexity_pair(rng: Rng, n: int, gap: float) -> differences.Comparison:
    """Two models of texts whose difficulty they share."""
    words = rng.integers(20, 200, n).astype(float)
    text = rng.gamma(20, 4 / 20, n)
    a, b = (
        np.column_stack([-words * (text + shift + rng.normal(0, 0.2, n)), words])
        for shift in (gap, 0.0)
    )
    return [differences.matched(series(PERPLEXITY, a), series(PERPLEXITY, b))]


def label_pair(rng: Rng, n: int, aggregation: Aggregation) -> differences.Comparison:
    gold = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    hard = rng.random(n)
    a, b = (
        counts_of(
            gold, np.where(0.7 * hard + 0.3 * rng.random(n) < 0.6, gold, rng.integers(0, 3, n))
        )
        for _ in range(2)
    )
    return [differences.matched(series(aggregation, a), series(aggregation, b))]


# What can be enumerated


def wilson_exact(n: int) -> float:
    """Coverage of Wilson's interval, the mean over all proportions from 0 to 1."""
    p = (np.arange(2000) + 0.5) / 2000
    right = np.arange(n + 1)
    low, high = intervals.wilson(right / n, n)
    holds = (low[:, None] <= p) & (p <= high[:, None])
    return float((stats.binom.pmf(right[:, None], n, p) * holds).sum(axis=0).mean())


def tango_exact(n: int) -> float:
    """Coverage of Tango's interval, the mean over shares of discordant documents, in a grid over all that are possible."""
    only_a, only_b = (counts.ravel() for counts in np.meshgrid(np.arange(n + 1), np.arange(n + 1)))
    only_a, only_b = only_a[only_a + only_b <= n], only_b[only_a + only_b <= n]
    low, high = comparisons.tango(only_a / n, only_b / n, n)
    coverages = []
    for share_a in np.arange(0.025, 1, 0.05):
        for share_b in np.arange(0.025, 1 - share_a, 0.05):
            p = stats.multinomial.pmf(
                np.column_stack([only_a, only_b, n - only_a - only_b]),
                n,
                [share_a, share_b, 1 - share_a - share_b],
            )
            coverages.append(
                float(p[(low <= share_a - share_b) & (share_a - share_b <= high)].sum())
            )
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


def cases() -> Iterator[tuple[str, str, Callable[[], float] | Callable[[Rng], bool]]]:
    """(method, case, exact figure or one simulation)."""
    for n in (5, 10, 30, 100, 1000):
        yield "wilson", f"n={n}, mean over p in (0, 1), exact", partial(wilson_exact, n)
    for p in (0.0, 1.0):
        yield (
            "wilson",
            f"n=30, p={p:g}",
            partial(of_series, truth=p, draw=lambda rng, p=p: series(RIGHT, shares(rng, 30, p))),
        )
    for p in (0.05, 0.3, 0.5, 0.9):
        for n in (20, 100):
            draw = lambda rng, n=n, p=p: series(RIGHT, shares(rng, n, p, repeats=4))  # noqa: E731
            yield (
                "wilson-effective",
                f"n={n}, 4 samples, p={p}",
                partial(of_series, truth=p, draw=draw),
            )
    for groups in (10, 30, 100):
        for p in (0.1, 0.5, 0.8):
            for correlation in (0.05, 0.3):

                def draw(rng, g=groups, p=p, c=correlation):
                    return series(RIGHT, *in_clusters(rng, g, p, c))

                yield (
                    "wilson-cluster",
                    f"{groups} clusters, p={p}, correlation {correlation}",
                    partial(of_series, truth=p, draw=draw),
                )
    uneven, many = [10, 30, 100, 300], [int(n) for n in np.linspace(10, 60, 57)]
    for by_size, name in ((True, "by size"), (False, "plain")):
        yield (
            "wilson-strata",
            f"4 subtasks, p 0.2-0.9, {name}",
            partial(of_group, sizes=uneven, p=[0.2, 0.4, 0.7, 0.9], by_size=by_size),
        )
        yield (
            "wilson-strata",
            f"4 subtasks, p 0.02, {name}",
            partial(of_group, sizes=uneven, p=[0.02] * 4, by_size=by_size),
        )
        yield (
            "wilson-strata",
            f"57 subtasks, p 0.25-0.95, {name}",
            partial(of_group, sizes=many, p=list(np.linspace(0.25, 0.95, 57)), by_size=by_size),
        )
        yield (
            "wilson-strata",
            f"20 subtasks of 1-3, p 0.7, {name}",
            partial(of_group, sizes=[1, 2, 3, 2] * 5, p=[0.7] * 20, by_size=by_size),
        )
    yield (
        "wilson-strata",
        "3 clustered subtasks, plain",
        partial(of_group, sizes=[50, 100, 150], p=[0.3, 0.5, 0.7], by_size=False, clustered=0.2),
    )
    for n in (5, 10, 30, 200):
        yield (
            "wilson-effective",
            f"n={n}, F1-like",
            partial(of_series, truth=0.5, draw=lambda rng, n=n: series(RIGHT, f1_like(rng, n))),
        )
        yield (
            "t",
            f"n={n}, normal",
            partial(of_series, truth=0.0, draw=lambda rng, n=n: series(MEAN, rng.normal(0, 1, n))),
        )
        yield (
            "t",
            f"n={n}, F1-like",
            partial(of_series, truth=0.5, draw=lambda rng, n=n: series(MEAN, f1_like(rng, n))),
        )
    for n in (20, 100):
        draw = lambda rng, n=n: series(RIGHT, np.where(rng.random(n) < 0.8, 0.0, rng.random(n)))  # noqa: E731
        yield (
            "wilson-effective",
            f"n={n}, 80 % are 0, the others uniform",
            partial(of_series, truth=0.1, draw=draw),
        )
    for n in (30, 200):
        yield (
            "t",
            f"n={n}, exponential",
            partial(
                of_series, truth=1.0, draw=lambda rng, n=n: series(MEAN, rng.exponential(1, n))
            ),
        )
    for groups in (10, 30, 100):

        def draw_clusters(rng: Rng, groups: int = groups) -> Series:
            clusters = np.repeat(np.arange(groups), rng.integers(2, 9, groups))
            return series(
                MEAN, rng.normal(0, 1, groups)[clusters] + rng.normal(0, 1, len(clusters)), clusters
            )

        yield (
            "cluster-t",
            f"{groups} clusters, correlation 0.5",
            partial(of_series, truth=0.0, draw=draw_clusters),
        )
    for by_size, name in ((True, "by size"), (False, "plain")):
        yield (
            "delta",
            f"F1-like, 4 subtasks, {name}",
            partial(of_mean_group, sizes=uneven, by_size=by_size),
        )
    yield (
        "delta",
        "perplexity, 3 subtasks, plain",
        partial(of_perplexity_group, sizes=[30, 60, 120], rates=[3.5, 4.0, 4.5]),
    )
    for n in (10, 20, 50, 200):
        yield (
            "bootstrap-bca",
            f"perplexity, n={n}",
            partial(
                of_series, truth=np.exp(4), draw=lambda rng, n=n: series(PERPLEXITY, texts(rng, n))
            ),
        )
    for aggregation in (F1, MATTHEWS):
        truth = float(aggregation.of_sums(labels(np.random.default_rng(0), 4_000_000).sum(axis=0)))
        for n in (50, 200):
            draw = lambda rng, n=n, a=aggregation: series(a, labels(rng, n))  # noqa: E731
            yield (
                "bootstrap-bca",
                f"{aggregation.name}, n={n}",
                partial(of_series, truth=truth, draw=draw),
            )

    def draw_documents(rng: Rng) -> Series:
        clusters = np.repeat(np.arange(40), rng.integers(2, 9, 40))
        words = rng.integers(20, 200, len(clusters)).astype(float)
        rate = 4 * rng.gamma(20, 1 / 20, 40)[clusters] * rng.gamma(20, 1 / 20, len(clusters))
        return series(PERPLEXITY, np.column_stack([-words * rate, words]), clusters)

    yield (
        "bootstrap-bca",
        "perplexity, 40 clusters",
        partial(of_series, truth=np.exp(4), draw=draw_documents),
    )
    for n in (10, 20, 50):
        yield "tango", f"n={n}, mean over discordant shares, exact", partial(tango_exact, n)
    yield (
        "tango",
        "n=200, 0.7 against 0.65",
        partial(of_difference, truth=0.05, draw=lambda rng: right_pair(rng, 200, 0.7, 0.65)),
    )
    for groups in (10, 30, 100):
        draw_pair = lambda rng, g=groups: cluster_pair(rng, g, 0.1)  # noqa: E731
        yield (
            "tango, clusters",
            f"{groups} clusters, difference 0.1",
            partial(of_difference, truth=0.1, draw=draw_pair),
        )
    for by_size, name in ((True, "by size"), (False, "plain")):
        draw_pair = lambda rng, s=by_size: group_pair(rng, uneven, [0.2, 0.4, 0.7, 0.9], 0.05, s)  # noqa: E731
        yield (
            "tango, strata",
            f"4 subtasks, difference 0.05, {name}",
            partial(of_difference, truth=0.05, draw=draw_pair),
        )
    for n in (10, 50):
        yield (
            "paired t",
            f"F1-like, n={n}",
            partial(of_difference, truth=0.1, draw=lambda rng, n=n: f1_pair(rng, n, 0.1)),
        )
    for n in (20, 100):
        draw_pair = lambda rng, n=n: perplexity_pair(rng, n, 0.05)  # noqa: E731
        yield "paired bca", f"perplexity, n={n}", partial(of_difference, truth=0.05, draw=draw_pair)
    for n in (20, 100, 500):
        for discordant in (0.1, 0.4):
            yield (
                "level: mcnemar",
                f"n={n}, {discordant:.0%} discordant, exact",
                partial(mcnemar_exact, n, discordant),
            )
    for n in (10, 20, 100):
        yield (
            "level: permutation",
            f"F1-like, n={n}",
            partial(rejected, draw=lambda rng, n=n: f1_pair(rng, n, 0.0)),
        )
    for groups in (10, 30):
        yield (
            "level: permutation",
            f"{groups} clusters",
            partial(rejected, draw=lambda rng, g=groups: cluster_pair(rng, g, 0.0)),
        )
    for by_size, name in ((True, "by size"), (False, "plain")):
        draw_pair = lambda rng, s=by_size: group_pair(rng, uneven, [0.2, 0.4, 0.7, 0.9], 0.0, s)  # noqa: E731
        yield "level: permutation", f"4 subtasks, {name}", partial(rejected, draw=draw_pair)
    for n in (20, 100):
        yield (
            "level: permutation",
            f"perplexity, n={n}",
            partial(rejected, draw=lambda rng, n=n: perplexity_pair(rng, n, 0.0)),
        )
    for aggregation in (F1, MATTHEWS):
        for n in (50, 200):
            draw_pair = lambda rng, n=n, a=aggregation: label_pair(rng, n, a)  # noqa: E731
            yield (
                "level: permutation",
                f"{aggregation.name}, n={n}",
                partial(rejected, draw=draw_pair),
            )


def bootstrap_times() -> Iterator[tuple[str, float]]:
    """Processor seconds of 10,000 replicates of 10,000 documents, counts drawn and the interval computed, by aggregation."""
    for aggregation, data in (
        (PERPLEXITY, texts(np.random.default_rng(0), 10_000)),
        (F1, labels(np.random.default_rng(0), 10_000)),
    ):
        start = time.process_time()
        estimate(series(aggregation, data))
        yield aggregation.name, time.process_time() - start


def figures(simulations: int, part: str) -> Iterator[tuple[str, str, float]]:
    """Method, case and percentage of the cases whose name holds `part`."""
    for method, case, simulate in cases():
        if part not in f"{method} {case}":
            continue
        if case.endswith("exact"):
            share = simulate()
        else:
            rng = np.random.default_rng(bootstrap.seed_of(method, case))
            share = float(np.mean([simulate(rng) for _ in range(simulations)]))
        yield method, case, 100 * share


def by_method(found: list[tuple[str, str, float]]) -> str:
    """A table with a line for each method: its cases, their mean, the lowest and the highest of them."""
    lines = [
        "| method | cases | mean | lowest | in | highest | in |",
        "|---|---:|---:|---:|---|---:|---|",
    ]
    for method in dict.fromkeys(method for method, _, _ in found):
        own = [(share, case) for other, case, share in found if other == method]
        (low, worst), (high, best) = min(own), max(own)
        mean = sum(share for share, _ in own) / len(own)
        lines.append(
            f"| `{method}` | {len(own)} | {mean:.1f} % | {low:.1f} % | {worst} | {high:.1f} % | {best} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "part", nargs="?", default="", help="of the names of the cases to run; left out: all"
    )
    parser.add_argument("--simulations", type=int, default=4000, help="of each case")
    parser.add_argument(
        "--write", action="store_true", help="put the summary into docs/statistics.md"
    )
    options = parser.parse_args()
    print("| method | case | % |\n|---|---|---:|")
    found = []
    for method, case, share in figures(options.simulations, options.part):
        found.append((method, case, share))
        print(f"| {method} | {case} | {share:.1f} |", flush=True)
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in bootstrap_times())
    summary = (
        f"{by_method(found)}\n\n{options.simulations:,} simulations of each case. "
        f"The bootstrap's 10,000 replicates of 10,000 documents take, in processor time: {times}."
    )
    print(f"\n{summary}")
    if options.write:
        page.write("statistics.md", "benchmarks/coverage.py --write", summary)


if __name__ == "__main__":
    main()

"""How often 95 % intervals hold the planted truth, and how often tests find a false difference.

    python benchmarks/coverage.py [--simulations 4000] [--write] [part of a case's name]

Every case plants a truth, draws data from it many times, and counts (`coverage_cases`). 4000
simulations take some minutes on one core; the Monte-Carlo error of a coverage of 95 % is then 0.34
percentage points. The figure is exact where all outcomes are enumerated. At the end the time of the
bootstrap is measured, for 10,000 replicates of 10,000 documents. `--write` puts a line for each
method, and the times, into docs/explanation/statistics.md.
"""

import argparse
import time
from collections.abc import Iterator

import draws
import numpy as np
import page
from coverage_cases import cases

from snakeval.analysis.series import estimate
from snakeval.statistics import bootstrap


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
    """A line for each method: the number of its cases, their mean, the lowest and the highest."""
    lines = [
        "| method | cases | mean | lowest | in | highest | in |",
        "|---|---:|---:|---:|---|---:|---|",
    ]
    for method in dict.fromkeys(method for method, _, _ in found):
        own = [(share, case) for other, case, share in found if other == method]
        (low, worst), (high, best) = min(own), max(own)
        mean = sum(share for share, _ in own) / len(own)
        ends = f"{low:.1f} % | {worst} | {high:.1f} % | {best}"
        lines.append(f"| `{method}` | {len(own)} | {mean:.1f} % | {ends} |")
    return "\n".join(lines)


def bootstrap_times() -> Iterator[tuple[str, float]]:
    """Aggregation, and processor seconds of 10,000 replicates of 10,000 documents.

    They include drawing the counts and computing the interval.
    """
    for aggregation, draw in ((draws.PERPLEXITY, draws.texts), (draws.F1, draws.labels)):
        data = draw(np.random.default_rng(0), 10_000)
        start = time.process_time()
        estimate(draws.series(aggregation, data))
        yield aggregation.name, time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="?", default="", help="run the cases with this in their name")
    parser.add_argument("--simulations", type=int, default=4000, help="of each case")
    parser.add_argument("--write", action="store_true", help="write docs/explanation/statistics.md")
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

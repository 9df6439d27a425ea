"""Matrix products of MKL, and of oneDNN with weights laid out in advance: the reason for
snakeval.backends.local.patches.linear.

    python benchmarks/products.py

Prints GFLOP/s: medians of alternating passes over many matrices of one shape. Together they are
larger than the processor's cache, as those of a model are.
"""

import os
import statistics
import time
from collections.abc import Callable

import torch

from snakeval.backends.local.patches import linear

SHAPES = [(512, 512), (512, 1408), (1408, 512), (512, 8192), (2048, 5632)]  # inputs, outputs
ROWS = [1, 4, 16, 64, 256, 1024]
BYTES = 64e6  # of weights in one pass
REPEATS = 7


def alternate(passes: list[Callable[[], object]]) -> list[float]:
    """Median seconds of each."""
    seconds: list[list[float]] = [[] for _ in passes]
    for _ in range(REPEATS):
        for run, its in zip(passes, seconds, strict=True):
            started = time.perf_counter()
            run()
            its.append(time.perf_counter() - started)
    return [statistics.median(its) for its in seconds]


def main() -> None:
    torch.set_num_threads(os.cpu_count() or 1)
    print("| inputs | outputs | rows | MKL | oneDNN |\n|--:|--:|--:|--:|--:|")
    with torch.inference_mode():
        for inputs, outputs in SHAPES:
            modules = [
                torch.nn.Linear(inputs, outputs, bias=False)
                for _ in range(int(BYTES / (4 * inputs * outputs)) + 1)
            ]
            others = [linear.laid_out(module) for module in modules]
            for rows in ROWS:
                hidden = torch.randn(rows, inputs)
                passes = [
                    lambda them=them, hidden=hidden: [run(hidden) for run in them]
                    for them in (modules, others)
                ]
                mkl, onednn = (
                    2e-9 * rows * inputs * outputs * len(modules) / seconds
                    for seconds in alternate(passes)
                )
                print(f"| {inputs} | {outputs} | {rows} | {mkl:.0f} | {onednn:.0f} |", flush=True)


if __name__ == "__main__":
    main()

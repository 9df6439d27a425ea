"""Matrix products of MKL and of oneDNN, by their number of rows: what snakeval.engine.linear rests on.

    python benchmarks/products.py

Prints GFLOP/s, medians of alternating runs, for shapes of the benchmark's model and of one with a wide layer.
"""

import os
import statistics
import time
from collections.abc import Callable

import torch

SHAPES = [(512, 512), (512, 1408), (1408, 512), (512, 8192), (2048, 5632)]  # inputs, outputs
ROWS = [1, 4, 16, 64, 128, 256, 512, 1024, 2048]
WORK = 3e9  # operations per measurement, at least


def alternate(functions: list[Callable[[], object]], repeats: int) -> list[float]:
    """Median seconds of each."""
    seconds: list[list[float]] = [[] for _ in functions]
    for _ in range(repeats):
        for function, its in zip(functions, seconds, strict=True):
            started = time.perf_counter()
            function()
            its.append(time.perf_counter() - started)
    return [statistics.median(its) for its in seconds]


def main() -> None:
    torch.set_num_threads(os.cpu_count() or 1)
    print("| inputs | outputs | rows | MKL | oneDNN |\n|--:|--:|--:|--:|--:|")
    with torch.inference_mode():
        for inputs, outputs in SHAPES:
            weight = torch.randn(outputs, inputs)
            for rows in ROWS:
                hidden = torch.randn(rows, inputs)
                operations = 2 * rows * inputs * outputs
                mkl, onednn = alternate(
                    [
                        lambda hidden=hidden, weight=weight: torch.nn.functional.linear(hidden, weight),
                        lambda hidden=hidden, weight=weight: torch.ops.mkldnn._linear_pointwise(hidden, weight, None, "none", [], ""),
                    ],
                    max(9, min(60, int(WORK / operations))),
                )
                print(f"| {inputs} | {outputs} | {rows} | {operations / mkl / 1e9:.0f} | {operations / onednn / 1e9:.0f} |", flush=True)


if __name__ == "__main__":
    main()

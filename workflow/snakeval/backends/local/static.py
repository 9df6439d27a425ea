"""Texts generated in a batch of fixed rows: the plain loop, for any model with a cache."""

from collections.abc import Callable, Iterator

import torch

from snakeval.backends.calls import Output
from snakeval.backends.local import sampling
from snakeval.backends.local.ending import Ending
from snakeval.backends.local.sampling import Row


def generate(
    rows: list[Row],
    ending: Ending,
    logits: torch.Tensor,
    step: Callable[[torch.Tensor], torch.Tensor],
    keep: Callable[[torch.Tensor], None],
) -> Iterator[list[Output]]:
    """Outputs as they end.

    `logits` [rows, vocabulary] float32 are those of the first new token. `step` takes the newest
    tokens [rows, 1] and gives the next logits. `keep` narrows the batch to the given rows, once at
    least half of the rows have ended.
    """
    while rows:
        for row, token in zip(rows, sampling.choose(logits, rows), strict=True):
            if not row.ended:
                row.take(token)
        if outputs := ending.of(rows):
            yield outputs
        going = [index for index, row in enumerate(rows) if not row.ended]
        if not going:
            return
        if 2 * len(going) <= len(rows):
            keep(torch.tensor(going))
            rows = [rows[index] for index in going]
        logits = step(torch.tensor([[row.tokens[-1]] for row in rows]))

"""What to do when a device's memory does not suffice."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

from snakeval.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")


def halving(run: Callable[[list[Item]], list[Result]], items: list[Item]) -> Iterator[Result]:
    """Run all items at once, or, where memory does not suffice, in halves of halves. Raises UserError where one is too many."""
    try:
        yield from run(items)
        return
    except torch.OutOfMemoryError as error:
        if len(items) == 1:
            raise UserError(
                "engine: out of memory for a single sequence; lower tokens_per_batch, or use more GPUs (tensor_parallel)"
            ) from error
    torch.cuda.empty_cache()
    middle = len(items) // 2
    yield from halving(run, items[:middle])
    yield from halving(run, items[middle:])

"""What to do when a device runs out of memory."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
import torch.distributed

from snakeval.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")


def before_retry(error: torch.OutOfMemoryError) -> None:
    """Free what is cached.

    Raises UserError where other processes compute the same batch, because they wait for this one.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        raise UserError(
            "engine: out of memory on one GPU of several that compute together. "
            "Lower tokens_per_batch."
        ) from error
    torch.cuda.empty_cache()


def halving(run: Callable[[list[Item]], list[Result]], items: list[Item]) -> Iterator[Result]:
    """Run all items at once or, where memory runs out, in halves of halves.

    Raises UserError where one item is too many.
    """
    try:
        yield from run(items)
        return
    except torch.OutOfMemoryError as error:
        if len(items) == 1:
            raise UserError(
                "engine: out of memory for a single sequence. "
                "Lower tokens_per_batch, or use more GPUs (tensor_parallel)."
            ) from error
        before_retry(error)
    middle = len(items) // 2
    yield from halving(run, items[:middle])
    yield from halving(run, items[middle:])

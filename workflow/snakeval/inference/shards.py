"""Shards: jobs that share the calls of a model, at the same time and on any machines.

All shards make the same plan, and each takes whole batches of it, next to each other. So shared
prefixes stay together, and no output depends on the number of shards.
"""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.errors import UserError
from snakeval.inference.calls import lengths

CHARACTERS = 4  # that count as one token, of calls that are sent as text or turns


def share(
    batches: list[np.ndarray], calls: pa.Table, shard: tuple[int, int], benchmark: str
) -> list[np.ndarray]:
    """The batches of shard (k, n): a run of neighbours with about 1/n of the tokens of `calls`.

    A batch belongs where the middle of its tokens falls. Which shard takes the first run depends on
    the benchmark, so that a hundred benchmarks of one batch each are spread over the shards, too.
    """
    number, shards = shard
    if shards == 1 or not batches:
        return batches
    tokens = _sizes(calls)
    sizes = np.array([tokens[batch].sum() for batch in batches], float)
    middles = np.cumsum(sizes) - sizes / 2
    first = int.from_bytes(hashlib.sha256(benchmark.encode()).digest()[:8]) % shards
    owner = (np.floor(middles / max(sizes.sum(), 1) * shards).astype(int) + first) % shards
    return [batch for batch, mine in zip(batches, owner, strict=True) if mine == number - 1]


def evenly(count: int, shard: tuple[int, int]) -> np.ndarray:
    """Which of `count` calls a shard counts where nothing is missing, so nothing is planned."""
    number, shards = shard
    return np.arange(count) * shards // max(count, 1) == number - 1


def who_answered(timings: pa.Table) -> str:
    """The identity under which all shards of a benchmark (TIMINGS rows) stored their outputs.

    The job that gathers responses may run in another environment. Raises UserError when identities
    differ.
    """
    identities = timings["identity"].unique().to_pylist()
    if len(identities) > 1:
        model, benchmark = timings["model"][0], timings["benchmark"][0]
        raise UserError(
            f"{model}, {benchmark}: shards answered with different versions of torch, transformers "
            "or the engine. Give all nodes one environment, delete "
            f"results/index/calls/{model} and run again."
        )
    return identities[0]


def _sizes(calls: pa.Table) -> np.ndarray:
    """Tokens of each call, those that it may generate included; of texts about as many."""
    generation = calls["generation"].combine_chunks()
    generated = pc.struct_field(generation, "max_new_tokens").fill_null(0)
    tokens = lengths(calls["context"]) + lengths(calls["continuation"])
    tokens = tokens + generated.to_numpy(zero_copy_only=False)
    for name in ("text", "continuation_text"):
        characters = pc.utf8_length(calls[name]).fill_null(0).to_numpy()
        tokens = tokens + characters // CHARACTERS
    spoken = calls["turns"].combine_chunks()
    if spoken.null_count < len(spoken):
        characters = pc.utf8_length(pc.struct_field(spoken.flatten(), "text")).to_numpy()
        call = pc.list_parent_indices(spoken).to_numpy()
        tokens = tokens + np.bincount(call, characters, len(calls)).astype(int) // CHARACTERS
    return tokens

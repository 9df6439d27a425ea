"""Which few-shot examples a document gets.

- `hash`: a hash of task, document and seed chooses them, so a prompt depends on nothing else that
  is evaluated. n examples are the first n of n + 1. The document itself is never among them.
- `lm_eval`: the random stream of lm-evaluation-harness (`lm_eval/api/samplers.py`), one per task,
  from which documents draw in their order.
- `first_n`: the first n of the pool.
"""

import hashlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

Document = dict[str, Any]
Sampler = Callable[[Document, str], list[int]]


class TooFew(ValueError):
    """The pool has fewer examples than the task needs."""


def sampler(
    kind: str, pool: Sequence[Document], n: int, *, task: str, seed: int, excluding: bool
) -> Sampler:
    """A function from a document and its JSON to the rows of its n examples in `pool`.

    Documents must be given in order, since `lm_eval` draws from one stream. With `excluding`, the
    evaluated document, which may be in the pool, is left out (`hash` always does this). The
    function raises TooFew.
    """
    if kind == "hash":
        return lambda document, text: _by_hash(pool, n, document, f"{task}\x00{seed}\x00{text}")
    if kind == "first_n":
        return lambda document, text: _first(pool, n, document if excluding else None)
    stream = Random(seed)
    return lambda document, text: _from_stream(stream, pool, n, document if excluding else None)


def _by_hash(pool: Sequence[Document], n: int, document: Document, key: str) -> list[int]:
    chosen: list[int] = []
    seen: set[int] = set()
    draw = 0
    prefix = hashlib.sha256(key.encode())
    while len(chosen) < n:
        if len(seen) == len(pool):
            raise TooFew
        digest = prefix.copy()
        digest.update(draw.to_bytes(8, "big"))
        draw += 1
        row = int.from_bytes(digest.digest()[:8], "big") % len(pool)
        if row not in seen:
            seen.add(row)
            if not _same(pool[row], document):
                chosen.append(row)
    return chosen


def _first(pool: Sequence[Document], n: int, excluded: Document | None) -> list[int]:
    chosen: list[int] = []
    for row in range(len(pool)):
        if len(chosen) == n:
            break
        if excluded is None or not _same(pool[row], excluded):
            chosen.append(row)
    if len(chosen) < n:
        raise TooFew
    return chosen


def _same(left: Document, right: Document) -> bool:
    """Whether two documents are equal. A NaN equals another NaN here, unlike in Python."""
    return left == right or repr(left) == repr(right)


def _from_stream(
    stream: Random, pool: Sequence[Document], n: int, excluded: Document | None
) -> list[int]:
    """The rows that lm-eval draws. It draws one more when a document is left out, so that n remain.

    Drawing rows or documents gives the same stream.
    """
    draws = n if excluded is None else n + 1
    if draws > len(pool):
        raise TooFew
    drawn = stream.sample(range(len(pool)), draws)
    if excluded is None:
        return drawn
    chosen = [row for row in drawn if pool[row] != excluded][:n]
    if len(chosen) < n:  # the pool holds the document more than once
        others = [row for row in range(len(pool)) if pool[row] != excluded]
        if n > len(others):
            raise TooFew
        return stream.sample(others, n)
    return chosen

"""Texts generated in one wide batch: when rows end, others take their place.

A row's own keys and values are in a slot. Those of headers above it are met once for all rows below
(`attention.Layout.pasts`). A step of 256 rows takes less than twice as long as one of 64. So the
batch is as wide as memory allows, and is kept full: rows wait, and enter together when a quarter of
the slots is free.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import torch

from snakeval.backends.calls import Call, Output
from snakeval.backends.local import sampling
from snakeval.backends.local.ending import Ending
from snakeval.backends.local.memory import before_retry
from snakeval.backends.local.packed import trie
from snakeval.backends.local.packed.attention import (
    Layout,
    Part,
    Past,
    Score,
    Window,
    additive,
    partial,
)
from snakeval.backends.local.packed.kv_cache import PRECISIONS, Room, States
from snakeval.backends.local.packed.passes import Passes, Segment
from snakeval.backends.local.sampling import Row
from snakeval.errors import UserError

GROWTH = 128  # tokens by which slots grow
FEWEST = 32  # slots, whatever memory they take


@dataclass
class Slots:
    """The rows being written, and per layer their keys and values. Row i is in slot i."""

    room: Room
    most: int  # rows
    longest: int  # tokens that a slot may have to hold
    # Slots. The first row shows how many bytes a token takes; then there are as many as fit.
    width: int = field(init=False)
    rows: list[Row] = field(default_factory=list)
    pasts: list[tuple[Past, ...]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)  # position of a slot's first token
    lengths: list[int] = field(default_factory=list)  # tokens in a slot
    keys: list[States] = field(default_factory=list)
    values: list[States] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.width = min(self.most, FEWEST)

    def admit(self, rows: list[Row], segments: list[Segment], past: Past) -> None:
        """Put rows into the next slots.

        `past` holds the keys and values of their own prompts, one after the other.
        """
        lengths = [len(part.tokens) for part in segments]
        self._reserve(past, max(lengths) + 1)
        slots = torch.arange(len(self.rows), len(self.rows) + len(rows))
        slots = slots.repeat_interleave(torch.tensor(lengths))
        tokens = torch.cat([torch.arange(length) for length in lengths])
        layers = zip((*self.keys, *self.values), (*past.keys, *past.values), strict=True)
        for states, of_layer in layers:
            device = states.device
            states.write(slots.to(device), tokens.to(device), of_layer[0].transpose(0, 1))
        self.rows += rows
        self.pasts += [part.pasts for part in segments]
        self.starts += [int(part.positions[0]) for part in segments]
        self.lengths += lengths

    def drop(self, slots: Collection[int]) -> None:
        """Free slots; the last rows move into them."""
        left = len(self.rows) - len(slots)
        holes = sorted(slot for slot in slots if slot < left)
        sources = [slot for slot in range(left, len(self.rows)) if slot not in slots]
        if holes:
            longest = max(self.lengths[slot] for slot in sources)
            for states in (*self.keys, *self.values):
                here = torch.tensor(sources, device=states.device)
                states.move(here, torch.tensor(holes, device=states.device), longest)
        columns: tuple[list, ...] = (self.rows, self.pasts, self.starts, self.lengths)
        for column in columns:
            for source, hole in zip(sources, holes, strict=True):
                column[hole] = column[source]
            del column[left:]

    def halve(self) -> list[Row]:
        """Halve the slots. Gives the rows that lose theirs, without those that were just entering,
        which have no token yet."""
        self.most = max(1, min(self.most, len(self.rows) or self.most) // 2)
        self.width = min(self.most, max(1, self.width // 2))
        rows = list(enumerate(self.rows))
        dropped = {slot for slot, row in rows if slot >= self.width or not row.tokens}
        lost = [row for slot, row in reversed(rows) if slot in dropped and row.tokens]
        self.drop(dropped)
        # Without memory to narrow them, the wide slots stay, until there is none for a single row.
        with suppress(torch.OutOfMemoryError):
            for states in (*self.keys, *self.values):
                states.narrow(self.width)
        return lost

    def reserve_step(self) -> None:
        """Room for one more token in every slot."""
        if self.keys:
            self._grow(max(self.lengths, default=0) + 1)

    def _reserve(self, past: Past, capacity: int) -> None:
        if not self.keys:
            states = PRECISIONS[self.room.dtype]
            per_token = sum(states.token_bytes(state) for state in (*past.keys, *past.values))
            per_row = self.longest * per_token
            fitting = self.most if self.room.memory is None else self.room.memory // per_row
            self.width = min(self.most, max(self.width, fitting))
            capacity = max(capacity, self.longest if self.room.static else 0)
            self.keys, self.values = (
                [states(state, self.width, capacity) for state in kept]
                for kept in (past.keys, past.values)
            )
        self._grow(capacity)

    def _grow(self, capacity: int) -> None:
        room = max(capacity, min(-(-capacity // GROWTH) * GROWTH, self.longest))
        for states in (*self.keys, *self.values):  # memory may have run out between two of them
            if capacity > states.capacity:
                states.grow(room)


@dataclass
class Step:
    """One token per slot, which attends to the tokens in its slot."""

    slots: Slots
    lengths: torch.Tensor  # [rows] tokens before this one
    index: torch.Tensor  # [rows] 0, 1, …
    masks: dict = field(default_factory=dict)

    def part(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        window: Window,
        score: Score,
    ) -> Part:
        rows, longest = len(self.index), max(self.slots.lengths) + 1
        keys, values = self.slots.keys[layer], self.slots.values[layer]
        index, lengths = self.index.to(key.device), self.lengths.to(key.device)
        keys.write(index, lengths, key[0].transpose(0, 1))
        values.write(index, lengths, value[0].transpose(0, 1))
        if (window, key.device) not in self.masks:
            before = lengths[:, None] - torch.arange(longest, device=query.device)[None]
            allowed = (before >= 0) if window is None else (before >= 0) & (before < window)
            full = min(self.slots.lengths) + 1 == longest and (window is None or longest <= window)
            mask = None if full else additive(allowed[:, None, None], query.dtype)
            self.masks[window, key.device] = mask
        mask = self.masks[window, key.device]
        one = query[0].transpose(0, 1)[:, :, None]
        states = (keys.read(rows, longest), values.read(rows, longest))
        output, lse = partial(one, *states, score, mask)
        return output[:, 0], lse[:, 0]


@torch.inference_mode()
def generate(
    rows: list[Row],
    ending: Ending,
    passes: Passes,
    room: Room,
    longest: int,
    below_headers: Callable[[list[Call]], list[Segment]],
) -> Iterator[list[Output]]:
    """Outputs as they end. Rows enter in their order.

    `below_headers` gives what contexts add to shared headers. `longest`: tokens that this and the
    text of a row may have together.
    """
    if empty := ending.of(rows):  # no token was asked for
        yield empty
    waiting = [row for row in reversed(rows) if not row.ended]
    slots = Slots(room, min(room.rows, len(waiting)), longest)
    while waiting or slots.rows:
        free = slots.width - len(slots.rows)
        entering: list[Row] = []
        lacking = False
        try:
            if waiting and (free >= max(1, slots.width // 4) or not slots.rows):
                entering = [waiting.pop() for _ in range(min(free, len(waiting)))]
                calls = [row.call for row in (*slots.rows, *entering)]
                segments = below_headers(calls)[len(slots.rows) :]
                for batch in trie.runs([len(part.tokens) for part in segments], passes.budget):
                    some = [entering[index] for index in batch]
                    _enter(slots, some, [segments[index] for index in batch], passes)
            else:
                _advance(slots, passes)
        except torch.OutOfMemoryError as error:
            if slots.most == 1:
                raise UserError(
                    "engine: out of memory for a single text. Lower tokens_per_batch, set "
                    "kv_cache_dtype to int8, or use more GPUs (tensor_parallel)."
                ) from error
            before_retry(error)
            lacking = True
        if lacking:  # here the error no longer holds the memory of the failed pass
            back = [row for row in entering if not row.tokens] + slots.halve()
            waiting += [sampling.start(row.call, row.call.context) for row in reversed(back)]
        elif outputs := ending.of(slots.rows):
            slots.drop({slot for slot, row in enumerate(slots.rows) if row.ended})
            yield outputs


def _enter(slots: Slots, rows: list[Row], segments: list[Segment], passes: Passes) -> None:
    """Prefill, and the first token of each row."""
    ends = np.cumsum([len(part.tokens) for part in segments])
    hidden, kept = passes.run(segments, ends - 1, keep=True)
    assert kept is not None
    slots.admit(rows, segments, kept)
    logits = passes.logits(hidden[torch.from_numpy(ends - 1).to(hidden.device)])
    for row, token in zip(rows, sampling.choose(logits, rows), strict=True):
        row.take(token)
        passes.counters.prompt_tokens += len(row.call.context)


def _advance(slots: Slots, passes: Passes) -> None:
    """The next token of every row."""
    slots.reserve_step()
    lengths = torch.tensor(slots.lengths, device=passes.device)
    positions = lengths + torch.tensor(slots.starts, device=passes.device)
    step = Step(slots, lengths, torch.arange(len(slots.rows), device=passes.device))
    tokens = np.array([row.tokens[-1] for row in slots.rows])
    layout = Layout(step, positions, _pasts(slots.pasts, passes.device))
    logits = passes.logits(passes.forward(tokens, positions, layout))
    slots.lengths = [length + 1 for length in slots.lengths]
    for row, token in zip(slots.rows, sampling.choose(logits, slots.rows), strict=True):
        row.take(token)


def _pasts(
    pasts: list[tuple[Past, ...]], device: torch.device
) -> list[tuple[slice | torch.Tensor, Past]]:
    """Each past with the slots that see it."""
    seen: dict[int, tuple[Past, list[int]]] = {}
    for slot, its in enumerate(pasts):
        for past in its:
            seen.setdefault(id(past), (past, []))[1].append(slot)
    found: list[tuple[slice | torch.Tensor, Past]] = []
    for past, slots in seen.values():
        everyone = len(slots) == len(pasts)
        rows = slice(0, len(pasts)) if everyone else torch.tensor(slots, device=device)
        found.append((rows, past))
    return found

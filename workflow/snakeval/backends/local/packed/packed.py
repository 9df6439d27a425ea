"""Causal models, the fast strategy: shared prefixes are computed once, nothing is padded, and the
head runs only where it is needed.

The plan cuts calls into headers, units and batches (`trie`). A batch goes through the model in
packed passes (`passes`), whose attention is computed in parts and merged exactly (`attention`).
Texts are decoded in one wide batch, which is refilled as texts end (`decode`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch

from snakeval.backends.calls import GENERATE, LOGLIKELIHOOD, Call, Output
from snakeval.backends.local import sampling
from snakeval.backends.local.ending import Ending
from snakeval.backends.local.memory import halving
from snakeval.backends.local.packed import decode, trie
from snakeval.backends.local.packed.attention import Past
from snakeval.backends.local.packed.kv_cache import Room
from snakeval.backends.local.packed.passes import Passes, Segment, part_of, segment
from snakeval.backends.local.packed.trie import Header
from snakeval.backends.protocol import Counters


@dataclass(frozen=True)
class _Place:
    """Where the plan put a call."""

    batch: int
    unit: int
    header: Header | None


@dataclass(frozen=True)
class HeaderCosts:
    """What a header costs beyond its tokens, in tokens.

    In every pass below it, and in each layer, its keys take calls of their own.
    """

    scoring: int
    writing: int  # of texts, which take many passes: one for every token


HEADERS_ON_CPU = HeaderCosts(16, 16)
# Calls that take a GPU longer to start than to run. Estimated, not measured: 10 to 15 calls of
# 6 µs. In that time a model of 8 billion parameters computes some 200 tokens or, while texts are
# written, reads the keys and values of some thousands.
HEADERS_ON_GPU = HeaderCosts(200, 4096)


class Packed:
    """Remembers the latest plan, because a batch does not show what it shares with the others."""

    kinds = (LOGLIKELIHOOD, GENERATE)
    description = "packed"

    def __init__(
        self,
        model: Any,
        ending: Ending,
        counters: Counters,
        budget: int,
        room: Room,
        headers: HeaderCosts = HEADERS_ON_CPU,
    ):
        """`budget`: tokens of a forward pass."""
        self.counters = counters
        self.ending = ending
        self.passes = Passes(model, counters, budget)
        self.room = room
        self.headers = headers
        self._places: dict[str, _Place] = {}
        self._kept: dict[Header, Past] = {}

    def plan(self, calls: list[Call]) -> list[np.ndarray]:
        """Batches of log-likelihoods, then one batch of all texts to generate.

        Batches below one header are next to each other.
        """
        self._places, self._kept = {}, {}
        scored, written = (
            [row for row, call in enumerate(calls) if call.kind == kind] for kind in self.kinds
        )
        found = self._plan_loglikelihoods(calls, scored)
        texts = self._plan_texts(calls, written, len(found))
        return [np.array(batch, np.int64) for batch in (*found, texts) if batch]

    def answer(self, calls: list[Call]) -> Iterator[list[Output]]:
        """Calls that the latest plan does not know are planned first, in its place."""
        if any(call.key not in self._places for call in calls):
            self.plan(calls)
        numbers = [self._places[call.key].batch for call in calls]
        for number in sorted(set(numbers)):
            chosen = [call for call, its in zip(calls, numbers, strict=True) if its == number]
            if chosen[0].kind == LOGLIKELIHOOD:
                yield from self.counters.prefilling(self._loglikelihoods(some) for some in [chosen])
            else:
                chosen.sort(key=lambda call: (self._places[call.key].unit, call.sample, call.key))
                rows = [sampling.start(call, call.context) for call in chosen]
                yield from self.counters.decoding(self.continued(rows))

    def continued(self, rows: list[sampling.Row]) -> Iterator[list[Output]]:
        """Texts as they end; the rows' calls are in the latest plan."""

        def size(row: sampling.Row) -> int:
            header = self._places[row.call.key].header
            return len(row.call.context) - (header.end if header else 0) + row.budget

        longest = max(map(size, rows), default=0)
        below = self._below_headers
        return decode.generate(rows, self.ending, self.passes, self.room, longest, below)

    def _plan_loglikelihoods(self, calls: list[Call], chosen: list[int]) -> list[list[int]]:
        sharing: dict[bytes, list[int]] = {}  # calls of the same input tokens
        for row in sorted(chosen, key=lambda row: calls[row].key):
            sharing.setdefault(calls[row].inputs.tobytes(), []).append(row)
        inputs = [np.frombuffer(tokens, np.int32) for tokens in sharing]
        shareable = [min(len(calls[row].context) - 1 for row in rows) for rows in sharing.values()]
        order = sorted(range(len(inputs)), key=lambda sequence: inputs[sequence].tobytes())
        members = list(sharing.values())
        sequences, shared = [inputs[s] for s in order], [shareable[s] for s in order]
        costs = (self.passes.budget, self._pairs_per_token(), self.headers.scoring)
        found = []
        cut = trie.units(sequences, shared, *costs)
        for number, units in enumerate(trie.batches(cut, self.passes.budget)):
            batch: list[int] = []
            for place, unit in enumerate(units):
                rows = [row for sequence in unit.sequences for row in members[order[sequence]]]
                own = _Place(number, place, unit.header)
                self._places |= {calls[row].key: own for row in rows}
                batch += rows
            found.append(batch)
        return found

    def _plan_texts(self, calls: list[Call], chosen: list[int], batch: int) -> list[int]:
        def place(row: int) -> tuple:
            call = calls[row]
            return call.context.tobytes(), call.key, call.sample

        order = sorted(chosen, key=place)
        contexts = [calls[row].context for row in order]
        shareable = [len(context) - 1 for context in contexts]
        costs = (self.passes.budget, self._pairs_per_token(), self.headers.writing)
        cut = trie.units(contexts, shareable, *costs, together=False)
        for number, unit in enumerate(cut):
            self._places[calls[order[unit.sequences[0]]].key] = _Place(batch, number, unit.header)
        return [order[unit.sequences[0]] for unit in cut]

    def _pairs_per_token(self) -> float:
        """Pairs of tokens in attention that cost as much as one token in the layers.

        A layer has about 12 width² parameters. A pair of tokens costs 2 width multiply-adds, at
        about two thirds of the speed.
        """
        return 4.0 * self.passes.model.config.get_text_config().hidden_size

    @torch.inference_mode()
    def _loglikelihoods(self, calls: list[Call]) -> list[Output]:
        """The calls of one batch."""
        self.counters.prompt_tokens += sum(call.length for call in calls)
        ordered = sorted(calls, key=lambda call: (self._places[call.key].unit, call.key))
        return list(halving(self._score, ordered))

    def _score(self, calls: list[Call]) -> list[Output]:
        """In one pass; calls of one unit are neighbours."""
        self._keep([self._places[call.key].header for call in calls])
        segments, rows, start = [], [], 0
        for _, members in groupby(calls, key=lambda call: self._places[call.key].unit):
            part, scored = self._segment(list(members))
            segments.append(part)
            rows += [start + path for path in scored]
            start += len(part.tokens)
        read = np.concatenate(rows)
        hidden, _ = self.passes.run(segments, read)
        targets = np.concatenate([call.continuation for call in calls])
        found, greedy = self.passes.targets(hidden, read, targets)
        ends = np.cumsum([len(call.continuation) for call in calls])
        outputs = []
        for call, low, high in zip(calls, [0, *ends[:-1]], ends, strict=True):
            loglikelihood, best = float(found[low:high].sum()), bool(greedy[low:high].all())
            outputs.append(Output(call.key, len(call.continuation), loglikelihood, best))
        return outputs

    def _segment(self, calls: list[Call]) -> tuple[Segment, list[np.ndarray]]:
        """The calls of one unit as a segment, and for each call the rows whose next tokens are
        scored."""
        header = self._places[calls[0].key].header
        start = header.end if header else 0
        # Bytes sort as tokens do.
        own = [call.inputs[start:].astype(">i4").tobytes() for call in calls]
        distinct = sorted(set(own))
        sequences = [np.frombuffer(tokens, ">i4").astype(np.int32) for tokens in distinct]
        part = segment(sequences, start, self._pasts(header))
        path = dict(zip(distinct, part.paths, strict=True))
        scored = [
            path[tokens][len(call.context) - 1 - start :][: len(call.continuation)]
            for call, tokens in zip(calls, own, strict=True)
        ]
        return part, scored

    @torch.inference_mode()
    def _below_headers(self, calls: list[Call]) -> list[Segment]:
        """What each call's context adds to its header, whose keys and values are made if needed."""
        headers = [self._places[call.key].header for call in calls]
        self._keep(headers)
        starts = [header.end if header else 0 for header in headers]
        return [
            segment([call.context[start:]], start, self._pasts(header))
            for call, start, header in zip(calls, starts, headers, strict=True)
        ]

    def _pasts(self, header: Header | None) -> tuple[Past, ...]:
        return tuple(self._kept[above] for above in header.path()) if header else ()

    def _keep(self, headers: Iterable[Header | None]) -> None:
        """Keep the keys and values of these headers, and of no others.

        A header that several batches need goes through the model by itself. So its numbers do not
        depend on which batch came first.
        """
        paths = [header.path() for header in dict.fromkeys(headers) if header]
        needed = {header for path in paths for header in path}
        self._kept = {header: past for header, past in self._kept.items() if header in needed}
        for level in range(max(map(len, paths), default=0)):
            here = dict.fromkeys(path[level] for path in paths if len(path) > level)
            missing = [header for header in here if header not in self._kept]
            private = [header for header in missing if header.private]
            runs = trie.runs([len(header.tokens) for header in private], self.passes.budget)
            batches = [[private[index] for index in indices] for indices in runs]
            batches += [[header] for header in missing if not header.private]
            for batch in batches:
                self._compute(batch)

    def _compute(self, headers: list[Header]) -> None:
        segments = [
            segment([header.tokens], header.start, self._pasts(header.parent)) for header in headers
        ]
        _, kept = self.passes.run(segments, np.zeros(0, np.int64), keep=True)
        assert kept is not None
        row = 0
        for header in headers:
            self._kept[header] = part_of(kept, slice(row, row + len(header.tokens)))
            row += len(header.tokens)

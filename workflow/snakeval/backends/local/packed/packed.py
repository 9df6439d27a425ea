"""Causal models the fast way: shared prefixes computed once, no padding, the head only where it is needed.

The plan cuts calls into headers, units and batches (`trie`); a batch goes through the model as packed passes (`passes`) whose attention is
computed in parts and merged exactly (`attention`). Texts are decoded in one wide, ever refilled batch (`decode`).
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
    """What a header costs beyond its tokens, in tokens: in every pass below it, and each layer, its keys take calls of their own."""

    scoring: int
    writing: int  # of texts: the passes are many, one for every token


HEADERS_ON_CPU = HeaderCosts(16, 16)
# Calls that take a GPU longer to start than to run. Estimated, not measured: 10 to 15 calls of 6 µs, in which a model of 8 billion
# parameters computes some 200 tokens, or, while texts are written, reads the keys and values of some thousands.
HEADERS_ON_GPU = HeaderCosts(200, 4096)


class Packed:
    """Remembers the latest plan, since what a batch shares with the others is not seen from its own calls."""

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
        """Batches of log-likelihoods, those below one header next to each other, then one batch of all texts to generate."""
        self._places, self._kept = {}, {}
        found = self._plan_loglikelihoods(
            calls, [row for row, call in enumerate(calls) if call.kind == LOGLIKELIHOOD]
        )
        texts = self._plan_texts(
            calls, [row for row, call in enumerate(calls) if call.kind == GENERATE], len(found)
        )
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
                yield from self.counters.decoding(
                    self.continued([sampling.start(call, call.context) for call in chosen])
                )

    def continued(self, rows: list[sampling.Row]) -> Iterator[list[Output]]:
        """Texts as they end; the rows' calls are in the latest plan."""
        headers = [self._places[row.call.key].header for row in rows]
        own = [
            len(row.call.context) - (header.end if header else 0)
            for row, header in zip(rows, headers, strict=True)
        ]
        longest = max(
            (length + row.budget for length, row in zip(own, rows, strict=True)), default=0
        )
        return decode.generate(
            rows, self.ending, self.passes, self.room, longest, self._below_headers
        )

    def _plan_loglikelihoods(self, calls: list[Call], chosen: list[int]) -> list[list[int]]:
        sharing: dict[bytes, list[int]] = {}  # calls of the same input tokens
        for row in sorted(chosen, key=lambda row: calls[row].key):
            sharing.setdefault(calls[row].inputs.tobytes(), []).append(row)
        inputs = [np.frombuffer(tokens, np.int32) for tokens in sharing]
        shareable = [min(len(calls[row].context) - 1 for row in rows) for rows in sharing.values()]
        order = sorted(range(len(inputs)), key=lambda sequence: inputs[sequence].tobytes())
        members = list(sharing.values())
        cut = trie.units(
            [inputs[s] for s in order],
            [shareable[s] for s in order],
            self.passes.budget,
            self._pairs_per_token(),
            self.headers.scoring,
        )
        found = []
        for number, units in enumerate(trie.batches(cut, self.passes.budget)):
            found.append(
                [
                    row
                    for unit in units
                    for sequence in unit.sequences
                    for row in members[order[sequence]]
                ]
            )
            for place, unit in enumerate(units):
                for sequence in unit.sequences:
                    self._places |= {
                        calls[row].key: _Place(number, place, unit.header)
                        for row in members[order[sequence]]
                    }
        return found

    def _plan_texts(self, calls: list[Call], chosen: list[int], batch: int) -> list[int]:
        order = sorted(
            chosen,
            key=lambda row: (calls[row].context.tobytes(), calls[row].key, calls[row].sample),
        )
        contexts = [calls[row].context for row in order]
        shareable = [len(context) - 1 for context in contexts]
        cut = trie.units(
            contexts,
            shareable,
            self.passes.budget,
            self._pairs_per_token(),
            self.headers.writing,
            together=False,
        )
        for number, unit in enumerate(cut):
            self._places[calls[order[unit.sequences[0]]].key] = _Place(batch, number, unit.header)
        return [order[unit.sequences[0]] for unit in cut]

    def _pairs_per_token(self) -> float:
        """A layer has about 12 width² parameters, and a pair of tokens costs 2 width multiply-adds, at about two thirds of the speed."""
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
        units = [
            list(members)
            for _, members in groupby(calls, key=lambda call: self._places[call.key].unit)
        ]
        segments, rows, start = [], [], 0
        for members in units:
            part, scored = self._segment(members)
            segments.append(part)
            rows += [start + path for path in scored]
            start += len(part.tokens)
        read = np.concatenate(rows)
        hidden, _ = self.passes.run(segments, read)
        found, greedy = self.passes.targets(
            hidden, read, np.concatenate([call.continuation for call in calls])
        )
        ends = np.cumsum([len(call.continuation) for call in calls])
        return [
            Output(
                call.key,
                len(call.continuation),
                float(found[low:high].sum()),
                bool(greedy[low:high].all()),
            )
            for call, low, high in zip(calls, [0, *ends[:-1]], ends, strict=True)
        ]

    def _segment(self, calls: list[Call]) -> tuple[Segment, list[np.ndarray]]:
        """The calls of one unit as a segment, and for each call the rows whose next tokens are scored."""
        header = self._places[calls[0].key].header
        start = header.end if header else 0
        own = [
            call.inputs[start:].astype(">i4").tobytes() for call in calls
        ]  # bytes sort as tokens do
        distinct = sorted(set(own))
        part = segment(
            [np.frombuffer(tokens, ">i4").astype(np.int32) for tokens in distinct],
            start,
            self._pasts(header),
        )
        path = dict(zip(distinct, part.paths, strict=True))
        scored = [
            path[tokens][len(call.context) - 1 - start :][: len(call.continuation)]
            for call, tokens in zip(calls, own, strict=True)
        ]
        return part, scored

    @torch.inference_mode()
    def _below_headers(self, calls: list[Call]) -> list[Segment]:
        """What each call's context adds to its header, whose keys and values are made if need be."""
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
        """Have the keys and values of these headers, and of no others.

        A header that several batches need goes through the model by itself, so that its numbers do not depend on which batch came first.
        """
        paths = [header.path() for header in dict.fromkeys(headers) if header]
        self._kept = {
            header: past
            for header, past in self._kept.items()
            if any(header in path for path in paths)
        }
        for level in range(max(map(len, paths), default=0)):
            missing = [
                header
                for header in dict.fromkeys(path[level] for path in paths if len(path) > level)
                if header not in self._kept
            ]
            private = [header for header in missing if header.private]
            together = trie.runs([len(header.tokens) for header in private], self.passes.budget)
            alone = [[header] for header in missing if not header.private]
            for batch in [*([private[index] for index in indices] for indices in together), *alone]:
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

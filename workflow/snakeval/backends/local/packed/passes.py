"""Forward passes over packed rows: real tokens side by side in one row, no padding.

A pass computes segments. A segment is a sequence, or a small tree of sequences, that follows kept
keys and values (`pasts`). Tokens have their true positions. What they may see is in the `Layout`,
which the model passes to `attention.attend`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from snakeval.backends.local.memory import before_retry
from snakeval.backends.local.packed.attention import Group, Layout, Past, Prefill
from snakeval.backends.local.packed.trie import common_length
from snakeval.backends.local.patches import last_layer
from snakeval.backends.protocol import Counters

# Tokens. A sequence of which not even this many fit the device's memory is too long.
SMALLEST_PIECE = 32
# Units are padded to one length for attention up to this many times their tokens.
PADDING = 1.25


@dataclass(frozen=True, eq=False)
class Segment:
    """Tokens computed together: one sequence, or sequences whose common starts are there once."""

    tokens: np.ndarray
    positions: np.ndarray
    # [tokens, tokens] bool: who sees whom; None: one sequence, each token sees those before it
    allowed: np.ndarray | None
    paths: list[np.ndarray]  # per sequence the rows of its tokens
    pasts: tuple[Past, ...]  # seen by all


def segment(sequences: list[np.ndarray], start: int, pasts: tuple[Past, ...]) -> Segment:
    """A segment of sequences in lexicographic order, each without the `start` tokens of `pasts`."""
    count = len(sequences[0])
    tokens, positions, paths = [sequences[0]], [np.arange(count)], [np.arange(count)]
    for before, sequence in pairwise(sequences):
        common = common_length(before, sequence)
        fresh = len(sequence) - common
        tokens.append(sequence[common:])
        positions.append(np.arange(common, len(sequence)))
        paths.append(np.concatenate([paths[-1][:common], np.arange(count, count + fresh)]))
        count += fresh
    allowed = None
    if len(sequences) > 1:
        allowed = np.zeros((count, count), bool)
        for path in paths:
            allowed[np.ix_(path, path)] |= np.tri(len(path), dtype=bool)
    return Segment(np.concatenate(tokens), np.concatenate(positions) + start, allowed, paths, pasts)


class Passes:
    """A causal model of transformers whose attention is `attention.attend`."""

    def __init__(self, model: Any, counters: Counters, budget: int):
        """`budget`: tokens of one pass; a longer segment goes through in pieces."""
        self.model = model
        self.budget = budget
        self.counters = counters
        self._body = model.base_model
        self._head = model.get_output_embeddings()
        self._shape_logits = _logit_shaping(model.config.get_text_config())

    @property
    def device(self) -> torch.device:
        return self.model.device

    def run(
        self, segments: list[Segment], read: np.ndarray, keep: bool = False
    ) -> tuple[torch.Tensor, Past | None]:
        """Hidden states [tokens, width] of all segments, one after the other; with `keep` also
        their keys and values.

        Only the rows `read` are right. There are none where only keys and values are wanted.
        """
        whole = segments[0] if len(segments) == 1 and segments[0].allowed is None else None
        if whole and len(whole.tokens) > self.budget:
            return self._in_pieces(whole, self.budget, read, keep)
        try:
            return self._run(segments, read, keep)
        except torch.OutOfMemoryError as error:
            if whole is None or len(whole.tokens) < 2 * SMALLEST_PIECE:
                raise
            before_retry(error)
        # Here the error no longer holds the memory of the failed pass.
        return self._in_pieces(whole, len(whole.tokens) // 2, read, keep)

    def _run(
        self, segments: list[Segment], read: np.ndarray, keep: bool
    ) -> tuple[torch.Tensor, Past | None]:
        positions = np.concatenate([part.positions for part in segments])
        positions_ = torch.from_numpy(positions).to(self.device)
        kept = Past(positions_) if keep else None
        local = Prefill(_groups(segments, self.device), positions_, kept)
        layout = Layout(local, positions_, _pasts(segments))
        # Some models cannot compute a layer of no tokens at all.
        rows = np.unique(read) if len(read) else np.zeros(1, np.int64)
        some = torch.from_numpy(rows).to(self.device) if len(rows) < len(positions) else None
        tokens = np.concatenate([part.tokens for part in segments])
        with last_layer.read(some):
            hidden = self.forward(tokens, positions_, layout)
        self.counters.computed_tokens += len(positions)
        return hidden, kept

    def forward(self, tokens: np.ndarray, positions: torch.Tensor, layout: Layout) -> torch.Tensor:
        """Hidden states [tokens, width] before the head."""
        ids = torch.from_numpy(tokens.astype(np.int64)).to(self.device)
        output = self._body(
            input_ids=ids[None], position_ids=positions[None], use_cache=False, layout=layout
        )
        return output.last_hidden_state[0]

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits [rows, vocabulary] float32 from hidden states [rows, width]."""
        return self._shape_logits(self._head(hidden).float())

    def targets(
        self, hidden: torch.Tensor, rows: np.ndarray, tokens: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Log-probabilities float64 of `tokens[i]` after row `rows[i]` of `hidden`, and whether
        each is the most likely token there.

        The head runs once per distinct row, in chunks that are small compared with the model.
        """
        needed, place = np.unique(rows, return_inverse=True)
        order = np.argsort(place, kind="stable")
        loglikelihoods, greedy = np.empty(len(rows)), np.empty(len(rows), bool)
        vocabulary = self._head.weight.shape[0]
        chunk = max(64, (1 << (21 if self.device.type == "cpu" else 26)) // vocabulary)
        for low in range(0, len(needed), chunk):
            part = order[slice(*np.searchsorted(place[order], [low, low + chunk]))]
            some = torch.from_numpy(needed[low : low + chunk]).to(hidden.device)
            logits = self.logits(hidden[some])
            local = torch.from_numpy(place[part] - low).to(logits.device)
            wanted = torch.from_numpy(tokens[part].astype(np.int64)).to(logits.device)
            found, best = logits[local, wanted], logits.amax(-1)
            attained = found == best[local]
            # Several tokens may attain the maximum; the most likely one is then the first of them.
            tied = torch.nonzero(attained)[:, 0]
            attained[tied] = logits[local[tied]].argmax(-1) == wanted[tied]
            normaliser = logits.sub_(best[:, None]).exp_().sum(-1).log_().add_(best)
            loglikelihoods[part] = (found.double() - normaliser[local]).cpu().numpy()
            greedy[part] = attained.cpu().numpy()
        return loglikelihoods, greedy

    def _in_pieces(
        self, whole: Segment, length: int, read: np.ndarray, keep: bool
    ) -> tuple[torch.Tensor, Past | None]:
        hidden, pasts = [], list(whole.pasts)
        for low in range(0, len(whole.tokens), length):
            piece = slice(low, low + length)
            tokens, positions = whole.tokens[piece], whole.positions[piece]
            part = replace(whole, tokens=tokens, positions=positions, pasts=tuple(pasts))
            inside = read[(read >= low) & (read < low + length)] - low
            states, past = self.run([part], inside, keep=True)
            hidden.append(states)
            assert past is not None
            pasts.append(past)
        return torch.cat(hidden), join(pasts[len(whole.pasts) :]) if keep else None


def join(pasts: Iterable[Past]) -> Past:
    """Pasts that follow one another as one."""
    pasts = list(pasts)
    layers = range(len(pasts[0].keys))
    return Past(
        torch.cat([past.positions for past in pasts]),
        [torch.cat([past.keys[layer] for past in pasts], 2) for layer in layers],
        [torch.cat([past.values[layer] for past in pasts], 2) for layer in layers],
    )


def part_of(past: Past, rows: slice) -> Past:
    """A contiguous copy of some rows of a past, so that the whole can be freed."""

    def copies(states: list[torch.Tensor]) -> list[torch.Tensor]:
        return [state[:, :, rows].clone(memory_format=torch.contiguous_format) for state in states]

    return Past(past.positions[rows], copies(past.keys), copies(past.values))


def _pasts(segments: list[Segment]) -> list[tuple[slice | torch.Tensor, Past]]:
    """Each past with the rows that see it. Neighbours that see the same past share one call."""
    runs: list[tuple[slice | torch.Tensor, Past]] = []
    open_runs: dict[int, int] = {}  # id of a past seen by the segment before: its place in `runs`
    row = 0
    for part in segments:
        end = row + len(part.tokens)
        still_open = {}
        for past in part.pasts:
            if id(past) in open_runs:
                number = open_runs[id(past)]
                before = runs[number][0]
                assert isinstance(before, slice)
                runs[number] = (slice(before.start, end), past)
            else:
                number = len(runs)
                runs.append((slice(row, end), past))
            still_open[id(past)] = number
        open_runs = still_open
        row = end
    return runs


def _groups(segments: list[Segment], device: torch.device) -> list[Group]:
    """Neighbouring segments of about equal length, for one attention call each."""
    groups: list[list[Segment]] = []
    for part in segments:
        if groups:
            lengths = [len(other.tokens) for other in (*groups[-1], part)]
            if len(lengths) * max(lengths) <= PADDING * sum(lengths):
                groups[-1].append(part)
                continue
        groups.append([part])
    found, row = [], 0
    for members in groups:
        found.append(_group(members, row, device))
        row += sum(len(part.tokens) for part in members)
    return found


def _group(members: list[Segment], row: int, device: torch.device) -> Group:
    lengths = np.array([len(part.tokens) for part in members])
    longest = int(lengths.max())
    padded = bool((lengths != longest).any())
    rows = slice(row, row + int(lengths.sum()))
    allowed = gather = scatter = None
    if padded:
        starts = row + np.concatenate([[0], np.cumsum(lengths)[:-1]])
        within = np.minimum(np.arange(longest)[None], lengths[:, None] - 1)
        gather = torch.from_numpy((starts[:, None] + within).ravel()).to(device)
        real = np.arange(longest)[None] < lengths[:, None]
        scatter = torch.from_numpy(np.flatnonzero(real.ravel())).to(device)
    if any(part.allowed is not None for part in members):
        # Padding is after a unit's rows. Under the causal triangle no real row sees it, and it sees
        # something itself, so that nothing is nan.
        triangle = np.tril(np.ones((longest, longest), bool))
        stacked = np.repeat(triangle[None, None], len(members), 0)
        for mask, part in zip(stacked, members, strict=True):
            if part.allowed is not None:
                mask[0, : len(part.tokens), : len(part.tokens)] = part.allowed
        allowed = torch.from_numpy(stacked).to(device)
    return Group(rows, len(members), longest, gather, scatter, allowed)


def _logit_shaping(config: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """What some architectures do to logits after the head.

    Cohere and Granite scale them, Gemma caps them.
    """
    times = getattr(config, "logit_scale", None) or 1.0
    scale = times / (getattr(config, "logits_scaling", None) or 1.0)
    cap = getattr(config, "final_logit_softcapping", None)

    def shape(logits: torch.Tensor) -> torch.Tensor:
        logits = logits if scale == 1 else logits * scale
        return logits if cap is None else torch.tanh(logits / cap) * cap

    return shape

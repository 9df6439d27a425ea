"""What token sequences share, and how to compute shared tokens once.

Sequences sorted by their tokens form a trie. It is cut into

- headers: long stretches that many sequences start with (few-shot examples, a passage). They are
  computed once, and their keys and values are kept.
- units: what follows a header, computed together in one attention block. A unit is a single
  sequence, or a small subtree (a question with its choices) whose tokens see only their ancestors,
  through a mask.

Where to cut depends on the cost. A token costs its share of the layers' matrix products. A pair of
tokens in an attention block costs a few thousandths of that. A header costs one more partial
attention for everything below it (see `_cheapest`).

Only context is shared between units. The token before the first scored one, and all tokens after
it, stay in the unit.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

# Tokens of the headers of one batch, in budgets: their keys and values are held at once.
HEADERS_PER_BATCH = 4
# What merging one more partial attention costs, as a share of the tokens below it.
MERGE_SHARE = 0.02


@dataclass(eq=False)
class Header:
    """A stretch of tokens whose keys and values are kept."""

    tokens: np.ndarray
    parent: "Header | None"
    start: int  # position of the first token
    private: bool = False  # everything below it is in one batch

    @property
    def end(self) -> int:
        return self.start + len(self.tokens)

    def path(self) -> list["Header"]:
        """From the root to this header."""
        return [*(self.parent.path() if self.parent else []), self]


@dataclass(eq=False)
class Unit:
    """Sequences computed together, below a header."""

    sequences: list[int]
    header: Header | None
    tokens: int  # to compute, at most

    @property
    def start(self) -> int:
        """Position of the first token."""
        return self.header.end if self.header else 0


@dataclass
class _Node:
    """A header's place while batches are made."""

    header: Header | None
    units: list[Unit] = field(default_factory=list)
    below: "list[_Node]" = field(default_factory=list)

    def largest(self) -> int:
        sizes = [unit.tokens for unit in self.units] + [node.largest() for node in self.below]
        return max(sizes, default=0)


class _Sorted:
    """Sequences in the order of their tokens, and what neighbours have in common."""

    def __init__(self, sequences: list[np.ndarray], shareable: list[int]):
        """`shareable[i]` tokens at the start of sequence i may be shared."""
        coded = [tokens.astype(">i4").tobytes() for tokens in sequences]  # bytes sort as tokens do

        def place(row: int) -> tuple:
            return coded[row][: 4 * shareable[row]], coded[row], row

        self.order = sorted(range(len(sequences)), key=place)
        self._sequences = [sequences[row] for row in self.order]
        lengths = np.array([len(sequence) for sequence in self._sequences])
        pairs = pairwise(self._sequences)
        common = np.array([common_length(a, b) for a, b in pairs], np.int64)
        limits = np.array([shareable[row] for row in self.order])
        self._shared = np.minimum(common, np.minimum(limits[:-1], limits[1:]))
        self._length_sums = np.concatenate([[0], np.cumsum(lengths)])
        self._common_sums = np.concatenate([[0], np.cumsum(common)])

    def tokens_below(self, low: int, high: int, depth: int) -> int:
        """Distinct tokens of sequences low … high - 1 after the first `depth`."""
        tokens = self._length_sums[high] - self._length_sums[low]
        return int(tokens - (self._common_sums[high - 1] - self._common_sums[low]) - depth)

    def split(self, low: int, high: int) -> tuple[int, list[tuple[int, int]]]:
        """How many tokens sequences low … high - 1 share, and the runs that share more."""
        shared = self._shared[low : high - 1]
        depth = int(shared.min())
        bounds = [low, *(np.flatnonzero(shared == depth) + low + 1).tolist(), high]
        return depth, list(pairwise(bounds))

    def stem(self, low: int, start: int, end: int) -> np.ndarray:
        """Tokens start … end - 1 of a sequence."""
        return self._sequences[low][start:end]


def units(
    sequences: list[np.ndarray],
    shareable: list[int],
    budget: int,
    pairs_per_token: float,
    per_header: int,
    together: bool = True,
) -> list[Unit]:
    """Cut sequences into units; units of one header are next to each other, longest first.

    `shareable[i]` tokens at the start of sequence i may be in headers. No unit of several sequences
    has more than `budget` tokens. With `together` false every unit is one sequence, as generation
    needs it. `pairs_per_token`: query-key pairs of attention that cost as much as one token in the
    layers. `per_header`: what a header costs beyond its tokens, in tokens.
    """
    if not sequences:
        return []
    trie, root = _Sorted(sequences, shareable), _Node(None)
    stack = [(0, len(sequences), 0, root)]
    while stack:
        low, high, depth, node = stack.pop()
        total = trie.tokens_below(low, high, depth)
        if high - low > 1:
            split_at, children = trie.split(low, high)
            sizes = np.array([trie.tokens_below(*child, split_at) for child in children], float)
            whole = total if together and total <= budget else None
            stem = split_at - depth
            choice = _cheapest(stem, sizes, whole, pairs_per_token, per_header)
            if choice != "unit":
                if choice == "header":
                    header = Header(trie.stem(low, depth, split_at), node.header, depth)
                    node.below.append(_Node(header))
                    node, depth = node.below[-1], split_at
                stack.extend((*child, depth, node) for child in children)
                continue
        node.units.append(Unit(trie.order[low:high], node.header, total))
    return _walk(root)


def batches(cut: list[Unit], budget: int) -> list[list[Unit]]:
    """Neighbouring units of at most `budget` tokens together, at least one unit each.

    Their headers have at most HEADERS_PER_BATCH times as many.
    """
    found: list[list[Unit]] = []
    first_batch: dict[Header, int] = {}
    tokens = header_tokens = 0
    headers: set[Header] = set()
    for unit in cut:
        path = unit.header.path() if unit.header else []
        fresh = sum(len(header.tokens) for header in path if header not in headers)
        full = tokens + unit.tokens > budget
        if not found or full or header_tokens + fresh > HEADERS_PER_BATCH * budget:
            found.append([])
            tokens, header_tokens, headers = 0, 0, set()
            fresh = sum(len(header.tokens) for header in path)
        found[-1].append(unit)
        tokens += unit.tokens
        header_tokens += fresh
        headers.update(path)
        for header in path:
            header.private = first_batch.setdefault(header, len(found)) == len(found)
    return found


def runs(sizes: list[int], budget: int) -> list[list[int]]:
    """Indices of neighbours whose sizes together are at most `budget`, at least one each."""
    found: list[list[int]] = []
    held = 0
    for index, size in enumerate(sizes):
        if not found or held + size > budget:
            found.append([])
            held = 0
        found[-1].append(index)
        held += size
    return found


def _cheapest(
    stem: int, sizes: np.ndarray, total: int | None, pairs_per_token: float, per_header: int
) -> str:
    """What to do with subtrees of `sizes` tokens below `stem` shared ones.

    One "unit", a "header" and units below it, or units "apart". `total` is the unit's size, or None
    where there must not be one.
    """
    below = sizes.sum()
    pairs = stem**2 / 2 + (sizes * (sizes + stem)).sum()
    costs = {
        "apart": stem * len(sizes) + below + ((stem + sizes) ** 2).sum() / pairs_per_token,
        "header": stem + below + per_header + MERGE_SHARE * below + pairs / pairs_per_token,
    }
    if total is not None:
        costs["unit"] = total + total**2 / pairs_per_token
    return min(costs, key=lambda choice: costs[choice])


def _walk(node: _Node) -> list[Unit]:
    found = sorted(node.units, key=lambda unit: -unit.tokens)
    for below in sorted(node.below, key=lambda below: -below.largest()):
        found += _walk(below)
    return found


def common_length(a: np.ndarray, b: np.ndarray) -> int:
    """Length of the longest common prefix."""
    length = min(len(a), len(b))
    differ = np.flatnonzero(a[:length] != b[:length])
    return int(differ[0]) if len(differ) else length

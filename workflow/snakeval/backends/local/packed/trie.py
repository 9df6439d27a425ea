"""What token sequences share, and how to compute shared tokens once.

Sequences sorted by their tokens form a trie. It is cut into

- headers: long stretches that many sequences start with (few-shot examples, a passage), computed once, keys and values kept;
- units: what follows a header, computed together in one attention block. A unit is a single sequence, or a small subtree (a question
  with its choices) whose tokens see only their ancestors, through a mask.

Where to cut is decided by what it costs. A token costs its share of the layers' matrix products; a pair of tokens in an attention block
costs a few thousandths of that; a header costs one more partial attention for everything below it (see `_cheapest`).

Only context is shared between units: the token before the first scored one, and all after it, stay in the unit.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

HEADERS_PER_BATCH = 4  # tokens of headers below which one batch may lie, in budgets: their keys and values are held at once
MERGE_SHARE = (
    0.02  # what merging one more partial attention costs, as a share of the tokens below it
)


@dataclass(eq=False)
class Header:
    """A stretch of tokens whose keys and values are kept."""

    tokens: np.ndarray
    parent: "Header | None"
    start: int  # position of the first token
    private: bool = False  # everything below it lies in one batch

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
        return max(
            [unit.tokens for unit in self.units] + [node.largest() for node in self.below],
            default=0,
        )


def units(
    sequences: list[np.ndarray],
    shareable: list[int],
    budget: int,
    pairs_per_token: float,
    per_header: int,
    together: bool = True,
) -> list[Unit]:
    """Cut sequences into units, units of one header next to each other and longest first.

    `shareable[i]` tokens at the start of sequence i may lie in headers. No unit of several sequences has more than `budget` tokens; with
    `together` false every unit is one sequence (as generation needs it). `pairs_per_token`: query-key pairs of attention that cost as
    much as one token in the layers; `per_header`: what a header costs beyond its tokens, in tokens.
    """
    if not sequences:
        return []
    coded = [tokens.astype(">i4").tobytes() for tokens in sequences]  # bytes sort as tokens do
    order = sorted(
        range(len(sequences)), key=lambda row: (coded[row][: 4 * shareable[row]], coded[row], row)
    )
    lengths = np.array([len(sequences[row]) for row in order])
    common = np.array(
        [common_length(sequences[a], sequences[b]) for a, b in pairwise(order)], np.int64
    )
    limits = np.array([shareable[row] for row in order])
    shared = np.minimum(common, np.minimum(limits[:-1], limits[1:]))
    length_sums = np.concatenate([[0], np.cumsum(lengths)])
    common_sums = np.concatenate([[0], np.cumsum(common)])

    def tokens_below(low: int, high: int, depth: int) -> int:
        """Distinct tokens of sequences low … high - 1 after the first `depth`."""
        return int(
            length_sums[high]
            - length_sums[low]
            - (common_sums[high - 1] - common_sums[low])
            - depth
        )

    root = _Node(None)
    stack = [(0, len(order), 0, root)]
    while stack:
        low, high, depth, node = stack.pop()
        total = tokens_below(low, high, depth)
        if high - low > 1:
            split_at = int(shared[low : high - 1].min())
            bounds = [
                low,
                *(np.flatnonzero(shared[low : high - 1] == split_at) + low + 1).tolist(),
                high,
            ]
            children = list(pairwise(bounds))
            sizes = np.array([tokens_below(*child, split_at) for child in children], float)
            choice = _cheapest(
                split_at - depth,
                sizes,
                total if together and total <= budget else None,
                pairs_per_token,
                per_header,
            )
            if choice != "unit":
                if choice == "header":
                    header = Header(sequences[order[low]][depth:split_at], node.header, depth)
                    node.below.append(_Node(header))
                    node, depth = node.below[-1], split_at
                stack.extend((*child, depth, node) for child in children)
                continue
        node.units.append(Unit([order[place] for place in range(low, high)], node.header, total))
    return _walk(root)


def batches(cut: list[Unit], budget: int) -> list[list[Unit]]:
    """Neighbouring units whose tokens together stay within `budget`, and their headers' within 4 times that; at least one unit each."""
    found: list[list[Unit]] = []
    first_batch: dict[Header, int] = {}
    tokens = header_tokens = 0
    headers: set[Header] = set()
    for unit in cut:
        path = unit.header.path() if unit.header else []
        fresh = sum(len(header.tokens) for header in path if header not in headers)
        if (
            not found
            or tokens + unit.tokens > budget
            or header_tokens + fresh > HEADERS_PER_BATCH * budget
        ):
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
    """Indices of neighbours whose sizes together stay within the budget, at least one each."""
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
    """What to do with subtrees of `sizes` tokens below `stem` shared ones: one unit, a header and units below it, or units apart.

    `total` is the unit's size, or None where there must not be one.
    """
    below = sizes.sum()
    costs = {
        "apart": stem * len(sizes) + below + ((stem + sizes) ** 2).sum() / pairs_per_token,
        "header": stem
        + below
        + per_header
        + MERGE_SHARE * below
        + (stem**2 / 2 + (sizes * (sizes + stem)).sum()) / pairs_per_token,
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

"""The graph of the workflow's rules, from left to right by the longest path to each rule."""

from collections.abc import Sequence
from dataclasses import dataclass

LINE, GAP = 30, 46  # pixels between lines, and between columns
TOP = 34  # of the first line; edges that pass over a column bend into the space above
CHARACTER = 7.1


@dataclass(frozen=True)
class Node:
    name: str
    x: float
    y: float
    width: float


@dataclass(frozen=True)
class Graph:
    """Nodes with their boxes, edges as curves from the right of one to the left of another."""

    nodes: list[Node]
    edges: list[str]  # path data of SVG
    width: float
    height: float


def layout(edges: Sequence[Sequence[str]]) -> Graph:
    """Place the rules. Edges that follow from others are not drawn.

    Raises ValueError when the edges form a circle.
    """
    names = list(dict.fromkeys(name for edge in edges for name in edge))
    column = _columns(names, edges)
    columns = [
        [name for name in names if column[name] == i]
        for i in range(max(column.values(), default=-1) + 1)
    ]
    rows = max(map(len, columns), default=0)
    nodes: dict[str, Node] = {}
    x = 1.0
    for inside in columns:
        width = max(len(name) for name in inside) * CHARACTER + 16
        for i, name in enumerate(inside):
            nodes[name] = Node(name, x, TOP + LINE * (i + (rows - len(inside)) / 2), width)
        x += width + GAP
    paths = [
        _curve(nodes[start], nodes[end], near=column[end] == column[start] + 1)
        for start, end in reduced(edges)
    ]
    return Graph(list(nodes.values()), paths, x - GAP + 2, LINE * rows + TOP - 16)


def _columns(names: Sequence[str], edges: Sequence[Sequence[str]]) -> dict[str, int]:
    """The column of each rule. One without inputs is just before the first that needs it."""
    depth = dict.fromkeys(names, 0)
    for _ in names:
        for start, end in edges:
            depth[end] = max(depth[end], depth[start] + 1)
    deepest = max(depth.values(), default=0)
    if any(depth[end] <= depth[start] for start, end in edges) or deepest >= max(len(names), 1):
        raise ValueError("the rules depend on each other in a circle")
    for name in names:
        after = [depth[end] for start, end in edges if start == name]
        if after and all(end != name for _, end in edges):
            depth[name] = min(after) - 1
    return depth


def _curve(start: Node, end: Node, near: bool) -> str:
    """Path data of an edge; one that is not `near` passes over a column, above its rules."""
    left, right = start.x + start.width, end.x
    bend = GAP / 2 if near else (right - left) / 2
    lift = 0 if near else -LINE
    return (
        f"M{left:.0f},{start.y:.0f} C{left + bend:.0f},{start.y + lift:.0f}"
        f" {right - bend:.0f},{end.y + lift:.0f} {right:.0f},{end.y:.0f}"
    )


def reduced(edges: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """The transitive reduction of an acyclic graph.

    An edge is left out where a longer path connects its ends as well.
    """
    after: dict[str, set[str]] = {}
    for start, end in edges:
        after.setdefault(start, set()).add(end)

    def reached(start: str) -> set[str]:
        return set().union(*({end} | reached(end) for end in after.get(start, ())))

    return [
        (start, end)
        for start, end in edges
        if not any(end in reached(other) for other in after[start] - {end})
    ]

"""The graph of the workflow's rules, laid out from left to right by the longest way from a rule without inputs."""

from collections.abc import Sequence
from dataclasses import dataclass

LINE, GAP = 30, 46  # pixels between lines, and between columns
TOP = 34  # of the first line; edges that pass over a column bend into the room above
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
    """Place the rules; raises ValueError when the edges form a circle. Edges that follow from others are not drawn."""
    names = list(dict.fromkeys(name for edge in edges for name in edge))
    depth = dict.fromkeys(names, 0)
    for _ in names:
        for start, end in edges:
            depth[end] = max(depth[end], depth[start] + 1)
    if any(depth[end] <= depth[start] for start, end in edges) or max(
        depth.values(), default=0
    ) >= max(len(names), 1):
        raise ValueError("the rules depend on each other in a circle")
    for name in names:  # a rule without inputs stands just before the first that needs it
        after = [depth[end] for start, end in edges if start == name]
        if after and all(end != name for _, end in edges):
            depth[name] = min(after) - 1
    columns = [
        [name for name in names if depth[name] == i]
        for i in range(max(depth.values(), default=-1) + 1)
    ]
    rows = max(map(len, columns), default=0)
    nodes: dict[str, Node] = {}
    x = 1.0
    for column in columns:
        width = max(len(name) for name in column) * CHARACTER + 16
        for i, name in enumerate(column):
            nodes[name] = Node(name, x, TOP + LINE * (i + (rows - len(column)) / 2), width)
        x += width + GAP
    paths = []
    for start, end in reduced(edges):
        a, b = nodes[start], nodes[end]
        left, right = a.x + a.width, b.x
        bend = GAP / 2 if depth[end] == depth[start] + 1 else (right - left) / 2
        lift = 0 if depth[end] == depth[start] + 1 else -LINE
        paths.append(
            f"M{left:.0f},{a.y:.0f} C{left + bend:.0f},{a.y + lift:.0f} {right - bend:.0f},{b.y + lift:.0f} {right:.0f},{b.y:.0f}"
        )
    return Graph(list(nodes.values()), paths, x - GAP + 2, LINE * rows + TOP - 16)


def reduced(edges: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """The edges of an acyclic graph without those whose ends a longer way connects as well (its transitive reduction)."""
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

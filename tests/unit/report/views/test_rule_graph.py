"""Where the rules are placed."""

import pytest

from snakeval.report.views.provenance import rule_graph


def test_rules_are_right_of_what_they_need():
    graph = rule_graph.layout([["a", "b"], ["b", "d"], ["a", "c"], ["c", "d"], ["a", "d"]])
    place = {node.name: node.x for node in graph.nodes}
    assert place["a"] < place["b"] == place["c"] < place["d"]
    assert len(graph.edges) == 4  # longer paths lead from a to d
    assert rule_graph.reduced([["a", "b"], ["b", "d"], ["a", "c"], ["c", "d"], ["a", "d"]]) == [
        ("a", "b"),
        ("b", "d"),
        ("a", "c"),
        ("c", "d"),
    ]
    assert rule_graph.layout([]).nodes == []
    with pytest.raises(ValueError, match="circle"):
        rule_graph.layout([["a", "b"], ["b", "a"]])

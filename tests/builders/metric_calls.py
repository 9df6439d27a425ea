"""Metrics and aggregations called by name, for the tests of their figures."""

import json

from hypothesis import strategies as st

from snakeval.metrics import registry

WORDS = ["the", "a", "cat", "Cat,", "dog.", "sat", "on", "mat-mat", "U.S.", "漢字", "An"]
texts = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)


def generation(name, **options):
    """A metric of generated answers as a function of prediction and references."""
    function = registry.known().metric("generate_until", name).function
    return lambda prediction, references: function(prediction, references, **options)


def corpus(name, items, **options):
    """The score that an aggregation gives for items, in the way of its kind."""
    aggregation = registry.AGGREGATIONS[name](**options)
    if aggregation.kind == "sums":
        return float(aggregation.of_sums(aggregation.statistics(items).sum(axis=0)))
    return aggregation.of_items([json.loads(json.dumps(item)) for item in items])

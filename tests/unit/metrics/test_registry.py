"""The registry: every metric, aggregation and filter is found and documented."""

import itertools
import random

import numpy as np
import pytest
from builders.metric_calls import WORDS, corpus

from snakeval.metrics import registry
from snakeval.metrics.registry import AGGREGATIONS, FAMILIES, METRICS
from snakeval.scoring.filters.registry import FILTERS


def test_every_metric_has_a_known_aggregation():
    assert len(METRICS) > 60
    for (kind, name), metric in METRICS.items():
        assert (metric.kind, metric.name) == (kind, name) and metric.aggregation in AGGREGATIONS


def test_a_family_gives_the_metric_of_each_number():
    known = registry.known()
    assert {family.name for family in FAMILIES} == {"pass@K", "maj@K", "recall@K"}
    assert known.metric("generate_until", "pass@12").name == "pass@12"
    assert known.metric("multiple_choice", "recall@3").name == "recall@3"
    for kind, name in (
        ("generate_until", "pass@0"),
        ("generate_until", "pass@"),
        ("generate_until", "recall@3"),
        ("multiple_choice", "xrecall@3"),
    ):
        assert known.metric(kind, name) is None
    assert {"maj@K", "exact_match"} <= set(known.names("generate_until"))


def test_every_metric_and_filter_has_its_definition(repository):
    """The page lists aggregations from the code; definitions of the others are written by hand."""
    text = (repository / "docs/reference/metrics.md").read_text(encoding="utf-8")
    names = {name for _, name in METRICS} | {family.name for family in FAMILIES} | set(FILTERS)
    assert not {name for name in names if f"`{name}`" not in text}


@pytest.mark.parametrize(
    "name", sorted(name for name in AGGREGATIONS if AGGREGATIONS[name]().kind == "sums")
)
def test_sums_are_scored_in_bulk_as_one_by_one(name):
    rng = random.Random(0)
    if name in ("bleu", "chrf", "chrf++", "ter"):
        items = [
            (
                [" ".join(rng.choices(WORDS, k=rng.randint(0, 6)))],
                " ".join(rng.choices(WORDS, k=rng.randint(0, 6))),
            )
            for _ in range(20)
        ]
    elif name in ("perplexity",):
        items = [-rng.random() for _ in range(20)]
    elif name == "ece":
        items = [(rng.random(), rng.randint(0, 1)) for _ in range(20)]
    elif name in ("weighted_perplexity", "bits_per_byte"):
        items = [(-rng.random(), rng.randint(1, 9)) for _ in range(20)]
    else:
        items = [(rng.randint(0, 1), rng.randint(0, 1)) for _ in range(20)]
    aggregation = AGGREGATIONS[name]()
    statistics = aggregation.statistics(items)
    draws = np.random.default_rng(0).integers(0, 20, (5, 3, 20))
    bulk = aggregation.of_sums(statistics[draws].sum(axis=2))
    assert bulk.shape == (5, 3)
    for i, j in itertools.product(range(5), range(3)):
        assert bulk[i, j] == pytest.approx(
            corpus(name, [items[d] for d in draws[i, j]]), abs=1e-9, nan_ok=True
        )
    if aggregation.of_document is not None:
        assert aggregation.of_document(statistics).shape == (20,)

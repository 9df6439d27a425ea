import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snakeval.backends.local.packed import trie
from snakeval.backends.local.packed.passes import segment

PER_HEADER = 16

sequences = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=12)


def cut(texts, shareable=None, budget=1000, pairs_per_token=2000.0, together=True):
    arrays = [np.array(text, np.int32) for text in texts]
    return trie.units(
        arrays,
        shareable or [len(text) - 1 for text in texts],
        budget,
        pairs_per_token,
        PER_HEADER,
        together,
    )


def whole(unit, texts, sequence):
    above = (
        np.concatenate([header.tokens for header in unit.header.path()])
        if unit.header
        else np.zeros(0, np.int32)
    )
    return [*above.tolist(), *texts[sequence][unit.start :]]


@settings(deadline=None)
@given(sequences, st.integers(4, 40), st.sampled_from([2.0, 50.0, 2000.0]), st.booleans())
def test_every_sequence_lies_in_one_unit_below_its_own_tokens(
    texts, budget, pairs_per_token, together
):
    units = cut(texts, None, budget, pairs_per_token, together)
    assert sorted(sequence for unit in units for sequence in unit.sequences) == list(
        range(len(texts))
    )
    for unit in units:
        for sequence in unit.sequences:
            assert whole(unit, texts, sequence) == texts[sequence]
            assert unit.start < len(texts[sequence])  # what is scored lies in the unit
        assert len(unit.sequences) == 1 or (together and unit.tokens <= budget)


@settings(deadline=None)
@given(sequences)
def test_a_segment_shows_each_token_its_own_past(texts):
    texts = sorted(map(list, dict.fromkeys(map(tuple, texts))))
    built = segment([np.array(text) for text in texts], 100, ())
    for text, path in zip(texts, built.paths, strict=True):
        assert built.tokens[path].tolist() == text
        assert built.positions[path].tolist() == list(range(100, 100 + len(text)))
        for place, row in enumerate(path):
            seen = (
                np.flatnonzero(built.allowed[row])
                if built.allowed is not None
                else np.arange(row + 1)
            )
            assert seen.tolist() == path[: place + 1].tolist()
    assert len(built.tokens) == len(
        {tuple(text[:end]) for text in texts for end in range(1, len(text) + 1)}
    )


def test_long_starts_become_headers_and_choices_become_trees():
    rng = np.random.default_rng(0)
    shots, passage = rng.integers(0, 999, 500).tolist(), rng.integers(0, 999, 200).tolist()
    texts = [
        shots + passage * (document < 4) + rng.integers(0, 999, 50).tolist() + [choice] * 3
        for document in range(8)
        for choice in range(4)
    ]
    texts = [
        texts[4 * (index // 4)][:-3] + text[-3:] for index, text in enumerate(texts)
    ]  # four choices of each question
    units = cut(texts, [len(text) - 4 for text in texts])
    assert sorted(len(unit.sequences) for unit in units) == [4] * 8
    assert {unit.tokens for unit in units} == {50 + 4 * 3}
    headers = {header for unit in units for header in unit.header.path()}
    assert sorted(len(header.tokens) for header in headers) == [200, 500]
    assert len(trie.batches(units, 1000)) == 1
    assert all(header.private for header in headers)
    assert len(trie.batches(units, 190)) == 3
    assert sorted(header.private for header in headers) == [False, False]


def test_a_private_context_is_a_header_only_if_it_is_long():
    rng = np.random.default_rng(0)
    for length, shared in ((20, False), (900, True)):
        context = rng.integers(0, 999, length).tolist()
        units = cut(
            [context + rng.integers(0, 999, 25).tolist() for _ in range(4)], [length - 1] * 4
        )
        assert (units[0].header is not None) == shared


def test_short_common_starts_are_not_worth_a_header():
    rng = np.random.default_rng(0)
    units = cut([[1, 2, *rng.integers(3, 999, 60).tolist()] for _ in range(3)])
    assert [(len(unit.sequences), unit.header) for unit in units] == [(1, None)] * 3


def test_what_a_header_costs_decides():
    rng = np.random.default_rng(0)
    header = rng.integers(0, 999, 300).tolist()
    texts = [np.array([*header, *rng.integers(0, 999, 40)], np.int32) for _ in range(8)]
    for per_header, shared in (
        (16, True),
        (2000, True),
        (2200, False),
    ):  # seven times 300 tokens are saved
        (first, *_) = trie.units(texts, [339] * 8, 1000, 1e9, per_header, together=False)
        assert (first.header is not None) == shared


@given(st.lists(st.integers(1, 50), max_size=20), st.integers(1, 100))
def test_runs_keep_order_and_budget(sizes, budget):
    found = trie.runs(sizes, budget)
    assert [index for run in found for index in run] == list(range(len(sizes)))
    assert all(len(run) == 1 or sum(sizes[index] for index in run) <= budget for run in found)


def test_many_sequences_are_cut_fast():
    rng = np.random.default_rng(0)
    header = rng.integers(0, 999, 300)
    texts = [
        np.concatenate([header, rng.integers(0, 999, 40), [choice]]).astype(np.int32)
        for _ in range(3000)
        for choice in range(4)
    ]
    units = trie.units(texts, [340] * len(texts), 1000, 2000.0, PER_HEADER)
    assert sum(len(unit.sequences) for unit in units) == 12_000


def test_nothing_to_cut():
    assert trie.units([], [], 10, 10.0, PER_HEADER) == []
    assert trie.batches([], 10) == []


@pytest.mark.parametrize("count", [1, 2, 50])
def test_equal_sequences_apart_share_all_but_their_last_token(count):
    units = cut([[5] * 100] * count, together=False)
    assert len(units) == count
    assert {unit.start for unit in units} == ({0} if count == 1 else {99})

"""Shards: any number of them gives the same bytes, and each takes its part of the tokens."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from builders.benchmark_calls import Fake, infer, many

from snakeval.errors import UserError
from snakeval.inference.ask import ask, distinct_keys
from snakeval.inference.assemble import assemble
from snakeval.inference.shards import share, who_answered
from snakeval.inference.store import Store
from snakeval.inference.timings import summed
from snakeval.schemas.model import CALLS, TIMINGS


@pytest.mark.parametrize("shards", [2, 3, 7, 50])
@pytest.mark.parametrize("order", ["forwards", "backwards"])
def test_any_number_of_shards_gives_the_same_bytes(tmp_path, shards, order):
    benchmarks = many()
    engine = Fake()
    expected = {
        benchmark: infer(tmp_path / "alone", rows, engine, benchmark=benchmark)
        for benchmark, rows in benchmarks.items()
    }
    engines, timings = {}, {benchmark: [] for benchmark in benchmarks}
    for number in sorted(range(1, shards + 1), reverse=order == "backwards"):
        engines[number], earlier = Fake(), None
        for benchmark, rows in benchmarks.items():
            with Store(tmp_path / "parts", "model") as store:
                how = {"model": "m", "benchmark": benchmark, "shard": (number, shards)}
                load = lambda number=number: engines[number]  # noqa: E731
                timings[benchmark].append(ask(rows, load, store, earlier=earlier, **how))
                earlier = distinct_keys(rows, store)
    asked = [key for each in engines.values() for key in each.asked]
    assert sorted(asked) == sorted(engine.asked)
    if shards < 7:
        assert all(each.asked for each in engines.values())
    for benchmark, rows in benchmarks.items():
        responses, alone = expected[benchmark]
        found = assemble(rows, Store(tmp_path / "parts", "model"), model="m", called="")
        assert found.equals(responses)
        together = summed(timings[benchmark])
        assert together.schema.equals(TIMINGS)
        for column in ("requests", "duplicates", "prompt_tokens", "engine", "peak_bytes"):
            assert together[column].to_pylist() == alone[column].to_pylist()


def _calls(**columns):
    count = len(next(iter(columns.values())))
    empty = {"context": [[]] * count, "continuation": [[]] * count}
    found = empty | columns
    return pa.table(
        {field.name: pa.array(found.get(field.name, [None] * count), field.type) for field in CALLS}
    )


def test_shards_are_balanced_by_tokens_and_take_neighbours():
    calls = _calls(context=[[1] * (1 + row % 90) for row in range(900)], continuation=[[1]] * 900)
    batches = [np.arange(start, min(start + 7, 900)) for start in range(0, 900, 7)]
    parts = [share(batches, calls, (number, 4), "e") for number in (1, 2, 3, 4)]
    rows = sorted(np.concatenate([row for part in parts for row in part]).tolist())
    assert rows == list(range(900))
    sizes = [sum(2 + row % 90 for batch in part for row in batch) for part in parts]
    assert max(sizes) < 1.05 * sum(sizes) / 4
    assert all(after[0] == before[-1] + 1 for part in parts for before, after in pairwise(part))


def test_benchmarks_of_one_batch_are_spread_over_shards():
    calls = _calls(context=[[1]] * 900)
    single = [
        number
        for benchmark in range(100)
        for number in range(1, 5)
        if share([np.arange(900)], calls, (number, 4), f"e{benchmark}")
    ]
    assert len(single) == 100 and min(map(single.count, range(1, 5))) > 10


@pytest.mark.parametrize("form", ["text", "turns", "continuation_text"])
def test_texts_and_turns_are_balanced_by_their_characters(form):
    texts = ["long text " * 300] * 4 + ["short"] * 60
    if form == "turns":
        calls = _calls(turns=[[{"role": "user", "text": text}] for text in texts])
    else:
        calls = _calls(**{form: texts})
    batches = [np.array([row]) for row in range(64)]
    parts = [share(batches, calls, (number, 2), "e") for number in (1, 2)]
    assert sorted(sum(int(batch[0]) < 4 for batch in part) for part in parts) == [2, 2]


def test_shards_in_different_environments_are_an_error():
    rows = [{"model": "m", "benchmark": "e", "identity": name} for name in ("a", "b", "a")]
    assert who_answered(pa.Table.from_pylist(rows[::2])) == "a"
    with pytest.raises(UserError, match=r"m, e: shards answered with different .*/calls/m and run"):
        who_answered(pa.Table.from_pylist(rows))

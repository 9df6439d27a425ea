"""A job's memory and time grow with the model, its share of the documents, and each attempt."""

import pyarrow as pa
import pytest

from snakeval.backends.local import build
from snakeval.files import parquet
from snakeval.planning import resources
from snakeval.schemas.model import MODEL_FILES
from snakeval.schemas.run import BENCHMARK_FILES


@pytest.fixture
def made(tmp_path):
    """Tables of a model of 16 GB and of 60,000 documents."""
    row = {"model": "m", "source": "s", "revision": None, "folder": "f", "sha256": ""}
    files = [
        {"file": "a.safetensors", "size": 10**10},
        {"file": "b.safetensors", "size": 6 * 10**9},
        {"file": "notes.bin", "size": 10**12},
    ]
    parquet.write(
        pa.Table.from_pylist([row | file for file in files], MODEL_FILES),
        tmp_path / "model.parquet",
        MODEL_FILES,
    )
    for benchmark, documents in (("a", 20_000), ("b", 40_000)):
        parquet.write(
            pa.table({"doc": range(documents)}), tmp_path / f"tokens/{benchmark}.parquet", None
        )
    rows = [
        {
            "benchmark": benchmark,
            "file": f"../tokens/{benchmark}.parquet",
            "digest": "",
            "fingerprint": "",
        }
        for benchmark in "ab"
    ]
    parquet.write(
        pa.Table.from_pylist(rows, BENCHMARK_FILES), tmp_path / "index/m.parquet", BENCHMARK_FILES
    )
    return tmp_path / "model.parquet", tmp_path / "index/m.parquet"


def test_memory(made):
    how = {"gpus": 1, "processes": 1, "attempt": 1}
    once = resources.memory_mb(*made, **how)
    assert 19_000 <= once < 22_000
    assert resources.memory_mb(*made, **how | {"attempt": 3}) == pytest.approx(3 * once, abs=3)
    assert resources.memory_mb(*made, **how | {"processes": 4, "gpus": 4}) == pytest.approx(
        once + 3 * resources.PROGRAM_MB, rel=0.01
    )
    assert resources.memory_mb(*made, **how | {"gpus": 0}) == pytest.approx(
        once + 64_000 + resources.TEXTS_MB, abs=3
    )


def test_texts_on_a_cpu_get_the_memory_that_the_engine_allows_them():
    assert pytest.approx(build.KV_CACHE_BYTES, rel=0.01) == resources.TEXTS_MB * 1e6


def test_minutes(made):
    how = {"gpus": 1, "threads": 1, "shards": 1, "attempt": 1}
    assert resources.minutes(*made, **how) == 15 + 60_000 * 16 * 0.02 / 60
    assert resources.minutes(*made, **how | {"shards": 4}) == 15 + 60_000 * 16 * 0.02 / 60 / 4
    assert resources.minutes(*made, **how | {"attempt": 2}) == 2 * resources.minutes(*made, **how)
    assert resources.minutes(*made, **how | {"gpus": 0, "threads": 8}) > 10 * resources.minutes(
        *made, **how
    )


def test_nothing_is_known_before_the_tables_are_made(made, tmp_path):
    with pytest.raises(FileNotFoundError):
        resources.memory_mb(tmp_path / "absent.parquet", made[1], gpus=1, processes=1, attempt=1)

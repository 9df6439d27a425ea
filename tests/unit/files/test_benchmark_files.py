"""Files of a job: valid files are kept, finished ones are never lost, altered ones are noticed."""

import os

import pyarrow as pa
import pytest

from snakeval.errors import UserError
from snakeval.files import benchmark_files, parquet

SCHEMA = pa.schema([pa.field("name", pa.string(), nullable=False)])


@pytest.fixture
def job(tmp_path):
    """A job that makes files of names, and a list of the benchmarks it made."""
    made = []

    def run(**fingerprints):
        def make(benchmark):
            if fingerprints[benchmark] == "breaks":
                raise RuntimeError("killed")
            made.append(benchmark)
            return pa.table({"name": [f"{benchmark} {fingerprints[benchmark]}"]})

        made.clear()
        benchmark_files.refresh(
            tmp_path / "index/stage/model.parquet",
            tmp_path / "stage/model",
            fingerprints,
            make,
            SCHEMA,
        )
        return list(made)

    return run


def test_only_what_changed_is_made(job, tmp_path):
    assert job(a="1", b="1") == ["a", "b"]
    assert job(a="1", b="1") == []
    assert job(a="1", b="2", c="1") == ["b", "c"]
    index = tmp_path / "index/stage/model.parquet"
    assert [
        benchmark_files.read(index, benchmark, SCHEMA)["name"][0].as_py() for benchmark in "abc"
    ] == [
        "a 1",
        "b 2",
        "c 1",
    ]
    assert list(benchmark_files.digests(index)) == ["a", "b", "c"]


def test_a_failed_job_keeps_what_it_finished(job):
    job(a="1", b="1")
    with pytest.raises(RuntimeError):
        job(a="2", b="breaks")
    assert job(a="2", b="2") == ["b"]


def test_an_altered_file_is_made_again(job, tmp_path):
    job(a="1", b="1")
    path = tmp_path / "stage/model/a.parquet"
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.write_bytes(content)
    assert job(a="1", b="1") == ["a"]


def test_a_folder_can_be_moved(job, tmp_path):
    job(a="1")
    (tmp_path / "moved").mkdir()
    for part in ("index", "stage"):
        (tmp_path / part).rename(tmp_path / "moved" / part)
    assert (
        benchmark_files.read(tmp_path / "moved/index/stage/model.parquet", "a", SCHEMA).num_rows
        == 1
    )


def test_a_file_without_a_fingerprint_that_is_gone_is_reported_with_its_index(tmp_path):
    file, index = tmp_path / "requests/a.parquet", tmp_path / "index/requests.parquet"
    parquet.write(pa.table({"name": ["a"]}), file, SCHEMA)
    benchmark_files.write_list(index, {"a": file})
    file.unlink()
    message = (
        f"{file}: missing. Delete {index} and run again: only missing or changed files are rebuilt."
    )
    with pytest.raises(UserError, match=f"^{message}$"):
        benchmark_files.read(index, "a", SCHEMA)


def test_a_benchmark_that_is_not_listed_is_reported(job, tmp_path):
    job(a="1")
    index = tmp_path / "index/stage/model.parquet"
    with pytest.raises(UserError, match=f"{index}: does not list b. Delete it and run again"):
        benchmark_files.path(index, "b")


@pytest.mark.parametrize("harm", ["missing", "replaced", "damaged"])
def test_a_reader_reports_how_to_rebuild(job, tmp_path, harm):
    job(a="1")
    index, path = tmp_path / "index/stage/model.parquet", tmp_path / "stage/model/a.parquet"
    if harm == "missing":
        path.unlink()
    elif harm == "replaced":
        parquet.write(pa.table({"name": ["another"]}), path, SCHEMA, "2")
    else:
        content = bytearray(path.read_bytes())
        content[10] ^= 1
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        benchmark_files.read(index, "a", SCHEMA)
    assert str(path) in str(caught.value)
    assert f"elete {index}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_temporary_files_of_killed_writers_are_removed_once_they_are_old(job, tmp_path):
    job(a="1")
    folder = next(tmp_path.rglob("a.parquet")).parent
    old, new = folder / ".b.parquet.x1.tmp", folder / ".b.parquet.x2.tmp"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    job(a="1")
    assert not old.exists() and new.exists()


def test_fingerprints_of_what_is_made_from_benchmarks(job, tmp_path):
    job(a="1", b="1")
    index = tmp_path / "index/stage/model.parquet"
    before = benchmark_files.fingerprints(index, {"limit": 3}, "code")
    assert before == {
        benchmark: parquet.fingerprint_of({"limit": 3}, "code", digest)
        for benchmark, digest in benchmark_files.digests(index).items()
    }
    job(a="1", b="2")
    after = benchmark_files.fingerprints(index, {"limit": 3}, "code")
    assert after["a"] == before["a"] and after["b"] != before["b"]

"""A results folder checked whole: what was altered or lost is named, with what to remove."""

import pyarrow as pa
import pytest

from snakeval import entry_files, integrity, parquet
from snakeval.errors import UserError
from snakeval.schemas import DOCUMENT_FILES


@pytest.fixture
def results(tmp_path):
    """A folder with a data set, a job's files and a page."""
    table = pa.table({"x": [1, 2]})
    entry_files.refresh(tmp_path / "index/scores/m.parquet", tmp_path / "scores/m", {"a": "1", "b": "2"}, lambda entry: table, None)
    entry_files.refresh(tmp_path / "index/asked/m/1-of-2.parquet", tmp_path / "asked/m/1-of-2", {"a": "1"}, lambda entry: table, None)
    documents = tmp_path / "datasets/d/s/test.parquet"
    parquet.write(table, documents, None)
    row = {"source": "s", "subset": "s", "split": "test", "file": "s/test.parquet", "documents": 2, "digest": parquet.digest(documents)}
    parquet.write(pa.Table.from_pylist([row], DOCUMENT_FILES), tmp_path / "index/datasets/d.parquet", DOCUMENT_FILES)
    parquet.write(pa.table({"finding": ["odd"], "file": ["x"], "digest": ["y"]}), tmp_path / "index/check.parquet", None)
    (tmp_path / "report").mkdir()
    (tmp_path / "tables").mkdir()
    (tmp_path / "report/index.html").write_text("page")
    (tmp_path / "tables/summary.md").write_text("scores")
    integrity.write_sums(tmp_path, [tmp_path / "report/index.html", tmp_path / "tables/summary.md"])
    return tmp_path


def test_as_written(results):
    assert integrity.check(results) == 8 + 2


@pytest.mark.parametrize(
    ("file", "index"),
    [
        ("scores/m/b.parquet", "index/scores/m.parquet"),
        ("asked/m/1-of-2/a.parquet", "index/asked/m/1-of-2.parquet"),
        ("datasets/d/s/test.parquet", "index/datasets/d.parquet"),
        ("index/scores/m.parquet", None),
        ("report/index.html", None),
        ("tables/summary.md", None),
    ],
)
def test_altered(results, file, index):
    content = bytearray((results / file).read_bytes())
    content[1] ^= 4
    (results / file).write_bytes(content)
    with pytest.raises(UserError) as told:
        integrity.check(results)
    first, name, remedy = str(told.value).splitlines()
    assert first.startswith("1 of 10 files")
    assert name == f"{results / file}: altered since it was written" + (
        ", or not a table of this workflow" if file.endswith("parquet") else ""
    )
    remove, _, again = remedy.partition("rm ")[2].partition(" && ")
    assert set(remove.split()) == {str(results / name) for name in (file, index) if name}
    assert again == f"snakemake --cores 1 all {results / (index or file)}"


def test_a_part_of_the_store_is_only_removed(results):
    part = results / "store/m/0-1.parquet"
    parquet.write(pa.table({"key": ["k"]}), part, None)
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(UserError, match=rf"rm {part} && snakemake --cores 1 all$"):
        integrity.check(results)


def test_missing_and_replaced(results):
    (results / "scores/m/a.parquet").unlink()
    parquet.write(pa.table({"x": [3]}), results / "datasets/d/s/test.parquet", None)
    (results / "report/index.html").unlink()
    with pytest.raises(UserError) as told:
        integrity.check(results)
    text = str(told.value)
    assert text.startswith("3 of ")
    assert f"{results / 'scores/m/a.parquet'}: missing, but {results / 'index/scores/m.parquet'} lists it" in text
    assert f"{results / 'datasets/d/s/test.parquet'}: not the file that" in text
    assert f"{results / 'report/index.html'}: missing" in text


def test_what_is_missing_needs_no_removing(results):
    (results / "report/index.html").unlink()
    with pytest.raises(UserError, match=r"made anew: snakemake --cores 1 all \S+report/index.html$"):
        integrity.check(results)

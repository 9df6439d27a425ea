"""A results folder checked whole: what was altered or lost is named, with what to remove."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from snakeval.errors import UserError
from snakeval.files import benchmark_files, parquet
from snakeval.schemas.task import DOCUMENT_FILES
from snakeval.transfer import verify


@pytest.fixture
def results(tmp_path):
    """A folder with a data set, a job's files and a page."""
    table = pa.table({"x": [1, 2]})
    benchmark_files.refresh(
        tmp_path / "index/scores/m.parquet",
        tmp_path / "scores/m",
        {"a": "1", "b": "2"},
        lambda benchmark: table,
        None,
    )
    benchmark_files.refresh(
        tmp_path / "index/calls/m/1-of-2.parquet",
        tmp_path / "calls/m/1-of-2",
        {"a": "1"},
        lambda benchmark: table,
        None,
    )
    documents = tmp_path / "datasets/d/s/test.parquet"
    parquet.write(table, documents, None)
    row = {
        "source": "s",
        "subset": "s",
        "split": "test",
        "file": "s/test.parquet",
        "documents": 2,
        "digest": parquet.digest(documents),
    }
    parquet.write(
        pa.Table.from_pylist([row], DOCUMENT_FILES),
        tmp_path / "index/datasets/d.parquet",
        DOCUMENT_FILES,
    )
    parquet.write(
        pa.table({"finding": ["odd"], "file": ["x"], "digest": ["y"]}),
        tmp_path / "index/check.parquet",
        None,
    )
    (tmp_path / "report").mkdir()
    (tmp_path / "tables").mkdir()
    (tmp_path / "report/index.html").write_text("page")
    (tmp_path / "tables/summary.md").write_text("scores")
    for file in ("report/samples/m/0.js", "tables/export/main.tex", "tables/export/.hidden"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("text")
    parquet.write(table, tmp_path / "tables/export/main.parquet", None)
    verify.write_sums(tmp_path)
    return tmp_path


def test_as_written(results):
    assert verify.check(results) == 9 + 4


@pytest.mark.parametrize(
    ("file", "index"),
    [
        ("scores/m/b.parquet", "index/scores/m.parquet"),
        ("calls/m/1-of-2/a.parquet", "index/calls/m/1-of-2.parquet"),
        ("datasets/d/s/test.parquet", "index/datasets/d.parquet"),
        ("index/scores/m.parquet", None),
        ("report/index.html", None),
        ("report/samples/m/0.js", "report/index.html"),
        ("tables/summary.md", None),
    ],
)
def test_altered(results, file, index):
    content = bytearray((results / file).read_bytes())
    content[1] ^= 4
    (results / file).write_bytes(content)
    with pytest.raises(UserError) as caught:
        verify.check(results)
    first, name, remedy = str(caught.value).splitlines()
    assert first.startswith("1 of 13 files")
    assert name == f"{results / file}: altered since it was written" + (
        ", or not a table of this workflow" if file.endswith("parquet") else ""
    )
    remove, _, again = remedy.partition("rm ")[2].partition(" && ")
    assert set(remove.split()) == {str(results / name) for name in (file, index) if name}
    assert again == f"snakemake --cores 1 all {results / (index or file)}"


@pytest.mark.parametrize("file", ["main.tex", "main.parquet"])
def test_an_altered_export_is_rebuilt_with_its_folder(results, file):
    """Snakemake knows the folder alone."""
    (results / "tables/export" / file).write_bytes(b"")
    with pytest.raises(UserError) as caught:
        verify.check(results)
    export = results / "tables/export"
    assert str(caught.value).endswith(
        f"rebuild only these files: rm -r {export} && snakemake --cores 1 all {export}"
    )


@pytest.mark.parametrize("kept", [0, 1])
def test_a_list_that_lost_lines_is_reported(results, kept):
    sums = results / "report/SHA256SUMS"
    sums.write_text("".join(sums.read_text().splitlines(keepends=True)[:kept]))
    with pytest.raises(UserError, match=rf"{sums}: does not list ") as caught:
        verify.check(results)
    page = results / "report/index.html"
    assert str(caught.value).endswith(
        f"rebuild only these files: rm {sums} {page} && snakemake --cores 1 all {page}"
    )


def test_a_file_that_a_user_put_next_to_the_page_is_ignored(results):
    (results / "report/printed.pdf").write_text("mine")
    assert verify.check(results) == 9 + 4


def test_recorded_answers_are_rebuilt_by_their_list(results):
    table = pa.table({"x": [1]})
    benchmark_files.refresh(
        results / "index/recorded/m.parquet",
        results / "recorded/m",
        {"a": "1"},
        lambda benchmark: table,
        None,
    )
    (results / "recorded/m/a.parquet").write_bytes(b"")
    with pytest.raises(UserError) as caught:
        verify.check(results)
    index = results / "index/recorded/m.parquet"
    assert str(caught.value).endswith(
        f"rm {index} {results / 'recorded/m/a.parquet'} && snakemake --cores 1 all {index}"
    )


def test_tables_that_a_bundle_brings_along_are_not_ours(results):
    (results / "bundle/config/tasks/mine").mkdir(parents=True)
    pq.write_table(
        pa.table({"question": ["mine"]}), results / "bundle/config/tasks/mine/data.parquet"
    )
    assert verify.check(results) == 9 + 4


def test_a_part_of_the_store_is_only_removed(results):
    part = results / "store/m/0-1.parquet"
    parquet.write(pa.table({"key": ["k"]}), part, None)
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(UserError, match=rf"rm {part} && snakemake --cores 1 all$"):
        verify.check(results)


def test_missing_and_replaced(results):
    (results / "scores/m/a.parquet").unlink()
    parquet.write(pa.table({"x": [3]}), results / "datasets/d/s/test.parquet", None)
    (results / "report/index.html").unlink()
    with pytest.raises(UserError) as caught:
        verify.check(results)
    text = str(caught.value)
    assert text.startswith("3 of ")
    file, index = results / "scores/m/a.parquet", results / "index/scores/m.parquet"
    assert f"{file}: missing, but {index} lists it" in text
    assert f"{results / 'datasets/d/s/test.parquet'}: not the file that" in text
    assert f"{results / 'report/index.html'}: missing" in text


def test_what_is_missing_needs_no_removing(results):
    (results / "report/index.html").unlink()
    with pytest.raises(
        UserError, match=r"rebuild only these files: snakemake --cores 1 all \S+report/index.html$"
    ):
        verify.check(results)


@pytest.mark.parametrize(
    ("configured", "again"),
    [
        (
            {"m", "d"},
            [
                "index/calls/m/1-of-2.parquet",
                "index/check.parquet",
                "index/datasets/d.parquet",
                "index/scores/m.parquet",
            ],
        ),
        ({"d"}, ["index/check.parquet", "index/datasets/d.parquet"]),
        ({"m"}, ["index/calls/m/1-of-2.parquet", "index/check.parquet", "index/scores/m.parquet"]),
    ],
)
def test_files_of_earlier_configurations_are_removed_and_not_rebuilt(results, configured, again):
    for file in ("scores/m/a.parquet", "calls/m/1-of-2/a.parquet", "datasets/d/s/test.parquet"):
        (results / file).unlink()
    (results / "index/check.parquet").write_bytes(b"")
    with pytest.raises(UserError) as caught:
        verify.check(results, configured)
    remedy = str(caught.value).splitlines()[-1]
    assert remedy.split(" all ")[1].split() == [str(results / file) for file in again]
    assert remedy.split(" && ")[0].count(".parquet") == 4

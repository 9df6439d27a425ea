"""The comparison of two versions finds every difference that counts, and no other."""

import compare_versions
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

OLD = {"entry": ["a", "b"], "value": [0.1 + 0.2, float("nan")], "digest": ["x", "y"]}
NEW = {"benchmark": ["a", "b"], "value": [0.1 + 0.2, float("nan")], "digest": ["v", "w"]}


def compare(old, new):
    return compare_versions.compare_tables("t.parquet", pa.table(old), pa.table(new))


def test_renamed_columns_nan_and_identities_are_equal():
    found = compare(OLD, NEW)
    assert found.differences == ()
    assert found.line() == "  t.parquet: equal: 2 rows, 2 columns"


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"value": [0.3, float("nan")]}, "value in 1 of 2 rows, first in row 0: 0.3, 0.3000"),
        ({"value": [0.1 + 0.2, 1.0]}, "value in 1 of 2 rows, first in row 1: 1.0, nan before"),
        ({"benchmark": ["a", "c"]}, "benchmark in 1 of 2 rows, first in row 1: 'c', 'b' before"),
        ({"benchmark": None}, "no column benchmark any more"),
        ({key: column[:1] for key, column in NEW.items()}, "1 rows, 2 before"),
    ],
)
def test_a_value_that_differs_is_reported(change, difference):
    table = {key: column for key, column in (NEW | change).items() if column is not None}
    (found,) = compare(OLD, table).differences
    assert found.startswith(difference)


def test_lists_are_compared_by_their_values():
    assert compare({"x": [[1.0, None]]}, {"x": [[1.0, None]]}).differences == ()
    assert compare({"x": [[1.0, 2.0]]}, {"x": [[1.0, 3.0]]}).differences


def test_wording_is_a_remark():
    found = compare({"message": ["cut"]}, {"message": ["was cut"]})
    assert found.differences == ()
    assert "message is worded differently in 1 rows" in found.remarks


def test_texts_are_compared_by_their_numbers():
    found = compare_versions.compare_texts("s.md", "entry 0.5 of 1,319", "benchmark 0.5 of 1,319")
    assert (found.differences, found.remarks) == ((), ("2 numbers", "worded differently"))
    changed = compare_versions.compare_texts("s.md", "0.5 and 2", "0.6 and 2")
    assert changed.differences == ("2 numbers, 2 before; first difference 0.5: 0.6 now",)


def test_results_folders_are_compared_file_by_file(tmp_path):
    for side, name, column in (("old", "entry", "entry"), ("new", "benchmark", "benchmark")):
        folder = tmp_path / side / "tables/export"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({column: ["a"]}), folder / f"{name}-a.parquet")
        (folder / "main.csv").write_text(f"{column},value\na,0.5\n")
        pq.write_table(pa.table({"x": [1]}), folder.parent / f"{side}.parquet")
    found = {
        finding.name: finding
        for finding in compare_versions.compare_results(tmp_path / "old", tmp_path / "new")
    }
    assert found["tables/export/benchmark-a.parquet"].differences == ()
    assert found["tables/export/main.csv"].differences == ()
    assert found["tables/old.parquet"].differences == ("missing in the new version",)
    assert found["tables/new.parquet"].remarks == ("only in the new version",)
    assert len(found) == 4

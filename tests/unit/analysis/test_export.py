"""Tables as papers print them."""

import csv
import re

import pyarrow as pa
import pytest
from builders.score_files import Run, answers, group, settings_of
from pyarrow import parquet as pq

from snakeval.analysis import export
from snakeval.analysis.exports import latex
from snakeval.schemas.run import COMPARISONS, SCORE_TABLE, TARGETS


@pytest.fixture
def written(tmp_path):
    def write(run, targets=None):
        scores, comparisons = run.build()
        table = pa.Table.from_pylist(targets or [], TARGETS)
        export.write(
            pa.Table.from_pylist(scores, SCORE_TABLE),
            pa.Table.from_pylist(comparisons, COMPARISONS),
            table,
            tmp_path / "export",
        )
        return tmp_path / "export"

    return write


def three_models(folder):
    run = Run(
        folder,
        {"x_1": settings_of(["acc", "acc_norm"]), "y": settings_of(["acc"])},
        [group("g", ["x_1", "y"])],
        ("a", "b", "c&d"),
    )
    for model, right in (("a", 40), ("b", 39), ("c&d", 5)):
        for task, metric in (("x_1", "acc"), ("x_1", "acc_norm"), ("y", "acc")):
            run.add(model, task, metric, answers(right, 50))
    return run


def test_one_file_per_table_and_format(tmp_path, written):
    folder = written(three_models(tmp_path))
    stems = {path.stem for path in folder.iterdir()}
    assert stems == {"main", "benchmark-e", "comparisons"}
    assert {path.name for path in folder.glob("main.*")} == {
        "main.parquet",
        "main.csv",
        "main.md",
        "main.tex",
    }


def test_latex_marks_the_best_and_what_cannot_be_told_from_it(tmp_path, written):
    text = (written(three_models(tmp_path)) / "main.tex").read_text()
    assert re.search(
        r"\\begin\{tabular\}\{lr\}\n\\toprule\nmodel & g, acc \$\\uparrow\$ \\\\\n\\midrule", text
    )
    assert re.search(
        r"^a & \$\\mathbf\{0\.800\}_\{0\.\d+\}\^\{0\.\d+\}\$ \\\\$", text, re.MULTILINE
    )
    assert re.search(r"^b & \$0\.780_\{0\.\d+\}\^\{0\.\d+\\,\\dagger\}\$ \\\\$", text, re.MULTILINE)
    assert re.search(r"^c\\&d & \$0\.100_\{0\.\d+\}\^\{0\.\d+\}\$ \\\\$", text, re.MULTILINE)
    assert text.endswith("\\bottomrule\n\\end{tabular}\n")


def test_markdown_and_csv_say_the_same(tmp_path, written):
    folder = written(three_models(tmp_path))
    text = (folder / "benchmark-e.md").read_text()
    assert "| x_1, acc_norm ↑ | **0.800** (0.670 – 0.888) |" in text
    rows = list(csv.DictReader((folder / "benchmark-e.csv").open()))
    table = pq.read_table(folder / "benchmark-e.parquet").to_pylist()
    assert len(rows) == len(table) == 4 * 3
    assert [float(row["value"]) for row in rows] == [row["value"] for row in table]


def test_whichever_is_fewer_are_the_columns(tmp_path, written):
    folder = written(three_models(tmp_path))
    assert (folder / "benchmark-e.md").read_text().startswith("| task ")
    assert (folder / "main.md").read_text().startswith("| model ")


def test_hostile_names_are_text_in_latex():
    assert (
        latex.escaped("a_b%c$d#e{f}~^\\ \n&")
        == r"a\_b\%c\$d\#e\{f\}\textasciitilde{}\textasciicircum{}\textbackslash{} \&"
    )


def test_unknown_and_infinite_scores_are_shown_as_such(tmp_path, written):
    run = Run(tmp_path, {"t": settings_of(["perplexity"], "loglikelihood")})
    run.add("a", "t", "perplexity", [[-2000.0, 1.0], [-1.0, 1.0]])
    folder = written(run)
    assert r"$\infty$" in (folder / "main.tex").read_text()
    assert "∞" in (folder / "main.md").read_text()


def test_a_run_without_scores(tmp_path, written):
    folder = written(Run(tmp_path, {"t": settings_of(["acc"])}))
    assert (folder / "main.md").read_text() == "No scores.\n"
    assert (folder / "comparisons.md").read_text() == "No rows.\n"


def test_figures_are_exported_where_there_are_some(tmp_path, written):
    row = {
        "model": "a",
        "benchmark": "e",
        "task": "x_1",
        "filter": "none",
        "metric": "acc",
        "target": 80.0,
        "percent": True,
        "tolerance": 0.5,
    }
    row |= {
        "target_n": 50,
        "value": 80.0,
        "delta": 0.0,
        "ci_low": 67.0,
        "ci_high": 88.0,
        "n": 50,
        "status": "regenerated",
    }
    folder = written(
        three_models(tmp_path), [row | {"reason": "within 0.5", "source": "p. 3 & 4", "note": None}]
    )
    assert "| a     | e         | x_1  |" in (folder / "targets.md").read_text()
    assert r"p. 3 \& 4" in (folder / "targets.tex").read_text()
    assert "note" not in (folder / "targets.md").read_text()


def test_the_same_run_gives_the_same_bytes(tmp_path, written):
    first = {path.name: path.read_bytes() for path in written(three_models(tmp_path)).iterdir()}
    assert {
        path.name: path.read_bytes() for path in written(three_models(tmp_path)).iterdir()
    } == first

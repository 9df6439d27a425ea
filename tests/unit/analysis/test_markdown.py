"""The table of scores as Markdown."""

from builders.score_files import Run, answers, group, request, settings_of

from snakeval.analysis import markdown
from snakeval.files import parquet
from snakeval.schemas.run import SCORE_TABLE


def test_summary_lines_up_and_shows_the_top(tmp_path):
    tasks = {"x": settings_of(["acc", "acc_norm"]), "y|z": settings_of(["acc"])}
    run = Run(tmp_path, tasks, [group("g", ["x"])], models=["a", "longer_name"])
    run.choices = [request("x", i, choices=4, gold=[0]) for i in range(40)]
    for metric in ("acc", "acc_norm"):
        run.add("a", "x", metric, answers(11, 40))
        run.add("longer_name", "x", metric, answers(39, 40))
    run.add("a", "y|z", "acc", [1.0])
    run.add("longer_name", "y|z", "acc", [1.0])
    run.build()
    text = markdown.leaderboard(parquet.read(tmp_path / "scores.parquet", SCORE_TABLE))
    table, note = text.split("\n\n")
    lines = table.splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines) == 2 + 4
    cells = [[cell.strip() for cell in line[2:-2].split(" | ")] for line in lines]
    assert cells[2] == ["e: g", "acc ↑", "40", "longer_name", "0.9750", "0.8712 – 0.9956", "1"]
    assert cells[3][2:] == ["40", "a", "0.2750 †", "0.1611 – 0.4283", "2"]
    assert "y\\|z" in lines[4]
    assert lines[4].endswith("1–2 |")
    assert "†" in note


def test_summary_of_nothing():
    assert markdown.leaderboard(SCORE_TABLE.empty_table()) == "No scores.\n"

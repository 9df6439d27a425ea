"""What surrounds the page: Snakemake's report, the graph of rules, the title, and earlier runs."""

import re
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import pytest
import yaml
from builders.project import SMALL

from snakeval.planning import plan

OUTPUTS = {"source": "recorded:answers/{task}.jsonl", "answers": {"answer": "text"}}
ASKED = SMALL["models"]


@pytest.mark.parametrize(
    "models",
    [ASKED, {"written": OUTPUTS}, ASKED | {"written": OUTPUTS}],
    ids=["calls", "recorded", "both"],
)
def test_the_graph_of_rules_is_that_of_the_workflow(unstarted, monkeypatch, models):
    (unstarted.folder / "answers").mkdir()
    (unstarted.folder / "answers" / "arithmetic.jsonl").write_text('{"text": "1"}\n')
    unstarted.configure(models=models, tasks=["arithmetic"])
    drawn = unstarted.snakemake("--rulegraph").stdout
    names = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)"', drawn, re.MULTILINE))
    edges = {
        (names[a], names[b]) for a, b in re.findall(r"^\s*(\d+) -> (\d+)$", drawn, re.MULTILINE)
    }
    monkeypatch.chdir(unstarted.folder)
    file = "config/config.yaml"
    config = yaml.safe_load(Path(file).read_text())
    edges_shown = plan.make(config, [file], unstarted.folder).rule_graph()
    assert len(edges_shown) == len(set(edges_shown))
    assert set(edges_shown) == {edge for edge in edges if edge[1] != "all"}


def test_snakemakes_own_report_holds_the_page_and_the_summary(project):
    project.snakemake("--report", "report.zip")
    with zipfile.ZipFile(project.folder / "report.zip") as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    page = (project.results / "report" / "index.html").read_bytes()
    assert page in held.values()
    assert (project.results / "tables" / "summary.md").read_bytes() in held.values()
    report = b"".join(
        content
        for name, content in held.items()
        if name.endswith((".html", ".js", ".json")) and content != page
    ).decode()
    for caption in (
        "Every number in them has an interval",
        "which model is better and by how much",
        "what was found wrong with documents",
    ):
        assert caption.lower() in " ".join(report.split()).lower(), caption
    for category in ("Scores", "Checks"):
        assert category in report


def test_title_and_earlier_runs_are_shown(project):
    for name in ("first", "second"):
        shutil.copytree(project.results, project.folder / "runs" / name / "results")
    project.configure(
        title="Ours <b>& theirs", history=["runs/first/results", "runs/second/results"]
    )
    assert project.run() == Counter(["report"])
    page = (project.results / "report" / "index.html").read_text(encoding="utf-8")
    assert "<title>Ours &lt;b&gt;&amp; theirs · snakeval</title>" in page
    assert "0 regressions and 0 improvements" in page
    assert (
        "first/results" in page and "second/results" in page and "runs/first/results: " not in page
    )
    assert project.planned() == Counter()
    (project.folder / "runs" / "second" / "results" / "tables" / "scores.parquet").write_bytes(
        b"made again"
    )
    assert project.planned() == Counter(["report"])


@pytest.mark.parametrize(
    ("folder", "message"),
    [("nowhere", "holds no tables/scores.parquet"), ("./results", "is the folder of this run")],
)
def test_a_history_that_cannot_be_shown_stops_at_once(project, folder, message):
    project.configure(history=[folder])
    done = project.snakemake("--dry-run", check=False)
    assert done.returncode == 1
    assert re.search(rf"history: (\./)?{Path(folder)}: {message}", done.stdout + done.stderr)


def test_title_and_history_are_in_the_settings_of_the_report_alone(unstarted):
    unstarted.configure(title="Another")
    unstarted.snakemake("--dry-run")
    settings = unstarted.results / "settings"
    holding = [file for file in settings.rglob("*.json") if "Another" in file.read_text()]
    assert sorted(str(file.relative_to(settings)) for file in holding) == [
        "bundle.json",
        "report.json",
    ]
    report = yaml.safe_load((settings / "report.json").read_text())
    assert report["settings"]["history"] == []

"""Views are found by listing their folder: adding one touches one folder only."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from builders import report_run

from snakeval.files.code_digest import LIBRARY, code_digest
from snakeval.report.views import registry

ADDED = {
    "view.py": """
from snakeval.report.view import Run, View

def content(run: Run, *, targets) -> dict | None:
    return {"title": run.settings.title, "file": targets.name} if len(run.models) > 1 else None

def write(run: Run, folder, *, targets) -> None:
    (folder / "more").mkdir(parents=True)
    (folder / "more" / "0.js").write_text("later()")

VIEW = View("Battles", "Arena", 200, content, reads=("targets",), write=write)
""",
    "view.j2": '<h1 id="h-{{ view }}">Who wins</h1>\n<p>{{ title }}, {{ file }}</p>\n',
    "view.js": "const chosen = 'of battles';\nshows.set('battles', { show: () => chosen });\n",
    "view.css": ".battle { color: red }\n",
}


@pytest.fixture
def library(tmp_path) -> Path:
    """A copy of the library, to add to."""
    copy = tmp_path / "workflow" / "snakeval"
    shutil.copytree(LIBRARY, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def _add(library: Path, name: str, files: dict[str, str]) -> None:
    folder = library / "report" / "views" / name
    folder.mkdir()
    for file, content in files.items():
        (folder / file).write_text(content, encoding="utf-8")


def _page_by(library: Path, run: Path, models: int) -> str:
    """The page that a copy of the library writes of a synthetic run."""
    script = (
        "import sys; from pathlib import Path; from builders import report_run; import snakeval\n"
        "folder = Path(sys.argv[1]); assert snakeval.__file__.startswith(sys.argv[3])\n"
        "settings = report_run.make(folder, models=int(sys.argv[2]), tasks=1, documents=4)\n"
        "report_run.write(folder, settings)\n"
    )
    paths = [str(library.parent), str(Path(report_run.__file__).parents[1])]
    subprocess.run(
        [sys.executable, "-c", script, run, str(models), library],
        env={"PYTHONPATH": ":".join(paths), "PATH": ""},
        check=True,
    )
    return (run / "report/index.html").read_text(encoding="utf-8")


def test_views_are_in_the_order_of_their_groups_and_places():
    assert list(registry.VIEWS) == [
        *("overview", "tasks", "compare", "samples", "published", "history"),
        *("health", "quality"),
        *("cost", "provenance"),
    ]
    groups = [view.group for view in registry.VIEWS.values()]
    assert list(dict.fromkeys(groups)) == ["Results", "Checks", "Run"]


def test_the_navigation_is_grouped_and_leaves_out_views_without_content(tmp_path):
    settings = report_run.make(tmp_path, models=1, tasks=1, documents=4)
    page = report_run.write(tmp_path, settings).read_text(encoding="utf-8")
    navigation = re.search(r"<nav aria-label=\"Views\">(.*?)</nav>", page, re.S)[1]
    groups = re.findall(r'<div role="group" aria-label="(\w+)">(.*?)</div>', navigation, re.S)
    assert {name: re.findall('href="#([^"]+)"', links) for name, links in groups} == {
        "Results": ["overview", "tasks", "samples", "published"],
        "Checks": ["health", "quality"],
        "Run": ["cost", "provenance"],
    }
    assert re.findall('<section id="([^"]+)"', page) == re.findall('href="#(\\w+)"', navigation)
    assert "startCompare" not in page  # nor its script


def test_a_view_is_added_by_a_folder(library, tmp_path):
    before = code_digest(["snakeval.report.page"], library=library)
    _add(library, "battles", ADDED)
    page = _page_by(library, tmp_path / "run", models=2)
    assert '<section id="battles" class="view" aria-labelledby="h-battles">' in page
    assert "<p>A synthetic run, targets.parquet</p>" in page
    assert re.search(r'aria-label="Arena">.*?<a href="#battles">Battles</a>', page, re.S)
    assert "{\nconst chosen = 'of battles';" in page and ".battle { color: red }" in page
    assert (tmp_path / "run/report/battles/more/0.js").read_text() == "later()"
    alone = _page_by(library, tmp_path / "alone", models=1)
    assert "battles" not in alone and not (tmp_path / "alone/report/battles").exists()
    assert code_digest(["snakeval.report.page"], library=library) != before


@pytest.mark.parametrize("file", ADDED)
def test_every_file_of_a_view_counts_in_the_digest_of_the_report(library, file):
    _add(library, "battles", ADDED)
    before = code_digest(["snakeval.report.page"], library=library)
    path = library / "report/views/battles" / file
    added = {"view.py": "x = 1\n"}.get(file, "\n")
    path.write_text(path.read_text(encoding="utf-8") + added, encoding="utf-8")
    assert code_digest(["snakeval.report.page"], library=library) != before


def test_the_digests_of_other_stages_do_not_depend_on_views(library):
    before = code_digest(["snakeval.analysis.leaderboard"], library=library)
    _add(library, "battles", ADDED)
    assert code_digest(["snakeval.analysis.leaderboard"], library=library) == before


def test_the_package_holds_every_file_of_the_report(repository):
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["snakeval"]
    held = {file for pattern in patterns for file in LIBRARY.glob(pattern)}
    files = {
        file
        for file in (LIBRARY / "report").rglob("*")
        if file.is_file() and file.suffix not in (".py", ".pyc")
    }
    assert files and files <= held

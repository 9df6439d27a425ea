"""The commands of the tutorial and the how-to pages work, each page in a new clone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders.pages import blocks, missing_in
from builders.project import REPOSITORY

PAGES = sorted(
    page
    for shelf in ("tutorial", "how-to")
    for page in (REPOSITORY / "docs" / shelf).glob("*.md")
    if any(block.language == "console" and not block.not_run for block in blocks(page))
)
FINISHED = "<!-- starts from: a finished run -->"


@pytest.fixture
def clone(request):
    """The folder in which a page is followed: a finished run where the page says so."""
    page: Path = request.param
    fixture = "project" if FINISHED in page.read_text(encoding="utf-8") else "unstarted"
    return page, request.getfixturevalue(fixture)


@pytest.mark.parametrize("clone", PAGES, indirect=True, ids=[page.stem for page in PAGES])
def test_the_commands_of_a_page_work(clone):
    page, project = clone
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for block in blocks(page):
        if block.title:
            file = project.folder / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
        elif block.language == "console" and not block.not_run:
            done = subprocess.run(
                ["bash", "-euc", "\n".join(block.commands)],
                cwd=project.folder,
                env=project.environment(PATH=path),
                capture_output=True,
                text=True,
            )
            output = done.stdout + done.stderr
            assert done.returncode == 0, f"{block.text}\n{output}"
            assert not missing_in(output, block.printed), f"{block.text}\n{output}"


def test_pages_with_commands_are_found():
    assert {"own-model", "write-a-task", "add-a-metric", "gate-in-ci"} <= {p.stem for p in PAGES}

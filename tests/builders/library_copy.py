"""A copy of the library to add files to, and a way to run Python with it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from builders.project import REPOSITORY
from snakeval.files.code_digest import code_digest
from snakeval.jobs.stage import Stage


def copy_library(folder: Path) -> Path:
    """Copy the library and the scripts to `folder`. Returns the folder of the package."""
    for part in ("snakeval", "scripts"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / "workflow" / part, folder / part, ignore=ignored)
    return folder / "snakeval"


def digest(stage: Stage, library: Path) -> str:
    """The digest of a stage's code in a copy of the library."""
    return code_digest([f"scripts/{stage.name}.py", *stage.code], stage.left_out, library)


def run(library: Path, code: str) -> Any:
    """The JSON that `code` prints, run in a process that imports the library of the copy."""
    environment = os.environ | {"PYTHONPATH": str(library.parent)}
    child = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=library.parent, capture_output=True
    )
    assert child.returncode == 0, child.stderr.decode()
    return json.loads(child.stdout)

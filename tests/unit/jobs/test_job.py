"""A job's settings stay what its output was made from."""

import os
import subprocess
import sys

import pytest

from snakeval.files.code_digest import LIBRARY

READ = """import sys
from dataclasses import dataclass
from pathlib import Path
from snakeval.jobs import job

@dataclass
class Settings:
    limit: int

started = job.start(*sys.argv[1:], Settings)
"""
WRITTEN = '{"code": "c", "settings": {"limit": 8}}'
# What another start of Snakemake does while the job runs.
OTHER = "Path(sys.argv[2]).write_text('{\"limit\": 9}')"


def run(tmp_path, code):
    """Run a job that reads {"limit": 8}; the file of its settings afterwards, whose time was 0."""
    settings = tmp_path / "settings.json"
    settings.write_text(WRITTEN)
    os.utime(settings, (0, 0))
    environment = os.environ | {"PYTHONPATH": str(LIBRARY.parent)}
    subprocess.run(
        [sys.executable, "-c", READ + code, tmp_path / "log", settings],
        env=environment,
        check=False,
    )
    return settings


@pytest.mark.parametrize("end", ["", "; sys.exit(1)", "; raise ValueError"])
def test_settings_that_changed_while_a_job_ran_are_put_back(tmp_path, end):
    settings = run(
        tmp_path, f"assert (started.settings, started.code) == (Settings(8), 'c'); {OTHER}{end}"
    )
    assert settings.read_text() == WRITTEN
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log", "settings.json"]


def test_settings_that_did_not_change_are_left_alone(tmp_path):
    assert run(tmp_path, "pass").stat().st_mtime == 0


def test_settings_that_are_gone_stay_gone(tmp_path):
    assert not run(tmp_path, "Path(sys.argv[2]).unlink()").exists()
    assert (tmp_path / "log").read_text() == ""

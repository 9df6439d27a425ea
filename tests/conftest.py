"""Shared by all tests."""

import os
from pathlib import Path

import pytest
from builders.project import REPOSITORY, Project, copy, fresh_clone

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder of this repository; tests change copies only."""
    return REPOSITORY


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Public data sets in the folder SNAKEVAL_DATA; licences keep them out of the repository."""
    if "SNAKEVAL_DATA" not in os.environ:
        pytest.skip("SNAKEVAL_DATA names no folder of real data sets")
    return Path(os.environ["SNAKEVAL_DATA"])


@pytest.fixture(scope="session")
def fresh(tmp_path_factory) -> Project:
    """The repository's parts with a small configuration, never run; do not change it."""
    return fresh_clone(tmp_path_factory.mktemp("workflow") / "a fresh clone")


@pytest.fixture(scope="session")
def finished(fresh, tmp_path_factory) -> Project:
    """The same, run to the end; do not change it."""
    project = copy(fresh.folder, tmp_path_factory.mktemp("finished") / "project")
    project.snakemake(cores=2)
    return project


@pytest.fixture
def project(finished, tmp_path) -> Project:
    """A finished run to change."""
    return copy(finished.folder, tmp_path / "project")


@pytest.fixture
def unstarted(fresh, tmp_path) -> Project:
    """A clone to run from the start."""
    return copy(fresh.folder, tmp_path / "project")

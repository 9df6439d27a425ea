"""A run whose model comes from a hub.

A fault of the hub is reported, the next run recovers, and no file holds a secret.
"""

import re
import shutil
from pathlib import Path

import pytest
from builders.fake_hub import FakeHub
from builders.project import REPOSITORY
from pyarrow import parquet as pq

TOKEN = "hf_plantedQ7secretZ9"
SECRETS = {
    "HF_TOKEN": TOKEN,
    "AWS_SECRET_ACCESS_KEY": "planted-aws-secret",
    "OPENAI_API_KEY": "sk-planted-secret",
    "MODELSCOPE_API_TOKEN": "planted-ms",
}
MODEL = "results/models/tiny.parquet"


@pytest.fixture
def repositories(repository, tmp_path):
    """The hub's content: the demo's model."""
    shutil.copytree(repository / "resources/demo/tiny", tmp_path / "hub/models/org/tiny")
    return tmp_path / "hub"


def run(project, folder, *arguments, fault=None, check=True):
    """A run against a hub with a fault; its output.

    The hub's cache is in the project, so that it is searched for secrets too.
    """
    with FakeHub(folder, fault) as hub:
        places = {
            "HF_ENDPOINT": hub.endpoint,
            "HF_HOME": str(project.folder / "hub_cache"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        project.environment = lambda **changes: type(project).environment(
            project, **SECRETS | places | changes
        )
        done = project.snakemake(*arguments, check=check, cores=2)
        assert any(token == f"Bearer {TOKEN}" for _, _, token in hub.requests) or not hub.requests
    return done.stdout + done.stderr


def secrets_in(folder: Path) -> list[str]:
    """Files under a folder, also hidden ones, whose bytes or tables hold a planted secret."""
    found = []
    ours = ("workflow", "config", "resources")
    for file in folder.rglob("*"):
        if file.is_file() and file.parts[len(folder.parts)] not in ours:
            text = file.read_bytes()
            if file.suffix == ".parquet":
                text += str(pq.read_table(file, partitioning=None).to_pylist()).encode()
            found += [str(file) for secret in SECRETS.values() if secret.encode() in text]
    return found


CONFIG = (REPOSITORY / "resources/demo/tiny/generation_config.json").read_bytes()
FAULTS = {
    "too many requests": (lambda verb, path, count: (429, {"Retry-After": "0"}, b""), "HTTP 429"),
    "wrong content": (
        lambda verb, path, count: (
            (200, {}, CONFIG[::-1])
            if path.endswith("/generation_config.json") and verb == "GET"
            else None
        ),
        "generation_config.json has other content than the hub names",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_hub_is_reported_and_repaired_by_the_next_run(unstarted, repositories, name):
    fault, message = FAULTS[name]
    unstarted.configure(models={"tiny": {"source": "hf:org/tiny", "dtype": "float32"}})
    output = run(unstarted, repositories, MODEL, fault=fault, check=False)
    reported = rf"^error: models\.tiny\.source: .*{re.escape(message)}"
    assert re.search(reported, output, re.MULTILINE), output
    assert not (unstarted.folder / MODEL).exists()
    run(unstarted, repositories, MODEL)
    sums = {
        row["file"]: row["sha256"] for row in pq.read_table(unstarted.folder / MODEL).to_pylist()
    }
    assert len(sums) == len(list((repositories / "models/org/tiny").iterdir()))
    assert not secrets_in(unstarted.folder)
    assert not any(secret in output for secret in SECRETS.values())


def test_a_whole_run_leaves_no_secret(finished, unstarted, repositories):
    unstarted.configure(models={"tiny": {"source": "hf:org/tiny", "dtype": "float32"}})
    output = run(unstarted, repositories)
    assert not any(secret in output for secret in SECRETS.values())
    assert not secrets_in(unstarted.folder)
    assert unstarted.tables() == finished.tables()
    (unstarted.results / "planted.txt").write_text(f"Bearer {TOKEN}")
    assert secrets_in(unstarted.folder)  # the search itself finds what is there

"""A folder in which Snakemake runs as a user would run it, and its results."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import yaml
from pyarrow import parquet as pq

REPOSITORY = Path(__file__).parents[2]
PARTS = ("Snakefile", "workflow", "profiles", "config", "envs", "resources")
# Tables that depend on the machine, and on how a run is split into jobs.
MACHINE = ("efficiency", "forecast", "preflight")
SMALL = {
    "limit": 8,
    "models": {"tiny": {"source": "demo:tiny", "dtype": "float32"}},
    "tasks": ["boolean_expressions", "arithmetic", "stories"],
}


class Project:
    """A folder in which Snakemake runs, and its results."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.results = folder / "results"

    def snakemake(
        self, *arguments: str, check: bool = True, cores: int = 1
    ) -> subprocess.CompletedProcess:
        """Run Snakemake as a user would; with `check`, fail with its output unless it succeeds."""
        done = subprocess.run(
            self.command(*arguments, cores=cores),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def command(self, *arguments: str, cores: int = 1) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", str(cores), *arguments]

    def environment(self, **changes: str) -> dict[str, str]:
        """Without pytest's changes, so that the copy's own library runs."""
        left_out = ("PYTHONPATH", "SNAKEMAKE_PROFILE")
        kept = {key: value for key, value in os.environ.items() if key not in left_out}
        return kept | changes

    def planned(self) -> Counter:
        """Jobs that a run would start now, as `rule` or `rule wildcard`."""
        done = self.snakemake("--dry-run")
        return jobs_in(done.stdout + done.stderr)

    def run(self) -> Counter:
        """Run; the jobs that ran."""
        done = self.snakemake()
        return jobs_in(done.stdout + done.stderr)

    def configure(self, **changes) -> None:
        """Change top-level keys of the configuration."""
        path = self.folder / "config" / "config.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes, sort_keys=False))

    def answers(self) -> int:
        """Outputs of models: rows of the store."""
        parts = self.results.glob("store/*/*.parquet")
        return sum(pq.read_metadata(part).num_rows for part in parts)

    def tables(self) -> dict[str, bytes]:
        """Every table whose bytes may not depend on when, where or how often something ran."""
        stages = ("requests", "tokens", "responses", "scores", "tables")
        found = [file for stage in stages for file in (self.results / stage).rglob("[!.]*")]
        return {
            str(file.relative_to(self.results)): file.read_bytes()
            for file in found
            if file.is_file() and file.stem not in MACHINE
        }


def jobs_in(log: str) -> Counter:
    """Rules with their first wildcards, from the messages that Snakemake shows when jobs start."""
    jobs: Counter = Counter()
    for message in re.findall(r"^Job \d+: (.*)$", log, re.MULTILINE):
        matches = {rule: pattern.fullmatch(message) for rule, pattern in _messages().items()}
        found = {rule: match for rule, match in matches.items() if match}
        assert len(found) == 1, message
        for rule, match in found.items():
            jobs[" ".join([rule, *match.groups()[:1]])] += 1
    return jobs


@cache
def _messages() -> dict[str, re.Pattern]:
    """Rule -> the pattern of its message, with the wildcards as groups."""
    files = sorted((REPOSITORY / "workflow" / "rules").glob("*.smk"))
    rules = "".join(file.read_text() for file in files)
    message = r"^rule (\w+):$(?:(?!^rule ).)*?^    message:\n        \"(.*?)\"$"
    messages = re.findall(message, rules, re.MULTILINE | re.DOTALL)
    return {
        rule: re.compile(re.sub(r"\\{wildcards\\.\w+\\}", r"(\\S+?)", re.escape(text)))
        for rule, text in messages
    }


def copy(source: Path, target: Path) -> Project:
    shutil.copytree(source, target, symlinks=True)  # keeps times, as `cp -a` does
    return Project(target)


def fresh_clone(folder: Path, **configuration) -> Project:
    """The repository's parts in a new folder, with the small configuration or changes of it."""
    left_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for part in PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=left_out)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / part)
    text = yaml.safe_dump(SMALL | configuration, sort_keys=False)
    (folder / "config" / "config.yaml").write_text(text)
    return Project(folder)

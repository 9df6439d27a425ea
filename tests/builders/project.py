"""A folder in which Snakemake runs as a user would run it, and what is found there."""

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
MACHINE = (
    "efficiency",
    "forecast",
    "preflight",
)  # tables that tell of the machine and of how a run is laid out
SMALL = {
    "limit": 8,
    "models": {"tiny": {"source": "demo:tiny", "dtype": "float32"}},
    "tasks": ["boolean_expressions", "arithmetic", "stories"],
}


class Project:
    """A folder in which Snakemake runs, and what happened there."""

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
        """Without what pytest put there: the copy's own library must be the one that runs."""
        return {
            key: value
            for key, value in os.environ.items()
            if key not in ("PYTHONPATH", "SNAKEMAKE_PROFILE")
        } | changes

    def planned(self) -> Counter:
        """Jobs that a run would start now, as `rule` or `rule wildcard`."""
        done = self.snakemake("--dry-run")
        return jobs_in(done.stdout + done.stderr)

    def run(self) -> Counter:
        """Run, and tell which jobs ran."""
        done = self.snakemake()
        return jobs_in(done.stdout + done.stderr)

    def configure(self, **changes) -> None:
        """Change top-level keys of the configuration."""
        path = self.folder / "config" / "config.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes, sort_keys=False))

    def answers(self) -> int:
        """Answers that a model has given: rows of the response store."""
        return sum(
            pq.read_metadata(part).num_rows for part in self.results.glob("store/*/*.parquet")
        )

    def tables(self) -> dict[str, bytes]:
        """Every table whose bytes may not depend on when, where or how often something ran."""
        stages = ("requests", "tokens", "responses", "scores", "tables")
        files = [
            file
            for stage in stages
            for file in (self.results / stage).rglob("[!.]*")
            if file.is_file()
        ]
        return {
            str(file.relative_to(self.results)): file.read_bytes()
            for file in files
            if file.stem not in MACHINE
        }


def jobs_in(log: str) -> Counter:
    """Rules with their first wildcards, from the messages that Snakemake shows when jobs start."""
    jobs: Counter = Counter()
    for message in re.findall(r"^Job \d+: (.*)$", log, re.MULTILINE):
        found = [
            (rule, match)
            for rule, pattern in _messages().items()
            if (match := pattern.fullmatch(message))
        ]
        assert len(found) == 1, message
        rule, match = found[0]
        jobs[" ".join([rule, *match.groups()[:1]])] += 1
    return jobs


@cache
def _messages() -> dict[str, re.Pattern]:
    """Rule -> what its message looks like, the wildcards as groups."""
    rules = "".join(
        file.read_text() for file in sorted((REPOSITORY / "workflow" / "rules").glob("*.smk"))
    )
    messages = re.findall(
        r"^rule (\w+):$(?:(?!^rule ).)*?^    message:\n        \"(.*?)\"$",
        rules,
        re.MULTILINE | re.DOTALL,
    )
    return {
        rule: re.compile(re.sub(r"\\{wildcards\\.\w+\\}", r"(\\S+?)", re.escape(text)))
        for rule, text in messages
    }


def copy(source: Path, target: Path) -> Project:
    shutil.copytree(source, target, symlinks=True)  # keeps times, as `cp -a` does
    return Project(target)


def fresh_clone(folder: Path, **configuration) -> Project:
    """The repository's parts in a new folder, never run, with the small configuration or changes of it."""
    for part in PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(
                source, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / part)
    (folder / "config" / "config.yaml").write_text(
        yaml.safe_dump(SMALL | configuration, sort_keys=False)
    )
    return Project(folder)

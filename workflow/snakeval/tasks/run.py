"""The run as the stages see it: the configuration together with the tasks that it names."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from snakeval.config.run import Config
from snakeval.tasks.resolution import ResolvedBenchmark


@dataclass(frozen=True, eq=False)
class ResolvedRun:
    """A checked configuration with its benchmarks resolved. Stages make their settings from it."""

    config: Config
    benchmarks: Mapping[str, ResolvedBenchmark]
    """The benchmarks by their id in the configuration."""
    task_folders: Mapping[str, str]
    """An item of `task_paths` -> the folder it names."""
    root: Path
    """The folder of the repository."""
    where: str
    """The configuration's file, for messages."""

"""The declaration of a stage: what its jobs' results depend on, besides the data they read.

Each room that a rule calls has a `stage.py`; its STAGES are found by listing the rooms. The
Snakefile reads these files at every start, so they import nothing heavy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

ONLY = ""
"""Name of the job of a stage that has one job."""


@dataclass(frozen=True)
class Stage:
    """A stage: one rule, one script `scripts/{name}.py`, one folder of settings `settings/{name}`.

    `jobs` gives, for a resolved run (`snakeval.tasks.run.ResolvedRun`), the settings of each job by
    name: instances of `settings`, a frozen dataclass of what JSON can hold. A change of a job's
    settings, of the code or of a package's version makes the job run again; nothing else here does.
    """

    name: str
    settings: type
    jobs: Callable[[Any], Mapping[str, Any]]
    code: tuple[str, ...]
    """Modules whose code counts, with all they import; the stage's script counts as well."""
    looks: tuple[str, ...] = ()
    """Modules that look at the files without changing them: the job runs again, files are kept."""
    left_out: tuple[str, ...] = ()
    """Modules whose changes cannot change what the jobs write, with what only they import."""
    packages: tuple[str, ...] = ()
    """Installed packages whose versions count."""
    reads: tuple[str, ...] = ()
    """Stages whose results the jobs read: the edges of the rule graph."""

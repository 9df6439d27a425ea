"""The settings that turn a task's outputs into scores."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ScoringSettings:
    """What scoring needs to know of a task; `Task.scoring_settings` fills it in.

    All values are plain data, which JSON can hold.
    """

    task: str
    output_type: str
    metric_list: list[dict[str, Any]]
    task_alias: str | None = None
    filter_list: list[dict[str, Any]] | None = None
    process_results: dict[str, Any] | None = None
    """A `!function`: the task scores by Python of its own."""
    repeats: int = 1
    num_fewshot: int = 0
    version: str | None = None
    unsafe_code: bool = False
    """The outputs are programs, which scoring runs."""
    primary_metric: str | None = None
    chance: float | None = None
    extensions: list[dict[str, str]] = field(default_factory=list)
    """Python files of the user (`snakeval.files.extensions`): `file` and `digest` (sha256, hex)."""
    signatures: dict[str, str] = field(default_factory=dict)
    """Signatures of the local files that metrics read; only their change matters."""

"""Section `tasks`: what models are asked."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from snakeval.config.types import Name, Section, Whole, plain_values


class Benchmark(Section):
    """A task, group or tag to run, and what is changed about it."""

    name: str
    """Task, group or tag found in `task_paths`."""
    id: Name | None = None
    """Name of this benchmark in files and tables; null: the name. Needed when one task stands twice."""
    num_fewshot: Annotated[Whole, Field(ge=0)] | None = None
    """Examples in the prompt; null: as the task file says."""
    limit: Annotated[Whole, Field(ge=1)] | None = None
    """Documents per leaf task; null: the run's limit."""
    overrides: Annotated[dict[str, Any], AfterValidator(plain_values)] = {}
    """Keys of the task file to replace."""

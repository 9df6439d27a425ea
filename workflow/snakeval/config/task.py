"""Section `tasks`: what models are asked."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from snakeval.config.types import IDENTITY, SELECTS, Name, Section, Whole, plain_values


class Benchmark(Section):
    """A task, group or tag to run, and what is changed about it."""

    name: Annotated[str, IDENTITY]
    """Task, group or tag found in `task_paths`."""
    id: Annotated[Name | None, SELECTS] = None
    """Name in files and tables. null: `name`. Needed when one name occurs twice."""
    num_fewshot: Annotated[Whole | None, Field(ge=0), IDENTITY] = None
    """Examples in the prompt. null: as the task file says."""
    limit: Annotated[Whole | None, Field(ge=1), SELECTS] = None
    """Documents per leaf task. null: the run's limit."""
    overrides: Annotated[dict[str, Any], AfterValidator(plain_values), IDENTITY] = {}
    """Keys of the task file to replace. What they decide depends on the key."""

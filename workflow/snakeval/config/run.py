"""The configuration as a whole, and the keys of the run."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from snakeval.config.dataset import DataSource
from snakeval.config.model import Model
from snakeval.config.task import Benchmark
from snakeval.config.types import (
    IDENTITY,
    RUNS,
    SELECTS,
    Folder,
    Located,
    Name,
    Number,
    Place,
    Section,
    Whole,
)


class Gate(Section):
    """When a model counts as worse than the baseline: `snakemake gate`."""

    margin: Annotated[dict[str, Annotated[Number, Field(ge=0)]], SELECTS] = {}
    """Largest acceptable loss, by task or group, in the score's unit. `default`: 0.02.

    For perplexities the unit is that of the logarithm."""
    alpha: Annotated[Number, Field(gt=0, lt=0.5), SELECTS] = 0.05
    """Chance of passing a model that lost as much as the margin."""
    undecided: Annotated[Literal["fail", "pass"], SELECTS] = "fail"
    """Verdict on a task with too few documents to exclude a loss of the margin."""


class Power(Section):
    """What the number of documents can show: `snakemake power`."""

    differences: Annotated[list[Annotated[Number, Field(gt=0)]], Field(min_length=1), SELECTS] = [
        0.01,
        0.02,
        0.05,
    ]
    """Differences between two models to find, in the score's unit."""
    power: Annotated[Number, Field(gt=0.5, lt=1), SELECTS] = 0.8
    """Chance to find a difference that exists."""
    alpha: Annotated[Number, Field(gt=0, lt=0.5), SELECTS] = 0.05
    """Chance to find one that does not exist, two-sided, of a single comparison."""


def _benchmark(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _source(value: object) -> object:
    return {"source": value} if isinstance(value, str) else value


class Config(Section):
    """A run: models, tasks and where results go."""

    results: Annotated[Folder, RUNS] = "results"
    """Folder of everything the run writes."""
    title: Annotated[str, SELECTS] = "Evaluation"
    """Heading of the report."""
    seed: Annotated[Whole, Field(ge=-(2**63), lt=2**63), IDENTITY] = 1234
    """Seed of few-shot examples, sampling and resampling."""
    limit: Annotated[Whole | None, Field(ge=1), SELECTS] = None
    """Documents per leaf task. null: all."""
    models: Annotated[dict[Name, Model], Field(min_length=1), IDENTITY]
    """The models by name."""
    tasks: Annotated[
        list[Annotated[Benchmark, BeforeValidator(_benchmark)]], Field(min_length=1), IDENTITY
    ]
    """What they are asked: names, or mappings with name and changes."""
    task_paths: Annotated[list[Located], IDENTITY] = ["config/tasks"]
    """Folders of task files. `lm_eval` is the files of the installed lm-evaluation-harness."""
    datasets: Annotated[dict[str, Annotated[DataSource, BeforeValidator(_source)]], IDENTITY] = {}
    """Where to read a task's dataset_path from, instead of the hub."""
    extensions: Annotated[list[Located], SELECTS] = []
    """Python files that define metrics of your own, which task files may name.

    A changed file scores again. Changes of what it imports are not noticed."""
    allow_functions: Annotated[bool, IDENTITY] = False
    """Import the Python that task files name, with !function or as a generator's file.

    Only for authors you trust."""
    allow_code: Annotated[Literal[False, "sandbox", "weak"], SELECTS] = False
    """Run programs that models write: in a sandbox, or (weak) as your user with limits alone.

    Tasks with unsafe_code need it."""
    targets: Annotated[Located | None, SELECTS] = None
    """File of published figures. Each is compared with ours and reported as regenerated or not."""
    baseline: Annotated[Folder | None, SELECTS] = None
    """What models are compared with: a model of this run, or an earlier run's results folder."""
    history: Annotated[list[Folder], SELECTS] = []
    """Results folders of earlier runs, oldest first. The report shows how scores changed since."""
    gate: Annotated[Gate, SELECTS] = Gate()
    """When `snakemake gate` fails."""
    power: Annotated[Power, SELECTS] = Power()
    """What `snakemake power` computes."""
    publish: Annotated[Place | None, RUNS] = None
    """Where `snakemake publish` puts report, tables and an archive of all results.

    A prefix such as s3://BUCKET/RUN."""

    def benchmarks(self) -> dict[str, Benchmark]:
        """The benchmarks of `tasks` by their id."""
        return {task.id or task.name: task for task in self.tasks}

    def limit_of(self, benchmark: str) -> int | None:
        """Documents per leaf task of a benchmark; None: all."""
        return self.benchmarks()[benchmark].limit or self.limit

"""The configuration as a whole, and the keys of the run."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from snakeval.config.dataset import DataSource
from snakeval.config.model import Model
from snakeval.config.task import Benchmark
from snakeval.config.types import Folder, Located, Name, Number, Place, Section, Whole


class Gate(Section):
    """When a model counts as worse than the baseline: `snakemake gate`."""

    margin: dict[str, Annotated[Number, Field(ge=0)]] = {}
    """Largest loss that is acceptable, by task or group, in the score's unit (perplexities: of the logarithm); `default`: 0.02."""
    alpha: Annotated[Number, Field(gt=0, lt=0.5)] = 0.05
    """Chance of passing a model that lost as much as the margin."""
    undecided: Literal["fail", "pass"] = "fail"
    """What becomes of a task with too few documents to exclude a loss of the margin."""


class Power(Section):
    """What the number of documents can show: `snakemake power`."""

    differences: Annotated[list[Annotated[Number, Field(gt=0)]], Field(min_length=1)] = [
        0.01,
        0.02,
        0.05,
    ]
    """Differences between two models to find, in the score's unit."""
    power: Annotated[Number, Field(gt=0.5, lt=1)] = 0.8
    """Chance to find a difference that is there."""
    alpha: Annotated[Number, Field(gt=0, lt=0.5)] = 0.05
    """Chance to find one that is not, two-sided, of a single comparison."""


def _benchmark(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _source(value: object) -> object:
    return {"source": value} if isinstance(value, str) else value


class Config(Section):
    """A run: models, tasks and where results go."""

    results: Folder = "results"
    """Folder of everything the run writes."""
    title: str = "Evaluation"
    """Heading of the report."""
    seed: Annotated[Whole, Field(ge=-(2**63), lt=2**63)] = 1234
    """Of few-shot examples, sampling and resampling."""
    limit: Annotated[Whole, Field(ge=1)] | None = None
    """Documents per leaf task; null: all."""
    models: Annotated[dict[Name, Model], Field(min_length=1)]
    """The models by name."""
    tasks: Annotated[list[Annotated[Benchmark, BeforeValidator(_benchmark)]], Field(min_length=1)]
    """What they are asked: names, or mappings with name and changes."""
    task_paths: list[Located] = ["config/tasks"]
    """Folders of task files; `lm_eval` stands for the files in the installed lm-evaluation-harness."""
    datasets: dict[str, Annotated[DataSource, BeforeValidator(_source)]] = {}
    """Where to read a task's dataset_path from, instead of the hub."""
    metric_files: list[Located] = []
    """Python files that define metrics of your own, which task files may name. A changed one scores again; what it imports is not seen."""
    allow_functions: bool = False
    """Import the Python that task files name, with !function or as a generator's file. Only for authors you trust."""
    allow_code: Literal[False, "sandbox", "weak"] = False
    """Run programs that models write: in a sandbox, or, weak, as your user with limits alone. Tasks with unsafe_code need it."""
    targets: Located | None = None
    """File of published figures; every one is compared with ours, and told as regenerated or not."""
    baseline: Folder | None = None
    """What all models are held against: a model of this run, or the results folder of an earlier one."""
    history: list[Folder] = []
    """Results folders of earlier runs, oldest first: the report shows how scores moved since, and marks what got worse."""
    gate: Gate = Gate()
    """When `snakemake gate` fails."""
    power: Power = Power()
    """What `snakemake power` tells."""
    publish: Place | None = None
    """Where `snakemake publish` puts report, tables and an archive of all results: a prefix such as s3://BUCKET/RUN."""

    def benchmarks(self) -> dict[str, Benchmark]:
        """The benchmarks of `tasks` by their id."""
        return {task.id or task.name: task for task in self.tasks}

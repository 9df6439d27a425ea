"""Render the documents of a benchmark's tasks."""

from contextlib import nullcontext
from itertools import chain
from pathlib import Path

from snakeval.files import benchmark_files, parquet
from snakeval.files.layout import Layout
from snakeval.jobs import job
from snakeval.metrics import code_eval
from snakeval.requests import build
from snakeval.requests.stage import RequestsSettings
from snakeval.sandbox import execution
from snakeval.schemas.task import REQUESTS
from snakeval.sources.naming import split_id

settings = job.start(snakemake.log[0], snakemake.input.settings, RequestsSettings).settings
layout = Layout(snakemake.params.results)


def documents(task, split):
    """The documents of a split of a task."""
    with benchmark_files.with_remedy(layout.dataset_index(task.dataset)):
        folder = Path(layout.dataset(task.dataset), task.subset)
        return parquet.read(folder / f"{split_id(split)}.parquet")


how = {"limit": settings.limit, "seed": settings.seed, "allow_functions": settings.allow_functions}
leaves = (
    build.tables(task.settings, {split: documents(task, split) for split in task.splits}, **how)
    for task in settings.tasks.values()
)
# Modules of code tasks load the metric `code_eval` at import, and run a program with it.
allowed = settings.allow_code
with code_eval.provided(execution.Runner(allowed)) if allowed else nullcontext():
    parquet.write(chain.from_iterable(leaves), snakemake.output[0], REQUESTS)

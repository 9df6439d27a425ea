"""Render the documents of a benchmark's tasks."""

from contextlib import nullcontext
from itertools import chain
from pathlib import Path

from snakeval.files import benchmark_files, parquet
from snakeval.jobs import job
from snakeval.metrics import code_eval
from snakeval.requests import build
from snakeval.sandbox import execution
from snakeval.schemas.task import REQUESTS
from snakeval.sources.naming import split_id

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
folder = Path(snakemake.params.results)


def documents(task, split):
    """The documents of a split of a task."""
    with benchmark_files.mending(folder / "index" / "datasets" / f"{task['dataset']}.parquet"):
        return parquet.read(
            folder
            / "datasets"
            / task["dataset"]
            / task["subset"]
            / f"{split_id(split)}.parquet"
        )


leaves = (
    build.tables(
        task["settings"],
        {split: documents(task, split) for split in task["splits"]},
        limit=settings["limit"],
        seed=settings["seed"],
        allow_functions=settings["allow_functions"],
    )
    for task in settings["tasks"].values()
)
# modules of code tasks load the metric `code_eval` when they are imported, and run a program with it
with (
    code_eval.provided(execution.Runner(settings["allow_code"]))
    if settings["allow_code"]
    else nullcontext()
):
    parquet.write(chain.from_iterable(leaves), snakemake.output[0], REQUESTS)

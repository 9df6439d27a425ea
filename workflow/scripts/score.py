"""Score one model's responses to every benchmark; files that are still right are kept."""

from pathlib import Path

import pyarrow.compute as pc

from snakeval.files import benchmark_files, parquet
from snakeval.jobs import job
from snakeval.sandbox import execution
from snakeval.schemas.model import RESPONSES, SCORES
from snakeval.schemas.task import REQUESTS
from snakeval.scoring.inputs import REQUEST_COLUMNS, answered
from snakeval.scoring.score import score_task
from snakeval.tasks.scoring_settings import ScoringSettings

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
requests, index, benchmarks = (
    snakemake.input.requests,
    snakemake.input.responses,
    settings["benchmarks"],
)
digests = benchmark_files.digests(index)
runner = (
    execution.Runner(settings["allow_code"], snakemake.threads) if settings["allow_code"] else None
)


def score(benchmark):
    asked = benchmark_files.read(requests, benchmark, REQUESTS, REQUEST_COLUMNS)
    answers = benchmark_files.read(index, benchmark, RESPONSES)
    if (
        snakemake.params.recorded
    ):  # documents without a recorded answer are counted elsewhere, and not scored
        asked = answered(asked, answers)
    for task, how in benchmarks[benchmark].items():
        of_task = pc.field("task") == task
        allowed = {"allow_functions": settings["allow_functions"], "runner": runner}
        scoring = ScoringSettings.from_json(how)
        yield score_task(asked.filter(of_task), answers.filter(of_task), scoring, **allowed)


fingerprints = {
    benchmark: parquet.fingerprint_of(
        settings["code"], benchmarks[benchmark], digest, digests[benchmark]
    )
    for benchmark, digest in benchmark_files.digests(requests).items()
}
folder = Path(snakemake.params.results, "scores", snakemake.wildcards.model)
benchmark_files.refresh(snakemake.output[0], folder, fingerprints, score, SCORES)

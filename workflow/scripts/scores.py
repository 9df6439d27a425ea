"""Score one model's responses to every benchmark; files that are still right are kept."""

from dataclasses import asdict

import pyarrow.compute as pc

from snakeval.files import benchmark_files, parquet
from snakeval.files.layout import Layout
from snakeval.jobs import job
from snakeval.sandbox import execution
from snakeval.schemas.model import RESPONSES, SCORES
from snakeval.schemas.task import REQUESTS
from snakeval.scoring.inputs import REQUEST_COLUMNS, answered
from snakeval.scoring.score import score_task
from snakeval.scoring.stage import ScoresSettings

started = job.start(snakemake.log[0], snakemake.input.settings, ScoresSettings)
settings, requests, index = started.settings, snakemake.input.requests, snakemake.input.responses
runner = execution.Runner(settings.allow_code, snakemake.threads) if settings.allow_code else None
how = {"allow_functions": settings.allow_functions, "runner": runner}


def score(benchmark):
    rows = benchmark_files.read(requests, benchmark, REQUESTS, REQUEST_COLUMNS)
    responses = benchmark_files.read(index, benchmark, RESPONSES)
    if snakemake.params.recorded:  # documents without a recorded answer are counted elsewhere
        rows = answered(rows, responses)
    for task, scoring in settings.benchmarks[benchmark].items():
        of_task = pc.field("task") == task
        yield score_task(rows.filter(of_task), responses.filter(of_task), scoring, **how)


digests, plain = benchmark_files.digests(index), asdict(settings)["benchmarks"]
fingerprints = {
    benchmark: parquet.fingerprint_of(started.code, plain[benchmark], digest, digests[benchmark])
    for benchmark, digest in benchmark_files.digests(requests).items()
}
folder = Layout(snakemake.params.results).of_model("scores", snakemake.wildcards.model)
benchmark_files.refresh(snakemake.output[0], folder, fingerprints, score, SCORES)

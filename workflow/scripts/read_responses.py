"""Match one recorded model's answers to the documents of every benchmark; files that are still right are kept."""

from functools import cache
from pathlib import Path

from snakeval.files import benchmark_files, parquet
from snakeval.inference import recorded
from snakeval.jobs import job
from snakeval.schemas.model import RECORDED, RESPONSES
from snakeval.schemas.task import REQUESTS

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
model, results, output = snakemake.wildcards.model, Path(snakemake.params.results), snakemake.output
requests = snakemake.input.requests
of_model = [settings, parquet.digest(snakemake.input.model)]
fingerprints = {
    benchmark: parquet.fingerprint_of(of_model, digest)
    for benchmark, digest in benchmark_files.digests(requests).items()
}


@cache
def match(benchmark):
    return recorded.responses(
        benchmark_files.read(requests, benchmark, REQUESTS),
        settings,
        model=model,
        benchmark=benchmark,
    )


benchmark_files.refresh(
    output.responses,
    results / "responses" / model,
    fingerprints,
    lambda benchmark: match(benchmark)[0],
    RESPONSES,
)
benchmark_files.refresh(
    output.recorded,
    results / "recorded" / model,
    fingerprints,
    lambda benchmark: match(benchmark)[1],
    RECORDED,
)

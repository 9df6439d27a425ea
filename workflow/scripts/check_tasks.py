"""Look at every benchmark's documents and rehearse their scoring, before a model is asked."""

from snakeval.files import benchmark_files, parquet
from snakeval.jobs import job
from snakeval.preflight import documents, findings, rehearsal
from snakeval.sandbox import execution
from snakeval.schemas.run import PREFLIGHT
from snakeval.schemas.task import REQUESTS
from snakeval.scoring.stage import ScoresSettings

settings = job.start(snakemake.log[0], snakemake.input.settings, ScoresSettings).settings
runner = execution.Runner(settings.allow_code) if settings.allow_code else None
how = {"allow_functions": settings.allow_functions, "runner": runner}


def check(benchmark):
    requests = benchmark_files.read(snakemake.input.requests, benchmark, REQUESTS)
    scoring = settings.benchmarks[benchmark]
    yield from documents.check(requests, benchmark, scoring)
    yield from rehearsal.check(requests, benchmark, scoring, **how)


found = [finding for benchmark in snakemake.params.benchmarks for finding in check(benchmark)]
parquet.write(findings.table(found), snakemake.output[0], PREFLIGHT)

"""Look at every benchmark's documents and rehearse their scoring, before a model is asked."""

from snakeval.files import benchmark_files, parquet
from snakeval.jobs import job
from snakeval.preflight import documents, findings, rehearsal
from snakeval.sandbox import execution
from snakeval.schemas.run import PREFLIGHT
from snakeval.schemas.task import REQUESTS
from snakeval.tasks.scoring_settings import ScoringSettings

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
runner = execution.Runner(settings["allow_code"]) if settings["allow_code"] else None


def check(benchmark):
    requests, scoring = (
        benchmark_files.read(snakemake.input.requests, benchmark, REQUESTS),
        {
            task: ScoringSettings.from_json(how)
            for task, how in settings["benchmarks"][benchmark].items()
        },
    )
    yield from documents.check(requests, benchmark, scoring)
    yield from rehearsal.check(
        requests, benchmark, scoring, allow_functions=settings["allow_functions"], runner=runner
    )


found = [finding for benchmark in snakemake.params.benchmarks for finding in check(benchmark)]
parquet.write(findings.table(found), snakemake.output[0], PREFLIGHT)

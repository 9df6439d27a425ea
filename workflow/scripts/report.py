"""Write the page that shows a run."""

from pathlib import Path

import yaml

from snakeval.jobs import job
from snakeval.report import inputs, provenance
from snakeval.report.page import write_page
from snakeval.report.stage import ReportSettings
from snakeval.transfer import verify

settings = job.start(snakemake.log[0], snakemake.input.settings, ReportSettings).settings
params, declared = snakemake.params, snakemake.input
origin = provenance.collect(
    repository=Path(params.repository),
    configuration=yaml.safe_dump(params.config, sort_keys=False, allow_unicode=True),
    command=params.command,
    seeds={"run": params.config["seed"]},
    models=provenance.of_models(declared.models, params.config["models"]),
    data=provenance.of_datasets(declared.datasets),
    rules=params.rules,
)
files = inputs.of_lists(
    tables=[*declared.tables, *declared.findings],
    requests=declared.requests,
    tokens=declared.tokens,
    responses=declared.responses,
    scores=declared.scores,
    benchmarks=settings.tasks,
    history=[
        inputs.earlier_run(run.label, Path(run.results), declared.history)
        for run in settings.history
    ],
)
write_page(files, settings, origin, Path(snakemake.output.page))
verify.write_sums(Path(params.results))

"""Write the page that shows a run."""

from pathlib import Path

import yaml

from snakeval.files import parquet
from snakeval.jobs import job
from snakeval.report import inputs, provenance
from snakeval.report.page import write_page
from snakeval.report.stage import ReportSettings
from snakeval.schemas.model import MODEL_FILES
from snakeval.schemas.task import DOCUMENT_FILES
from snakeval.transfer import verify

settings = job.start(snakemake.log[0], snakemake.input.settings, ReportSettings).settings
params, declared = snakemake.params, snakemake.input
models = [
    {
        "model": Path(file).stem,
        "source": files["source"][0].as_py(),
        "revision": files["revision"][0].as_py(),
        "digest": parquet.fingerprint_of(files["file"].to_pylist(), files["sha256"].to_pylist()),
        "settings": params.config["models"][Path(file).stem],
    }
    for file, files in ((file, parquet.read(file, MODEL_FILES)) for file in declared.models)
]
data = [
    {"dataset": Path(file).stem} | {name: row[name] for name in ("source", "revision", "digest")}
    for file in declared.datasets
    for row in parquet.read(file, DOCUMENT_FILES).to_pylist()
]
origin = provenance.collect(
    repository=Path(params.repository),
    configuration=yaml.safe_dump(params.config, sort_keys=False, allow_unicode=True),
    command=params.command,
    seeds={"run": params.config["seed"]},
    models=models,
    data=data,
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

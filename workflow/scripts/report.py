"""Write the page that shows a run."""

from dataclasses import asdict
from pathlib import Path

import yaml

from snakeval.files import parquet
from snakeval.jobs import job
from snakeval.report import provenance
from snakeval.report.page import write_page
from snakeval.report.stage import ReportSettings
from snakeval.schemas.model import MODEL_FILES
from snakeval.schemas.task import DOCUMENT_FILES
from snakeval.transfer import verify

settings = asdict(job.start(snakemake.log[0], snakemake.input.settings, ReportSettings).settings)
params, results = snakemake.params, Path(snakemake.params.results)
models = [
    {
        "model": name,
        "source": files["source"][0].as_py(),
        "revision": files["revision"][0].as_py(),
        "digest": parquet.fingerprint_of(files["file"].to_pylist(), files["sha256"].to_pylist()),
        "settings": params.config["models"][name],
    }
    for name, files in (
        (name, parquet.read(results / f"models/{name}.parquet", MODEL_FILES))
        for name in settings["models"]
    )
]
data = [
    {"dataset": name, "source": row["source"], "revision": row["revision"], "digest": row["digest"]}
    for name in params.datasets
    for row in parquet.read(results / f"index/datasets/{name}.parquet", DOCUMENT_FILES).to_pylist()
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
write_page(results, settings | {"provenance": origin}, Path(snakemake.output.page))
verify.write_sums(results)

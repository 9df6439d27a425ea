"""Copy all that the configuration needs into one folder."""

from pathlib import Path

from snakeval.files import parquet
from snakeval.jobs import job
from snakeval.schemas.model import MODEL_FILES
from snakeval.transfer import bundle
from snakeval.transfer.stage import BundleSettings

started = job.start(snakemake.log[0], snakemake.input.settings, BundleSettings)
output, params, terminal = Path(snakemake.output[0]), snakemake.params, started.terminal
listed = zip(params.models, snakemake.input.models, strict=True)
models = {name: parquet.read(file, MODEL_FILES) for name, file in listed}
places = {"datasets": Path(params.results, "datasets"), "repository": Path(params.repository)}
folder = output.parents[1]
config = bundle.build(started.settings, folder, models=models, **places, terminal=terminal)
output.write_text(bundle.text(config, models), encoding="utf-8")
print(f"Copy {folder} to the other machine and run `snakemake --cores 1` in it.", file=terminal)

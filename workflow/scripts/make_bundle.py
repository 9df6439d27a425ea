"""Copy all that the configuration needs into one folder."""

from pathlib import Path

from snakeval.files import parquet
from snakeval.jobs import job
from snakeval.schemas.model import MODEL_FILES
from snakeval.transfer import bundle

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
output, names = Path(snakemake.output[0]), snakemake.params.models
models = {
    name: parquet.read(file, MODEL_FILES)
    for name, file in zip(names, snakemake.input.models, strict=True)
}
datasets, repository = Path(snakemake.params.results, "datasets"), Path(snakemake.params.repository)
folder = output.parents[1]
config = bundle.build(
    settings, folder, models=models, datasets=datasets, repository=repository, terminal=terminal
)
output.write_text(bundle.text(config, models), encoding="utf-8")
print(f"Copy {folder} to the other machine and run `snakemake --cores 1` in it.", file=terminal)

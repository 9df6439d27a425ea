"""Copy report and tables to where a storage plugin takes them from, and pack all results."""

import shutil
from pathlib import Path

from snakeval import archive, job

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
results, output = Path(snakemake.params.results), snakemake.output
for part in ("report", "tables"):
    shutil.copytree(results / part, output[part], ignore=archive.LEFT, dirs_exist_ok=True)
archive.pack(results, Path(output.archive))

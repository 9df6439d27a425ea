"""Put page, tables and an archive of all results where a storage plugin takes them from."""

import shutil
from pathlib import Path

from snakeval.jobs import job
from snakeval.transfer import archive
from snakeval.transfer.stage import PublishSettings

job.start(snakemake.log[0], snakemake.input.settings, PublishSettings)
for source, target in zip(snakemake.input.shown, snakemake.output.shown, strict=True):
    shutil.copyfile(source, target)
archive.pack(Path(snakemake.params.results), Path(snakemake.output.archive))

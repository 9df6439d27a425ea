"""Show a text on the terminal."""

from pathlib import Path

from snakeval.jobs import job

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
print(Path(snakemake.input.summary).read_text(encoding="utf-8"), file=terminal)

"""What preflight found, of all models, and the forecast."""

from pathlib import Path

import pyarrow as pa

from snakeval import job, parquet, schemas
from snakeval.preflight import findings, forecast

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
inputs, output = snakemake.input, snakemake.output
found = pa.concat_tables([parquet.read(file, schemas.PREFLIGHT) for file in [inputs.tasks, *inputs.prompts]])
loads = pa.concat_tables([schemas.FORECAST.empty_table(), *(parquet.read(file, schemas.FORECAST) for file in inputs.loads)])
expected = forecast.forecast(loads, settings["dtypes"], snakemake.params.models)
parquet.write(found, output.findings, schemas.PREFLIGHT)
parquet.write(expected, output.forecast, schemas.FORECAST)
Path(output.summary).write_text(findings.as_text(found, expected), encoding="utf-8")

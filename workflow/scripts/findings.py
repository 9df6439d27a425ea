"""What preflight found, of all models, and the forecast."""

from pathlib import Path

import pyarrow as pa

from snakeval.files import parquet
from snakeval.jobs import job
from snakeval.preflight import findings, forecast
from snakeval.preflight.stage import FindingsSettings
from snakeval.schemas.model import FORECAST
from snakeval.schemas.run import PREFLIGHT

settings = job.start(snakemake.log[0], snakemake.input.settings, FindingsSettings).settings
inputs, output = snakemake.input, snakemake.output
found = pa.concat_tables(parquet.read(file, PREFLIGHT) for file in [inputs.tasks, *inputs.prompts])
loads = [FORECAST.empty_table(), *(parquet.read(file, FORECAST) for file in inputs.loads)]
expected = forecast.forecast(pa.concat_tables(loads), settings.dtypes, snakemake.params.models)
parquet.write(found, output.findings, PREFLIGHT)
parquet.write(expected, output.forecast, FORECAST)
Path(output.summary).write_text(findings.as_text(found, expected), encoding="utf-8")

"""Match one recorded model's answers to the documents of every benchmark."""

from functools import cache

from snakeval.files import benchmark_files, parquet
from snakeval.files.layout import Layout
from snakeval.inference import recorded
from snakeval.inference.stage import RecordedSettings
from snakeval.jobs import job
from snakeval.schemas.model import RECORDED, RESPONSES
from snakeval.schemas.task import REQUESTS

started = job.start(snakemake.log[0], snakemake.input.settings, RecordedSettings)
settings, model, requests = started.settings, snakemake.wildcards.model, snakemake.input.requests
layout = Layout(snakemake.params.results)
made_from = [started.code, settings.as_json(), parquet.digest(snakemake.input.model)]
fingerprints = benchmark_files.fingerprints(requests, *made_from)


@cache
def match(benchmark):
    rows = benchmark_files.read(requests, benchmark, REQUESTS)
    return recorded.responses(rows, settings, model=model, benchmark=benchmark)


for place, (stage, schema) in enumerate((("responses", RESPONSES), ("recorded", RECORDED))):
    folder = layout.of_model(stage, model)
    make = lambda benchmark, place=place: match(benchmark)[place]  # noqa: E731
    benchmark_files.refresh(snakemake.output[stage], folder, fingerprints, make, schema)

"""Encode every benchmark's requests for one model, then look at what the model would read."""

from functools import cache
from pathlib import Path

import pyarrow as pa

from snakeval.files import benchmark_files, parquet
from snakeval.files.layout import Layout
from snakeval.jobs import job
from snakeval.models import architecture, identity
from snakeval.preflight import findings, forecast, prompts
from snakeval.schemas.model import FORECAST, MODEL_FILES, TOKENS
from snakeval.schemas.run import PREFLIGHT
from snakeval.schemas.task import REQUESTS
from snakeval.tokens.encode import COLUMNS, encode_requests, load_encoder
from snakeval.tokens.stage import TokensSettings

started = job.start(snakemake.log[0], snakemake.input.settings, TokensSettings)
settings, model, requests = started.settings, snakemake.wildcards.model, snakemake.input.requests
files = parquet.read(snakemake.input.model, MODEL_FILES)
folder = identity.folder(files, snakemake.input.model)
made_from = [started.code, settings.values, identity.content(files)]


@cache
def encoder():
    architecture.leave_out_torch(folder, settings.model)
    return load_encoder(files, settings.model)


def encode(benchmark):
    parts = benchmark_files.scan(requests, benchmark, REQUESTS, COLUMNS)
    return (encode_requests(part, encoder(), model=model) for part in parts)


index = snakemake.output.tokens
place = Layout(snakemake.params.results).of_model("tokens", model)
fingerprints = benchmark_files.fingerprints(requests, *made_from)
benchmark_files.refresh(index, place, fingerprints, encode, TOKENS)

found, loads = [], []
for benchmark in fingerprints:
    rows = benchmark_files.scan(requests, benchmark, REQUESTS, prompts.REQUEST_COLUMNS)
    encoded = benchmark_files.scan(index, benchmark, TOKENS, prompts.TOKEN_COLUMNS)
    pairs = zip(rows, encoded, strict=True)
    parts = [(prompts.observe(part, its, encoder()), forecast.count(its)) for part, its in pairs]
    seen, counts = zip(*parts, strict=True)
    found += prompts.check(pa.concat_tables(seen), encoder(), model=model, benchmark=benchmark)
    loads.append(forecast.load(counts, Path(folder), model=model, benchmark=benchmark))
parquet.write(findings.table(found), snakemake.output.preflight, PREFLIGHT)
parquet.write(pa.Table.from_pylist(loads, FORECAST), snakemake.output.forecast, FORECAST)

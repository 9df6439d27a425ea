"""Encode every benchmark's requests for one model; files that are still right are kept. Then look at what the model would read."""

from functools import cache
from pathlib import Path

import pyarrow as pa

from snakeval.files import benchmark_files, parquet
from snakeval.jobs import job
from snakeval.models import architecture, identity
from snakeval.preflight import findings, forecast, prompts
from snakeval.schemas.model import FORECAST, MODEL_FILES, TOKENS
from snakeval.schemas.run import PREFLIGHT
from snakeval.schemas.task import REQUESTS
from snakeval.tokens.encode import COLUMNS, encode_requests, load_encoder

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
model, requests = snakemake.wildcards.model, snakemake.input.requests
files = parquet.read(snakemake.input.model, MODEL_FILES)
of_model = [
    {key: value for key, value in settings.items() if key != "preflight"},
    identity.content(files),
]


@cache
def encoder():
    architecture.leave_out_torch(identity.folder(files, snakemake.input.model), settings)
    return load_encoder(files, settings)


def encode(benchmark):
    parts = benchmark_files.scan(requests, benchmark, REQUESTS, COLUMNS)
    return (encode_requests(part, encoder(), model=model) for part in parts)


fingerprints = {
    benchmark: parquet.fingerprint_of(of_model, digest)
    for benchmark, digest in benchmark_files.digests(requests).items()
}
benchmark_files.refresh(
    snakemake.output.tokens,
    Path(snakemake.params.results, "tokens", model),
    fingerprints,
    encode,
    TOKENS,
)

found, loads = [], []
for benchmark in fingerprints:
    asked = benchmark_files.scan(requests, benchmark, REQUESTS, prompts.REQUEST_COLUMNS)
    encoded = benchmark_files.scan(
        snakemake.output.tokens, benchmark, TOKENS, prompts.TOKEN_COLUMNS
    )
    parts = [
        (prompts.observe(part, its, encoder()), forecast.count(its))
        for part, its in zip(asked, encoded, strict=True)
    ]
    seen, counts = zip(*parts, strict=True)
    found += prompts.check(pa.concat_tables(seen), encoder(), model=model, benchmark=benchmark)
    loads.append(
        forecast.load(
            counts,
            Path(identity.folder(files, snakemake.input.model)),
            model=model,
            benchmark=benchmark,
        )
    )
parquet.write(findings.table(found), snakemake.output.preflight, PREFLIGHT)
parquet.write(pa.Table.from_pylist(loads, FORECAST), snakemake.output.forecast, FORECAST)

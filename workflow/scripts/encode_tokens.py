"""Encode every entry's requests for one model; files that are still right are kept. Then look at what the model would read."""

from functools import cache
from pathlib import Path

import pyarrow as pa

from snakeval import architecture, entry_files, identity, job, parquet, schemas, tokens
from snakeval.preflight import findings, forecast, prompts

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
model, requests = snakemake.wildcards.model, snakemake.input.requests
files = parquet.read(snakemake.input.model, schemas.MODEL_FILES)
of_model = [{key: value for key, value in settings.items() if key != "preflight"}, identity.content(files)]


@cache
def load_encoder():
    architecture.leave_out_torch(identity.folder(files, snakemake.input.model), settings)
    return tokens.load_encoder(files, settings)


def encode(entry):
    parts = entry_files.scan(requests, entry, schemas.REQUESTS, tokens.COLUMNS)
    return (tokens.encode(part, load_encoder(), model=model) for part in parts)


fingerprints = {entry: parquet.fingerprint_of(of_model, digest) for entry, digest in entry_files.digests(requests).items()}
entry_files.refresh(snakemake.output.tokens, Path(snakemake.params.results, "tokens", model), fingerprints, encode, schemas.TOKENS)

found, loads = [], []
for entry in fingerprints:
    asked = entry_files.scan(requests, entry, schemas.REQUESTS, prompts.REQUEST_COLUMNS)
    encoded = entry_files.scan(snakemake.output.tokens, entry, schemas.TOKENS, prompts.TOKEN_COLUMNS)
    parts = [(prompts.observe(part, its, load_encoder()), forecast.count(its)) for part, its in zip(asked, encoded, strict=True)]
    seen, counts = zip(*parts, strict=True)
    found += prompts.check(pa.concat_tables(seen), load_encoder(), model=model, entry=entry)
    loads.append(forecast.load(counts, Path(identity.folder(files, snakemake.input.model)), model=model, entry=entry))
parquet.write(findings.table(found), snakemake.output.preflight, schemas.PREFLIGHT)
parquet.write(pa.Table.from_pylist(loads, schemas.FORECAST), snakemake.output.forecast, schemas.FORECAST)

"""Encode every entry's requests for one model; files that are still right are kept."""

from functools import cache
from pathlib import Path

from snakeval import entry_files, identity, job, parquet, schemas, tokens

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
model, folder = snakemake.wildcards.model, Path(snakemake.params.results, "tokens", snakemake.wildcards.model)
requests = dict(zip(snakemake.params.entries, snakemake.input.requests))
files = parquet.read(snakemake.input.model, schemas.MODEL_FILES)
of_model = [settings, identity.content(files)]


@cache
def load_encoder():
    identity.folder(files, snakemake.input.model)  # is there
    return tokens.load_encoder(files, settings)


def encode(entry):
    return (tokens.encode(part, load_encoder(), model=model) for part in parquet.scan(requests[entry], schemas.REQUESTS, rows=50_000))


fingerprints = {entry: parquet.fingerprint_of(of_model, parquet.digest(file)) for entry, file in requests.items()}
entry_files.refresh(snakemake.output[0], folder, fingerprints, encode, schemas.TOKENS)

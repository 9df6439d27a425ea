"""Encode every entry's requests for one model; files that are still right are kept."""

from snakeval import job, parquet, schemas, tokens

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
model = snakemake.wildcards.model
files = parquet.read(snakemake.input.model, schemas.MODEL_FILES)
encoder = None
for requests, output in zip(snakemake.input.requests, snakemake.output):
    fingerprint = parquet.fingerprint_of(settings, parquet.digest(snakemake.input.model), parquet.digest(requests))
    if parquet.keep(output, fingerprint):
        continue
    encoder = encoder or tokens.load_encoder(files, settings)
    parquet.write(tokens.encode(parquet.read(requests, schemas.REQUESTS), encoder, model=model), output, schemas.TOKENS, fingerprint)

"""Gather one model's answers to every entry from the store; files that are still right are kept."""

from snakeval import identity, infer, job, parquet, schemas
from snakeval.store import Store

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
entries, output = snakemake.params.entries, snakemake.output
files = parquet.read(snakemake.input.model, schemas.MODEL_FILES)
store = Store(snakemake.params.store, identity.identity(files, settings), identity.tokenizer_identity(files))
for i, tokens in enumerate(snakemake.input.tokens):
    fingerprint = parquet.fingerprint_of(settings, parquet.digest(snakemake.input.model), parquet.digest(tokens))
    if parquet.keep(output.timings[i], fingerprint) and parquet.keep(output.responses[i], fingerprint):
        continue
    answers = infer.assemble(parquet.read(tokens, schemas.TOKENS), store, asked=snakemake.params.asked)
    shards = [parquet.read(file, schemas.TIMINGS) for file in snakemake.input.asked[i :: len(entries)]]
    parquet.write(infer.summed(shards), output.timings[i], schemas.TIMINGS, fingerprint)
    parquet.write(answers, output.responses[i], schemas.RESPONSES, fingerprint)

"""Gather one model's answers to every entry from the store; files that are still right are kept."""

from pathlib import Path

import pyarrow as pa

from snakeval import entry_files, identity, infer, job, parquet, schemas
from snakeval.store import Store

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
results, index, model = Path(snakemake.params.results), snakemake.input.tokens, snakemake.wildcards.model
files = parquet.read(snakemake.input.model, schemas.MODEL_FILES)
of_model = [settings, identity.content(files)]


def assemble(entry):
    asked = pa.concat_tables(entry_files.read(shard, entry, schemas.TIMINGS) for shard in snakemake.input.asked)
    store = Store(results / "store", infer.who_answered(asked), identity.tokenizer_identity(files))
    tokens = entry_files.read(index, entry, schemas.TOKENS)
    return infer.assemble(tokens, store, asked=f"{results}/asked/{model} and {results}/index/asked/{model}")


fingerprints = {entry: parquet.fingerprint_of(of_model, digest) for entry, digest in entry_files.digests(index).items()}
folder = results / "responses" / model
entry_files.refresh(snakemake.output[0], folder, fingerprints, assemble, schemas.RESPONSES)

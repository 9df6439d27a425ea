"""Gather one model's answers to every entry from the store; files that are still right are kept."""

from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from snakeval import entry_files, identity, infer, job, parquet, schemas
from snakeval.store import Store

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
results, index, model = Path(snakemake.params.results), snakemake.input.tokens, snakemake.wildcards.model
files = parquet.read(snakemake.input.model, schemas.MODEL_FILES)
of_model = [settings, identity.content(files)]


def timings(entry):
    return pa.concat_tables(entry_files.read(shard, entry, schemas.TIMINGS) for shard in snakemake.input.asked)


@cache
def store_of(who):  # a store reads every part whole, so there is one
    return Store(results / "store", who, identity.tokenizer_identity(files))


def assemble(entry):
    store, where = store_of(infer.who_answered(timings(entry))), f"{results}/asked/{model} and {results}/index/asked/{model}"
    return (infer.assemble(part, store, asked=where) for part in infer.scan(index, entry))


fingerprints = {entry: parquet.fingerprint_of(of_model, digest) for entry, digest in entry_files.digests(index).items()}
entry_files.refresh(snakemake.output.responses, results / "responses" / model, fingerprints, assemble, schemas.RESPONSES)

compared = []
for entry in fingerprints:
    if pc.sum(timings(entry)["asked_alone"]).as_py():
        tokens, store = entry_files.read(index, entry, schemas.TOKENS, infer.ASKED), store_of(infer.who_answered(timings(entry)))
        compared += infer.batches_against_alone(tokens, store, documents=settings["numerics"], model=model, entry=entry)
parquet.write(pa.Table.from_pylist(compared, schemas.NUMERICS), snakemake.output.numerics, schemas.NUMERICS)

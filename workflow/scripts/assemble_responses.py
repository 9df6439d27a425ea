"""Gather one model's answers to every entry from the store; files that are still right are kept."""

from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from snakeval.files import benchmark_files, parquet
from snakeval.inference import ask
from snakeval.inference.store import Store
from snakeval.jobs import job
from snakeval.models import identity
from snakeval.schemas.model import MODEL_FILES, NUMERICS, RESPONSES, TIMINGS, TOKENS

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
results, index, model = (
    Path(snakemake.params.results),
    snakemake.input.tokens,
    snakemake.wildcards.model,
)
files = parquet.read(snakemake.input.model, MODEL_FILES)
of_model = [settings, identity.content(files)]


def timings(entry):
    return pa.concat_tables(
        benchmark_files.read(shard, entry, TIMINGS) for shard in snakemake.input.asked
    )


@cache
def store_of(who):  # a store reads every part whole, so there is one
    return Store(results / "store", who, identity.tokenizer_identity(files))


def assemble(entry):
    store, where = (
        store_of(ask.who_answered(timings(entry))),
        f"{results}/asked/{model} and {results}/index/asked/{model}",
    )
    return (ask.assemble(part, store, asked=where) for part in ask.scan(index, entry))


fingerprints = {
    entry: parquet.fingerprint_of(of_model, digest)
    for entry, digest in benchmark_files.digests(index).items()
}
benchmark_files.refresh(
    snakemake.output.responses, results / "responses" / model, fingerprints, assemble, RESPONSES
)

compared = []
for entry in fingerprints:
    if pc.sum(timings(entry)["asked_alone"]).as_py():
        tokens, store = (
            benchmark_files.read(index, entry, TOKENS, ask.ASKED),
            store_of(ask.who_answered(timings(entry))),
        )
        compared += ask.batches_against_alone(
            tokens, store, documents=settings["numerics"], model=model, entry=entry
        )
parquet.write(pa.Table.from_pylist(compared, NUMERICS), snakemake.output.numerics, NUMERICS)

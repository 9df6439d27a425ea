"""Gather one model's responses to every benchmark from the store."""

from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from snakeval.files import benchmark_files, parquet
from snakeval.files.layout import Layout
from snakeval.inference import ask
from snakeval.inference.stage import CallsSettings
from snakeval.inference.store import Store
from snakeval.jobs import job
from snakeval.models import identity
from snakeval.schemas.model import MODEL_FILES, NUMERICS, RESPONSES, TIMINGS, TOKENS

started = job.start(snakemake.log[0], snakemake.input.settings, CallsSettings)
index, model, layout = (
    snakemake.input.tokens,
    snakemake.wildcards.model,
    Layout(snakemake.params.results),
)
files = parquet.read(snakemake.input.model, MODEL_FILES)
made_from = [started.code, started.settings.values, identity.content(files)]
where = f"{layout.of_model('calls', model)} and {layout.of_model('index/calls', model)}"


def timings(benchmark):
    shards = snakemake.input.calls
    return pa.concat_tables(benchmark_files.read(shard, benchmark, TIMINGS) for shard in shards)


@cache
def store_of(who):  # a store reads every part whole, so there is one
    return Store(layout.store(), who, identity.tokenizer_identity(files))


def assemble(benchmark):
    store = store_of(ask.who_answered(timings(benchmark)))
    return (ask.assemble(part, store, asked=where) for part in ask.scan(index, benchmark))


# Who answered counts: another engine gives other answers to the same tokens.
fingerprints = {
    benchmark: parquet.fingerprint_of(*made_from, ask.who_answered(timings(benchmark)), digest)
    for benchmark, digest in benchmark_files.digests(index).items()
}
folder = layout.of_model("responses", model)
benchmark_files.refresh(snakemake.output.responses, folder, fingerprints, assemble, RESPONSES)

compared, documents = [], started.settings.model.numerics
for benchmark in fingerprints:
    if pc.sum(timings(benchmark)["asked_alone"]).as_py():
        tokens = benchmark_files.read(index, benchmark, TOKENS, ask.ASKED)
        store, of = (
            store_of(ask.who_answered(timings(benchmark))),
            {"model": model, "benchmark": benchmark},
        )
        compared += ask.batches_against_alone(tokens, store, documents=documents, **of)
parquet.write(pa.Table.from_pylist(compared, NUMERICS), snakemake.output.numerics, NUMERICS)

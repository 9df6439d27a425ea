"""Gather one model's responses to every benchmark from the store."""

from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from snakeval.files import benchmark_files, parquet
from snakeval.files.layout import Layout
from snakeval.inference import assemble, low_precision, shards
from snakeval.inference.calls import FROM_TOKENS
from snakeval.inference.stage import CallsSettings
from snakeval.inference.store import Store
from snakeval.jobs import job
from snakeval.models import identity
from snakeval.schemas.model import MODEL_FILES, NUMERICS, RESPONSES, TIMINGS

started = job.start(snakemake.log[0], snakemake.input.settings, CallsSettings)
index, model = snakemake.input.tokens, snakemake.wildcards.model
layout, files = Layout(snakemake.params.results), parquet.read(snakemake.input.model, MODEL_FILES)
made_from = [started.code, started.settings.values, identity.content(files)]
called = f"{layout.of_model('calls', model)} and {layout.of_model('index/calls', model)}"


def timings(benchmark):
    parts = snakemake.input.calls
    return pa.concat_tables(benchmark_files.read(part, benchmark, TIMINGS) for part in parts)


@cache
def store_of(who):  # a store reads every part whole, so there is one
    return Store(layout.store(), who, identity.tokenizer_identity(files))


def responses(benchmark):
    for part in FROM_TOKENS.scan(index, benchmark):
        yield assemble.assemble(part, store_of(who[benchmark]), model=model, called=called)


digests = benchmark_files.digests(index)
who = {benchmark: shards.who_answered(timings(benchmark)) for benchmark in digests}
# Who answered counts: another engine gives other answers to the same tokens.
fingerprints = {
    benchmark: parquet.fingerprint_of(*made_from, who[benchmark], digest)
    for benchmark, digest in digests.items()
}
folder = layout.of_model("responses", model)
benchmark_files.refresh(snakemake.output.responses, folder, fingerprints, responses, RESPONSES)

compared, documents = [], started.settings.model.numerics
for benchmark in fingerprints:
    if pc.sum(timings(benchmark)["asked_alone"]).as_py():
        tokens, store = FROM_TOKENS.read(index, benchmark), store_of(who[benchmark])
        of = {"model": model, "benchmark": benchmark, "documents": documents}
        compared += low_precision.batches_against_alone(tokens, store, **of)
parquet.write(pa.Table.from_pylist(compared, NUMERICS), snakemake.output.numerics, NUMERICS)

"""Gather one model's responses to every benchmark from the store; files up to date are kept."""

from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from snakeval.files import benchmark_files, parquet
from snakeval.inference import assemble, low_precision, shards
from snakeval.inference.calls import FROM_TOKENS
from snakeval.inference.store import Store
from snakeval.jobs import job
from snakeval.models import identity
from snakeval.schemas.model import MODEL_FILES, NUMERICS, RESPONSES, TIMINGS

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
results, model = Path(snakemake.params.results), snakemake.wildcards.model
index, output = snakemake.input.tokens, snakemake.output
called = f"{results}/calls/{model} and {results}/index/calls/{model}"
files = parquet.read(snakemake.input.model, MODEL_FILES)


def timings(benchmark):
    parts = snakemake.input.asked
    return pa.concat_tables(benchmark_files.read(part, benchmark, TIMINGS) for part in parts)


@cache
def store_of(who):  # a store reads every part whole, so there is one
    return Store(results / "store", who, identity.tokenizer_identity(files))


def responses(benchmark):
    store = store_of(shards.who_answered(timings(benchmark)))
    for part in FROM_TOKENS.scan(index, benchmark):
        yield assemble.assemble(part, store, model=model, called=called)


fingerprints = benchmark_files.fingerprints(index, [settings, identity.content(files)])
folder = results / "responses" / model
benchmark_files.refresh(output.responses, folder, fingerprints, responses, RESPONSES)

compared = []
for benchmark in fingerprints:
    if pc.sum(timings(benchmark)["asked_alone"]).as_py():
        tokens = FROM_TOKENS.read(index, benchmark)
        store = store_of(shards.who_answered(timings(benchmark)))
        of = {"model": model, "benchmark": benchmark, "documents": settings["numerics"]}
        compared += low_precision.batches_against_alone(tokens, store, **of)
parquet.write(pa.Table.from_pylist(compared, NUMERICS), output.numerics, NUMERICS)

"""Gather one model's answers to every benchmark from the store; files that are still right are kept."""

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


def timings(benchmark):
    return pa.concat_tables(
        benchmark_files.read(shard, benchmark, TIMINGS) for shard in snakemake.input.asked
    )


@cache
def store_of(who):  # a store reads every part whole, so there is one
    return Store(results / "store", who, identity.tokenizer_identity(files))


def assemble(benchmark):
    store, where = (
        store_of(ask.who_answered(timings(benchmark))),
        f"{results}/calls/{model} and {results}/index/calls/{model}",
    )
    return (ask.assemble(part, store, asked=where) for part in ask.scan(index, benchmark))


fingerprints = {
    benchmark: parquet.fingerprint_of(of_model, digest)
    for benchmark, digest in benchmark_files.digests(index).items()
}
benchmark_files.refresh(
    snakemake.output.responses, results / "responses" / model, fingerprints, assemble, RESPONSES
)

compared = []
for benchmark in fingerprints:
    if pc.sum(timings(benchmark)["asked_alone"]).as_py():
        tokens, store = (
            benchmark_files.read(index, benchmark, TOKENS, ask.ASKED),
            store_of(ask.who_answered(timings(benchmark))),
        )
        compared += ask.batches_against_alone(
            tokens, store, documents=settings["numerics"], model=model, benchmark=benchmark
        )
parquet.write(pa.Table.from_pylist(compared, NUMERICS), snakemake.output.numerics, NUMERICS)

"""Ask one model a shard of every entry's requests; files that are still right are kept, known answers are not asked again."""

from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from snakeval import entry_files, gpus, identity, infer, job, parquet, schemas
from snakeval.preflight import findings
from snakeval.store import Store

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
model, params, index = snakemake.wildcards.model, snakemake.params, snakemake.input.tokens
number, shards = map(int, snakemake.wildcards.shard.split("-of-"))
files = parquet.read(snakemake.input.model, schemas.MODEL_FILES)
of_model = [settings, identity.content(files)]
fingerprints = {entry: parquet.fingerprint_of(of_model, digest) for entry, digest in entry_files.digests(index).items()}
devices = []  # their locks, held until the process ends
rows = findings.stop_on_errors(snakemake.input.preflight)
if number == 1:
    print(*findings.lines(rows.filter(pc.equal(rows["model"], model))), sep="\n", end="", file=terminal)


@cache
def load_engine():
    devices.extend(gpus.claim(params.gpus, granted=snakemake.resources.get("gpu", 0), terminal=terminal))
    import torch

    from snakeval import engine

    torch.set_num_threads(snakemake.threads)
    device = params.device if params.device != "auto" else "cuda" if params.gpus else "cpu"
    how = {"device": device, "device_map": params.device_map, "tokens_per_batch": params.tokens_per_batch}
    determines = {key: value for key, value in settings.items() if key != "code"}
    return engine.load(identity.folder(files, snakemake.input.model), determines | how)


@cache
def keys(entry):
    return infer.keys(entry_files.read(index, entry, schemas.TOKENS), store)


def ask(entry):
    before = list(fingerprints)[: list(fingerprints).index(entry)] if shards > 1 else []  # other shards may be asking them now
    earlier = pa.concat_arrays([pa.array([], pa.string()), *map(keys, before)])
    tokens = entry_files.read(index, entry, schemas.TOKENS)
    how = {"model": model, "entry": entry, "shard": (number, shards), "earlier": earlier, "terminal": terminal}
    return infer.ask(tokens, load_engine, store, **how)


folder = Path(params.results, "asked", model, snakemake.wildcards.shard)
with Store(Path(params.results, "store"), identity.identity(files, settings), identity.tokenizer_identity(files)) as store:
    entry_files.refresh(snakemake.output[0], folder, fingerprints, ask, schemas.TIMINGS)

"""Ask one model a shard of every entry's requests; files that are still right are kept, known answers are not asked again."""

from functools import cache

import pyarrow as pa

from snakeval import gpus, identity, infer, job, parquet, schemas
from snakeval.store import Store

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
model, params = snakemake.wildcards.model, snakemake.params
number, shards = map(int, snakemake.wildcards.shard.split("-of-"))
files = parquet.read(snakemake.input.model, schemas.MODEL_FILES)
determines = {key: value for key, value in settings.items() if key != "code"}
devices = []  # their locks, held until the process ends


@cache
def load_engine():
    devices.extend(gpus.claim(params.gpus, granted=snakemake.resources.get("gpu", 0), terminal=terminal))
    import torch

    from snakeval import engine

    torch.set_num_threads(snakemake.threads)
    how = {"device_map": params.device_map, "tokens_per_batch": params.tokens_per_batch}
    return engine.load(files["folder"][0].as_py(), determines | how)


earlier = pa.array([], pa.string())  # keys that the entries before ask; other shards may be asking them now
with Store(params.store, identity.identity(files, settings), identity.tokenizer_identity(files)) as store:
    for entry, tokens, output in zip(params.entries, snakemake.input.tokens, snakemake.output):
        fingerprint = parquet.fingerprint_of(settings, parquet.digest(snakemake.input.model), parquet.digest(tokens))
        if (fresh := parquet.keep(output, fingerprint)) and shards == 1:
            continue
        asked = parquet.read(tokens, schemas.TOKENS)
        if not fresh:
            how = {"model": model, "entry": entry, "shard": (number, shards), "earlier": earlier, "terminal": terminal}
            parquet.write(infer.ask(asked, load_engine, store, **how), output, schemas.TIMINGS, fingerprint)
        if shards > 1:
            earlier = pa.concat_arrays([earlier, infer.keys(asked, store)])

"""Ask one model a shard of every entry's requests; files that are still right are kept, known answers are not asked again."""

from functools import cache
from pathlib import Path

import pyarrow.compute as pc

from snakeval import architecture, gpus, identity, infer, job, parquet, schemas
from snakeval.preflight import findings
from snakeval.store import Store

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
model, shard, params, results = snakemake.wildcards.model, snakemake.wildcards.shard, snakemake.params, Path(snakemake.params.results)
number, shards = map(int, shard.split("-of-"))
files = parquet.read(snakemake.input.model, schemas.MODEL_FILES)
devices = []  # their locks, held until the process ends
found = findings.stop_on_errors([snakemake.input.preflight, *snakemake.input.tasks])
for line in findings.lines(found.filter(pc.equal(found["model"], model))) if number == 1 else []:
    print(line, file=terminal)


@cache
def load_engine():
    devices.extend(gpus.claim(params.gpus, granted=snakemake.resources.get("gpu", 0), terminal=terminal))
    import torch

    from snakeval import engine

    torch.set_num_threads(snakemake.threads)
    how = gpus.placement(params.gpus, params.device, params.device_map, params.tensor_parallel)
    how |= {"static_kv_cache": params.static_kv_cache, "tokens_per_batch": params.tokens_per_batch}
    determines = {key: value for key, value in settings.items() if key not in ("code", "numerics")}
    return engine.load(identity.folder(files, snakemake.input.model), determines | how)


low = architecture.in_low_precision(identity.folder(files, snakemake.input.model), settings["dtype"])
low |= settings["kv_cache_dtype"] != "auto"
who = {"model": model, "shard": (number, shards), "alone": settings["numerics"] if low else 0, "terminal": terminal}
made_from = [settings, identity.content(files)]
with Store(results / "store", identity.identity(files, settings), identity.tokenizer_identity(files)) as store:
    folder = results / "asked" / model / shard
    infer.ask_entries(snakemake.input.tokens, snakemake.output[0], folder, made_from, load_engine, store, **who)

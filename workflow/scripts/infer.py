"""Ask one model its shard of every benchmark's calls.

Files that are up to date are kept, and known calls are not asked again.
"""

from functools import cache
from pathlib import Path

import pyarrow.compute as pc

from snakeval.config.model import settings
from snakeval.files import parquet
from snakeval.inference import ask
from snakeval.inference.store import Store
from snakeval.jobs import gpus, job
from snakeval.models import architecture, identity
from snakeval.preflight import findings
from snakeval.schemas.model import MODEL_FILES

decided, terminal = job.start(snakemake.log[0], snakemake.input.settings)
model, shard, params = snakemake.wildcards.model, snakemake.wildcards.shard, snakemake.params
number, shards = map(int, shard.split("-of-"))
files = parquet.read(snakemake.input.model, MODEL_FILES)
weights = identity.folder(files, snakemake.input.model)
alone = decided["numerics"] if architecture.in_low_precision(weights, decided) else 0
devices = []  # their locks, held until the process ends
found = findings.stop_on_errors([snakemake.input.preflight, *snakemake.input.tasks])
for line in findings.lines(found.filter(pc.equal(found["model"], model))) if number == 1 else []:
    print(line, file=terminal)


@cache
def load_engine():
    granted = snakemake.resources.get("gpu", 0)
    devices.extend(gpus.claim(params.gpus, granted=granted, terminal=terminal))
    import torch

    from snakeval.backends.local import build

    torch.set_num_threads(snakemake.threads)
    how = gpus.placement(params.gpus, params.device, params.device_map, params.tensor_parallel)
    how |= {name: params[name] for name in ("static_kv_cache", "tokens_per_batch")}
    keys = {key: value for key, value in decided.items() if key != "code"}
    return build.load(weights, settings(**keys | how), terminal=terminal)


who = {"model": model, "shard": (number, shards), "alone": alone, "terminal": terminal}
answers = (identity.identity(files, decided), identity.tokenizer_identity(files))
with Store(Path(params.results, "store"), *answers) as store:
    output = (snakemake.output[0], Path(params.results, "calls", model, shard))
    made_from = [decided, identity.content(files)]
    ask.ask_benchmarks(snakemake.input.tokens, *output, made_from, load_engine, store, **who)

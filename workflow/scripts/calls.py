"""Ask one model a shard of every benchmark's calls; known outputs are not asked again."""

from functools import cache

import pyarrow.compute as pc

from snakeval.config.model import Model
from snakeval.files import parquet
from snakeval.files.layout import Layout
from snakeval.inference import ask
from snakeval.inference.stage import CallsSettings
from snakeval.inference.store import Store
from snakeval.jobs import gpus, job
from snakeval.models import architecture, identity
from snakeval.preflight import findings
from snakeval.schemas.model import MODEL_FILES

started = job.start(snakemake.log[0], snakemake.input.settings, CallsSettings)
settings, terminal, params = started.settings, started.terminal, snakemake.params
name, shard, layout = snakemake.wildcards.model, snakemake.wildcards.shard, Layout(params.results)
number, shards = map(int, shard.split("-of-"))
files = parquet.read(snakemake.input.model, MODEL_FILES)
weights = identity.folder(files, snakemake.input.model)
model = settings.model
alone = model.numerics if architecture.in_low_precision(weights, model) else 0
devices = []  # their locks, held until the process ends
found = findings.stop_on_errors([snakemake.input.preflight, *snakemake.input.tasks])
for line in findings.lines(found.filter(pc.equal(found["model"], name))) if number == 1 else []:
    print(line, file=terminal)


@cache
def load_engine():
    """What decides answers is as the run was started with; only how to run is as configured now."""
    configured = Model.model_construct(**params.model)
    granted = snakemake.resources.get("gpu", 0)
    devices.extend(gpus.claim(configured.gpus, granted=granted, terminal=terminal))
    import torch

    from snakeval.backends.local import build

    torch.set_num_threads(snakemake.threads)
    how = (configured.gpus, configured.device, configured.device_map, configured.tensor_parallel)
    placed = configured.model_copy(update=gpus.placement(*how) | settings.values)
    return build.load(weights, placed, terminal=terminal)


output = (snakemake.output[0], layout.calls(name, shard))
made_from = [started.code, settings.values, identity.content(files)]
who = {"model": name, "shard": (number, shards), "alone": alone, "terminal": terminal}
answers = (identity.identity(files, model), identity.tokenizer_identity(files))
with Store(layout.store(), *answers) as store:
    ask.ask_benchmarks(snakemake.input.tokens, *output, made_from, load_engine, store, **who)

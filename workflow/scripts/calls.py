"""Ask one model a shard of every benchmark's calls; known outputs are not asked again."""

from functools import cache

from snakeval.backends import claimed
from snakeval.config.model import Model
from snakeval.files import parquet
from snakeval.files.layout import Layout
from snakeval.inference import ask
from snakeval.inference.stage import CallsSettings
from snakeval.inference.store import Store
from snakeval.jobs import job
from snakeval.models import architecture, identity
from snakeval.preflight import findings
from snakeval.schemas.model import MODEL_FILES

started = job.start(snakemake.log[0], snakemake.input.settings, CallsSettings)
settings, terminal, params = started.settings, started.terminal, snakemake.params
name, shard, layout = snakemake.wildcards.model, snakemake.wildcards.shard, Layout(params.results)
number, shards = map(int, shard.split("-of-"))
files = parquet.read(snakemake.input.model, MODEL_FILES)
weights, model = identity.folder(files, snakemake.input.model), settings.model
alone = model.numerics if architecture.in_low_precision(weights, model) else 0
found = findings.stop_on_errors([snakemake.input.preflight, *snakemake.input.tasks])
findings.show(found, name, terminal if number == 1 else None)


@cache
def load():
    how = {"granted": snakemake.resources.get("gpu", 0), "threads": snakemake.threads}
    configured = Model.model_construct(**params.model)
    return claimed.load(weights, configured, settings.values, **how, terminal=terminal)


output = (snakemake.output[0], layout.calls(name, shard))
made_from = [started.code, settings.values, identity.content(files)]
who = {"model": name, "shard": (number, shards), "alone": alone, "terminal": terminal}
answers = (identity.identity(files, model), identity.tokenizer_identity(files))
with Store(layout.store(), *answers) as store:
    ask.ask_benchmarks(snakemake.input.tokens, *output, made_from, lambda: load()[0], store, **who)

"""Ask one model every entry's requests; files that are still right are kept, known answers are not asked again."""

from functools import cache

from snakeval import gpus, identity, infer, job, parquet, schemas
from snakeval.store import Store

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
model, params = snakemake.wildcards.model, snakemake.params
files = parquet.read(snakemake.input.model, schemas.MODEL_FILES)
determines = {key: value for key, value in settings.items() if key != "code"}
devices = []  # their locks, held until the process ends


@cache
def load_engine():
    devices.extend(gpus.claim(params.gpus, granted=snakemake.resources.get("gpu", 0), terminal=terminal))
    import torch

    from snakeval import engine

    torch.set_num_threads(snakemake.threads)
    device = params.device if params.device != "auto" else "cuda" if params.gpus else "cpu"
    how = {"device": device, "device_map": params.device_map, "tokens_per_batch": params.tokens_per_batch}
    return engine.load(files["folder"][0].as_py(), determines | how)


with Store(params.store, identity.identity(files, settings), identity.tokenizer_identity(files)) as store:
    for entry, tokens, responses, timings in zip(
        params.entries, snakemake.input.tokens, snakemake.output.responses, snakemake.output.timings
    ):
        fingerprint = parquet.fingerprint_of(settings, parquet.digest(snakemake.input.model), parquet.digest(tokens))
        if parquet.keep(timings, fingerprint) and parquet.keep(responses, fingerprint):
            continue
        asked = parquet.read(tokens, schemas.TOKENS)
        answered, measured = infer.infer(asked, load_engine, store, model=model, entry=entry, terminal=terminal)
        parquet.write(measured, timings, schemas.TIMINGS, fingerprint)
        parquet.write(answered, responses, schemas.RESPONSES, fingerprint)

"""Match one recorded model's answers to the documents of every entry; files that are still right are kept."""

from functools import cache
from pathlib import Path

from snakeval import entry_files, job, parquet, recorded, schemas

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
model, results, output = snakemake.wildcards.model, Path(snakemake.params.results), snakemake.output
requests = snakemake.input.requests
of_model = [settings, parquet.digest(snakemake.input.model)]
fingerprints = {entry: parquet.fingerprint_of(of_model, digest) for entry, digest in entry_files.digests(requests).items()}


@cache
def match(entry):
    return recorded.responses(entry_files.read(requests, entry, schemas.REQUESTS), settings, model=model, entry=entry)


entry_files.refresh(output.responses, results / "responses" / model, fingerprints, lambda entry: match(entry)[0], schemas.RESPONSES)
entry_files.refresh(output.recorded, results / "recorded" / model, fingerprints, lambda entry: match(entry)[1], schemas.RECORDED)

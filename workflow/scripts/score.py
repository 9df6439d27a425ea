"""Score one model's responses to every entry; files that are still right are kept."""

from pathlib import Path

import pyarrow.compute as pc

from snakeval import entry_files, job, parquet, schemas, scoring
from snakeval.sandbox import execution

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
requests, index, entries = snakemake.input.requests, snakemake.input.responses, settings["entries"]
answered = entry_files.digests(index)
runner = execution.Runner(settings["allow_code"], snakemake.threads) if settings["allow_code"] else None


def score(entry):
    asked = entry_files.read(requests, entry, schemas.REQUESTS, scoring.REQUEST_COLUMNS)
    answers = entry_files.read(index, entry, schemas.RESPONSES)
    if snakemake.params.recorded:  # documents without a recorded answer are counted elsewhere, and not scored
        asked = scoring.answered(asked, answers)
    for task, how in entries[entry].items():
        of_task = pc.field("task") == task
        allowed = {"allow_functions": settings["allow_functions"], "runner": runner}
        yield scoring.score(asked.filter(of_task), answers.filter(of_task), how, **allowed)


fingerprints = {
    entry: parquet.fingerprint_of(settings["code"], entries[entry], digest, answered[entry])
    for entry, digest in entry_files.digests(requests).items()
}
folder = Path(snakemake.params.results, "scores", snakemake.wildcards.model)
entry_files.refresh(snakemake.output[0], folder, fingerprints, score, schemas.SCORES)

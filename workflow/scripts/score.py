"""Score one model's responses to every entry; files that are still right are kept."""

import pyarrow as pa
import pyarrow.compute as pc

from snakeval import job, parquet, schemas, scoring

settings, terminal = job.start(snakemake.log[0], snakemake.input.settings)
for entry, requests, responses, output in zip(
    snakemake.params.entries, snakemake.input.requests, snakemake.input.responses, snakemake.output
):
    tasks = settings["entries"][entry]
    fingerprint = parquet.fingerprint_of(settings["code"], tasks, parquet.digest(requests), parquet.digest(responses))
    if parquet.keep(output, fingerprint):
        continue
    asked, answered = parquet.read(requests, schemas.REQUESTS), parquet.read(responses, schemas.RESPONSES)
    scored = [
        scoring.score(
            asked.filter(pc.field("task") == task),
            answered.filter(pc.field("task") == task),
            how,
            allow_functions=settings["allow_functions"],
        )
        for task, how in tasks.items()
    ]
    parquet.write(pa.concat_tables(scored), output, schemas.SCORES, fingerprint)

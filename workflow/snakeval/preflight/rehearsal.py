"""A rehearsal of scoring with made-up answers: faults show before hours of inference.

The first documents of each task get their own reference as the answer, or log-likelihoods that fall
from choice to choice. They are scored as in a run. This tests that metrics and filters exist and
take their options, that a task's functions can be imported and take a document, that data of
metrics is there, and that programs run.
"""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from snakeval.errors import UserError
from snakeval.preflight.findings import Finding
from snakeval.sandbox.execution import Runner
from snakeval.schemas.model import RESPONSES
from snakeval.scoring.score import score_task
from snakeval.tasks.scoring_settings import ScoringSettings

DOCUMENTS = 2  # of each task


def check(
    requests: pa.Table,
    benchmark: str,
    settings: Mapping[str, ScoringSettings],
    *,
    allow_functions: bool,
    runner: Runner | None,
) -> list[Finding]:
    """A finding for each task of a benchmark (REQUESTS) that cannot be scored.

    `settings`: the scoring settings of its tasks.
    """
    findings = []
    for task, how in settings.items():
        of_task = requests.filter(pc.field("task") == task)
        some = of_task.slice(0, DOCUMENTS)
        try:
            score_task(some, made_up(some), how, allow_functions=allow_functions, runner=runner)
        except Exception as error:  # an option of a wrong kind may fail in any way
            n = of_task.num_rows
            failed = f"{type(error).__name__}: {error}. Check the options of metrics and filters."
            why = str(error) if isinstance(error, UserError) else failed
            message = f"answers cannot be scored: {why}"
            findings.append(Finding(None, benchmark, task, "scoring", "error", n, n, None, message))
    return findings


def made_up(requests: pa.Table) -> pa.Table:
    """RESPONSES to REQUESTS that no model gave."""
    rows = []
    columns = ["task", "doc_id", "kind", "continuations", "references", "generation"]
    for request in requests.select(columns).to_pylist():
        n = len(request["continuations"])
        reference = request["references"][0] if request["references"] else ""
        texts = [] if n else [reference] * request["generation"]["samples"]
        answers = {
            "loglikelihoods": [-1.0 - number for number in range(n)],
            "greedy": [number == 0 for number in range(n)],
            "n_tokens": [1] * (n or len(texts)),
            "texts": texts,
            "finish_reasons": ["stop"] * len(texts),
        }
        keys = {key: request[key] for key in ("task", "doc_id", "kind")}
        rows.append({"model": "rehearsal", **keys, **answers})
    return pa.Table.from_pylist(rows, RESPONSES)

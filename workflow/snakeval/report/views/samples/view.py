"""Every sample, from files that the page loads when a reader looks at one."""

from collections.abc import Mapping
from pathlib import Path

from snakeval.report.view import Run, View
from snakeval.report.views.samples import files


def content(run: Run, **_: object) -> dict:
    return {}


def write(
    run: Run,
    folder: Path,
    *,
    requests: Mapping[str, Path],
    tokens: Mapping[tuple[str, str], Path],
    responses: Mapping[tuple[str, str], Path],
    document_scores: Mapping[tuple[str, str], Path],
) -> None:
    """Write the samples of every benchmark, with the scores of the tasks' leading metrics."""
    primary = {
        (row.benchmark, row.task): (row.filter, row.metric) for row in run.rows if row.primary
    }
    for benchmark, path in requests.items():
        by_model = {
            model: files.Answers(
                responses[model, benchmark],
                document_scores[model, benchmark],
                tokens.get((model, benchmark)),
            )
            for model in run.models
            if (model, benchmark) in responses
        }
        lead = {task: key for (of, task), key in primary.items() if of == benchmark}
        files.write(folder / benchmark, path, run.models, by_model, lead)


VIEW = View(
    "Samples",
    "Results",
    40,
    content,
    reads=("requests", "tokens", "responses", "document_scores"),
    write=write,
)

"""Two models, document by document. The page's script draws it from the comparisons."""

from snakeval.report.view import Run, View


def content(run: Run) -> dict | None:
    return {} if len(run.models) > 1 else None


VIEW = View("Compare", "Results", 30, content)

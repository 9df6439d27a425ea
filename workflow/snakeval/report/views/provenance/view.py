"""Where the numbers come from."""

from snakeval.report import charts
from snakeval.report.view import Run, View
from snakeval.report.views.provenance import rule_graph


def content(run: Run) -> dict:
    rules = run.provenance["rules"]
    return {
        "provenance": run.provenance,
        "rules": rules,
        "graph": rule_graph.layout(rules),
        "rules_csv": charts.csv(("from", "to"), rules),
    }


VIEW = View("Provenance", "Run", 100, content)

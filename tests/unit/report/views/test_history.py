"""How the page shows changes since earlier runs."""

import math

from builders import report_run

from snakeval.analysis.history import Change
from snakeval.report.views.history import view


def test_a_change_of_perplexity_is_shown_as_a_ratio():
    logarithm = math.log(1.05)
    change = Change(logarithm, None, None, "log", 9)
    assert view.shown(change, logarithm) == "×\u202f1.0500"
    assert view.shown(Change(0.05, None, None, "score", 9), 0.05) == "+0.050"


def test_the_page_counts_regressions(tmp_path):
    earlier, now = tmp_path / "earlier", tmp_path / "now"
    report_run.make(earlier, tasks=2, documents=60)
    settings = report_run.make(now, tasks=2, documents=60)
    report_run.worsen(now, "large", "boolean")
    settings["history"] = [{"label": "earlier", "results": str(earlier)}]
    page = " ".join(report_run.write(now, settings).read_text(encoding="utf-8").split())
    assert "1 regression and 0 improvements" in page


def test_without_earlier_runs_there_is_no_such_view(tmp_path):
    settings = report_run.make(tmp_path, tasks=1, documents=4)
    assert 'href="#history"' not in report_run.write(tmp_path, settings).read_text(encoding="utf-8")

"""How far the scores can be trusted: calibration, lengths, clusters, answers that hardly vary."""

from collections.abc import Mapping
from pathlib import Path

from snakeval.analysis import calibration, lengths, variety
from snakeval.analysis.calibration import Confidence
from snakeval.analysis.lengths import FIFTHS, Length
from snakeval.analysis.variety import Clustered, Frequent
from snakeval.report import charts, figures
from snakeval.report.board import Row
from snakeval.report.view import Run, View

Files = Mapping[tuple[str, str], Path]
SHOWN = 50  # frequent answers; the CSV has all


def content(
    run: Run,
    *,
    requests: Mapping[str, Path],
    tokens: Files,
    responses: Files,
    document_scores: Files,
) -> dict | None:
    confidence = calibration.measure(run.models, requests, responses)
    primary = run.primary(bounded=True)
    by_length = lengths.measure(
        run.models, run.benchmarks, tokens, responses, document_scores, primary
    )
    found = variety.measure(run.models, requests, responses, document_scores, run.primary())
    has_lengths = by_length.prompt or by_length.answer
    if not (confidence or has_lengths or found.frequent or found.clustered):
        return None
    rows = {(row.benchmark, row.task): row for row in run.rows if row.primary}
    clusters = [(rows[each.benchmark, each.task], each) for each in found.clustered]
    return {
        "confidence": confidence,
        "calibration": [calibration_panel(each) for each in confidence],
        "calibration_csv": calibration_csv(confidence),
        "coverage": [coverage_panel(each) for each in confidence],
        "coverage_csv": coverage_csv(confidence),
        "lengths": [
            (what, list(map(length_panel, each)), length_csv(each))
            for what, each in (("prompt", by_length.prompt), ("answer", by_length.answer))
            if each
        ],
        "clusters": [
            (row, cluster_map(row, each, run.models), clusters_csv(each)) for row, each in clusters
        ],
        "frequent": found.frequent[:SHOWN],
        "frequent_count": len(found.frequent),
        "frequent_csv": frequent_csv(found.frequent),
    }


def calibration_panel(found: Confidence) -> charts.Panel:
    """How often the model is right, against how sure it is."""
    points = [
        (sure, right, low, high, f"{n} documents: {sure:.2f} sure, {right:.2f} right")
        for sure, right, low, high, n in found.bins
    ]
    note = f"ECE {found.error:.3f}, n {found.n}"
    return charts.panel(found.model, points, x=(0.0, 1.0), diagonal=True, note=note)


def calibration_csv(found: list[Confidence]) -> str:
    header = ("model", "confidence", "share_right", "ci_low", "ci_high", "n", "ece")
    return charts.csv(header, [(c.model, *line, c.error) for c in found for line in c.bins])


def coverage_panel(found: Confidence) -> charts.Panel:
    """How often the model is right on the documents it is surest of."""
    points = [(share, right, None, None, "") for share, right in found.coverage]
    note = f"all: {found.coverage[-1][1]:.3f}, surest half: {found.accuracy_of_half:.3f}"
    return charts.panel(found.model, points, x=(0.0, 1.0), line=True, note=note)


def coverage_csv(found: list[Confidence]) -> str:
    lines = [(c.model, *line) for c in found for line in c.coverage]
    return charts.csv(("model", "coverage", "share_right"), lines)


def length_panel(found: Length) -> charts.Panel:
    """The score by fifth, the shortest first."""
    points = [
        (float(fifth), mean, low, high, f"fifth {fifth}: {mean:.3f}")
        for fifth, mean, low, high in found.fifths
    ]
    ends = (0.5, FIFTHS + 0.5)
    note = f"n {found.n}"
    return charts.panel(found.model, points, x=ends, x_ticks=FIFTHS, line=True, note=note)


def length_csv(found: list[Length]) -> str:
    lines = [(line.model, *fifth) for line in found for fifth in line.fifths]
    return charts.csv(("model", "fifth", "mean", "ci_low", "ci_high"), lines)


def cluster_map(row: Row, found: Clustered, models: list[str]) -> figures.Heat:
    """A cell for each cluster and model, palest at chance."""
    chance = row.chance or 0.0
    sizes = zip(found.names, found.sizes, strict=True)
    values = [[found.means[model][i] for model in models] for i in range(len(found.names))]
    return figures.heat([(0, f"{name} ({n})", chance) for name, n in sizes], values, models)


def clusters_csv(found: Clustered) -> str:
    lines = [
        (name, size, model, means[i])
        for i, (name, size) in enumerate(zip(found.names, found.sizes, strict=True))
        for model, means in found.means.items()
    ]
    return charts.csv(("cluster", "n", "model", "mean"), lines)


def frequent_csv(found: list[Frequent]) -> str:
    header = ("model", "task", "answer", "share", "share_of_most_frequent_reference", "n")
    lines = [(f.model, f.task, f.answer, f.share, f.reference_share, f.n) for f in found]
    return charts.csv(header, lines)


VIEW = View(
    "Quality",
    "Checks",
    80,
    content,
    reads=("requests", "tokens", "responses", "document_scores"),
)

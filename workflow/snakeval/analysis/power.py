"""What the documents of a run can show, and how many a wanted difference needs: `snakemake power`."""

from typing import Any

import numpy as np
import pyarrow as pa

from snakeval.analysis import markdown
from snakeval.analysis.stage import PowerSettings
from snakeval.schemas.run import POWER
from snakeval.statistics import sample_size


def build(scores: pa.Table, comparisons: pa.Table, settings: PowerSettings) -> pa.Table:
    """POWER: one row per task or group, by its leading metric, and wanted difference.

    `settings`: `differences`, `power`, `alpha`. One document's difference varies as it does between the models of the run, of all pairs the
    median; of a single model as between two that score the same and are right on documents of their own. Right or wrong on independent
    documents: as many as McNemar's test needs (Connor 1987), with at least the share of discordant ones that the difference implies.
    """
    pairs: dict[tuple, list[dict[str, Any]]] = {}
    for row in comparisons.to_pylist():
        if row["detectable"]:
            pairs.setdefault(
                (row["benchmark"], row["task"], row["filter"], row["metric"]), []
            ).append(row)
    rows = []
    lines = {
        (r["benchmark"], r["task"], r["filter"], r["metric"]): r
        for r in scores.to_pylist()
        if r["primary"]
    }
    for key, line in lines.items():
        own, shared = (
            pairs.get(key, []),
            dict(zip(("benchmark", "task", "filter", "metric"), key, strict=True)),
        )
        if own:
            stderrs = [row["detectable"] / sample_size.detectable_difference(1.0) for row in own]
            variances = [stderr**2 * row["n"] for stderr, row in zip(stderrs, own, strict=True)]
            n, variance, basis, scale = (
                min(row["n"] for row in own),
                float(np.median(variances)),
                f"{len(own)} pairs of models",
                own[0]["scale"],
            )
            counted = all(row["test"].startswith("mcnemar") for row in own)
            discordant = (
                float(np.median([(row["only_a"] + row["only_b"]) / row["n"] for row in own]))
                if counted
                else None
            )
        elif (
            line["value"] is not None
            and 0 < line["value"] < 1
            and line["ci_method"].startswith("wilson")
        ):
            n, scale = line["n"], "score"
            variance, basis = (
                sample_size.discordant_share(line["value"], line["value"]),
                "two independent models of this score",
            )
            discordant = variance if line["ci_method"] == "wilson" else None
        else:
            continue
        detectable = sample_size.detectable_difference(
            float(np.sqrt(variance / n)), settings.power, settings.alpha
        )
        for difference in settings.differences:
            if (
                discordant is None or difference > 1
            ):  # which is meant for other metrics: no two shares differ so much
                needed = sample_size.documents_needed(
                    difference, variance, settings.power, settings.alpha
                )
            else:
                least = max(discordant, difference)
                needed = sample_size.documents_needed_right_or_wrong(
                    difference, least, settings.power, settings.alpha
                )
            rows.append(
                shared
                | {
                    "n": n,
                    "scale": scale,
                    "basis": basis,
                    "detectable": detectable,
                    "difference": float(difference),
                    "documents": needed,
                }
                | {"enough": n >= needed}
            )
    return pa.Table.from_pylist(rows, POWER)


def summary(table: pa.Table, settings: PowerSettings) -> str:
    """The table as Markdown, one line per task."""
    lines: dict[tuple, list[str]] = {}
    for row in table.to_pylist():
        label = f"ln {markdown.measured(row)}" if row["scale"] == "log" else markdown.measured(row)
        key = (row["benchmark"], row["task"])
        lines.setdefault(key, [row["task"], label, f"{row['n']:,}", f"{row['detectable']:.4f}"])
        lines[key].append(f"{row['documents']:,}{' ✓' if row['enough'] else ''}")
    wanted = [f"for {difference:g}" for difference in settings.differences]
    if not lines:
        return "No task has scores from which a number of documents follows.\n"
    head = ("task", "metric", "documents", "detectable", *wanted)
    note = (
        f"detectable: the smallest true difference between two models that so many documents show with {settings.power:.0%} power at "
        f"{settings.alpha:.0%}; for …: documents that this difference needs (✓ there are enough). Single comparisons, not adjusted."
    )
    return markdown.table(head, list(lines.values()), head[2:]) + f"\n\n{note}\n"

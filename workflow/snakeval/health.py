"""What could make a score mean less than it says: prompts that were cut; answers that were cut, empty, unreadable or missing."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval import parquet
from snakeval.schemas import HEALTH, RECORDED, RESPONSES, SCORES, TOKENS

Files = Mapping[tuple[str, str], Path]


def build(tokens: Files, responses: Files, scores: Files, recorded: Files) -> pa.Table:
    """HEALTH: one row per model, entry and task. Each argument maps (model, entry) to the file of that stage.

    `responses` and `scores` have all of them, `tokens` those of models that were asked, `recorded` those of the others.
    """
    rows = []
    for model, entry in responses:
        cut = TOKENS.empty_table()
        if (model, entry) in tokens:
            cut = parquet.read(tokens[model, entry], TOKENS, ["task", "truncated_tokens", "dropped_shots"])
        matched = parquet.read(recorded[model, entry], RECORDED).to_pylist() if (model, entry) in recorded else []
        answers = parquet.read(responses[model, entry], RESPONSES, ["task", "texts", "finish_reasons"])
        scored = parquet.read(scores[model, entry], SCORES, ["task", "doc_id", "extracted"])
        failed = scored.filter(pc.invert(scored["extracted"])).group_by(["task", "doc_id"]).aggregate([])
        counts = {
            "n": _per_task(answers["task"]),
            "truncated": _per_task(cut["task"].filter(pc.greater(cut["truncated_tokens"], 0))),
            "dropped_shots": _per_task(cut["task"].filter(pc.greater(cut["dropped_shots"], 0))),
            "cut_answers": _per_task(answers["task"].filter(_any(answers["finish_reasons"], lambda reason: pc.equal(reason, "length")))),
            "empty_answers": _per_task(
                answers["task"].filter(_any(answers["texts"], lambda text: pc.equal(pc.utf8_trim_whitespace(text), "")))
            ),
            "extraction_failed": _per_task(failed["task"]),
            "missing": {row["task"]: row["missing"] for row in matched},
            "surplus": {row["task"]: row["surplus"] for row in matched},
        }
        for task in sorted(counts["n"].keys() | counts["missing"].keys()):
            numbers = {column: count.get(task, 0) for column, count in counts.items()}
            rows.append({"model": model, "entry": entry, "task": task} | numbers)
    return pa.Table.from_pylist(rows, HEALTH)


def reasons(recorded: Files) -> dict[tuple[str, str], str]:
    """(model, task) -> why recorded answers are missing, where that is known."""
    rows = [row for file in recorded.values() for row in parquet.read(file, RECORDED).to_pylist()]
    return {(row["model"], row["task"]): row["reason"] for row in rows if row["reason"]}


def _per_task(tasks: pa.ChunkedArray) -> dict[str, int]:
    return {row["values"]: row["counts"] for row in pc.value_counts(tasks).to_pylist()}


def _any(lists: pa.ChunkedArray, condition: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Whether any item of each list fulfils `condition`; not where the list is empty."""
    true = np.zeros(len(lists), dtype=bool)
    joined = lists.combine_chunks()
    holds = condition(pc.list_flatten(joined)).to_numpy(zero_copy_only=False)
    true[pc.list_parent_indices(joined).to_numpy()[holds.astype(bool)]] = True
    return pa.array(true)

"""What could make a score mean less than it seems.

Counted are prompts that were cut, and answers that were cut, empty, unreadable, refused, repeating
or missing.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.files import parquet
from snakeval.schemas.model import RECORDED, RESPONSES, SCORES, TOKENS
from snakeval.schemas.run import HEALTH

Files = Mapping[tuple[str, str], Path]  # (model, benchmark) -> the file of a stage

_CANNOT = (
    r"(?:can(?:no|')t|can not|cannot|could not|couldn't|won't|will not|must not"
    r"|am (?:unable|not able|not allowed) to|have to decline to)"
)
_REFUSAL = re.compile(
    r"\W*(?:(?:i'm|i am|we're|we are)? ?(?:very |so )?sorry\b"
    rf"|(?:i |we )?(?:must |have to )?apologi[sz]e\b|unfortunately,? i {_CANNOT}\b"
    rf"|(?:i|we) {_CANNOT} (?:help|assist|answer|provide|comply|fulfil|fulfill|discuss|engage"
    r"|create|write|generate|do that|continue)\b"
    r"|(?:i|we) (?:must |have to )?(?:respectfully )?(?:decline|refuse)\b"
    r"|as an? (?:\w+ )?(?:ai|artificial intelligence|language model)\b)",
    re.IGNORECASE,
)
_END = 2048  # characters at the end of an answer in which repetition is looked for
_COPIES = 4  # least copies of one text at the end of an answer that repeats itself
_REPEATED = 64  # least characters of these copies together


def build(tokens: Files, responses: Files, scores: Files, recorded: Files) -> pa.Table:
    """HEALTH: one row per model, benchmark and task.

    `responses` and `scores` have every model and benchmark. `tokens` has those of models that were
    called, `recorded` those of models whose answers are recorded.
    """
    rows: list[dict[str, Any]] = []
    for where in responses:
        counts = _counts(where, tokens, responses, scores, recorded)
        for task in sorted(counts["n"].keys() | counts["missing"].keys()):
            numbers = {column: count.get(task, 0) for column, count in counts.items()}
            rows.append({"model": where[0], "benchmark": where[1], "task": task} | numbers)
    return pa.Table.from_pylist(rows, HEALTH)


def refuses(answer: str) -> bool:
    """Whether the first words decline to answer, by English phrases that models use for it.

    An answer may still follow.

    >>> refuses("I'm sorry, but I can't help with that.")
    True
    """
    return _REFUSAL.match(answer[:300].replace("’", "'")) is not None


def repeats(answer: str) -> bool:
    """Whether the answer ends in at least four copies of one text, of 64 characters together.

    A text ends in copies of length p where each of its last characters equals the one p before
    it. Only distances at which its last eight characters occur again can be such a p, so an
    ordinary text takes one search.
    """
    text = answer[-_END:].rstrip()
    last, found = text[-8:], len(text)
    while len(last) == 8 and (found := text.rfind(last, 0, found - 1)) >= 0:
        found += len(last)
        period = len(text) - found
        span = max(_COPIES * period - 1, _REPEATED)  # without a space at the end
        if span > len(text):
            return False
        if text[len(text) - span + period :] == text[len(text) - span : len(text) - period]:
            return True
    return False


def reasons(recorded: Files) -> dict[tuple[str, str], str]:
    """(model, task) -> why recorded answers are missing, where that is known."""
    rows = [row for file in recorded.values() for row in parquet.read(file, RECORDED).to_pylist()]
    return {(row["model"], row["task"]): row["reason"] for row in rows if row["reason"]}


def _counts(
    where: tuple[str, str], tokens: Files, responses: Files, scores: Files, recorded: Files
) -> dict[str, dict[str, int]]:
    """Column of HEALTH -> task -> number of documents, of one model and benchmark."""
    cut, matched = TOKENS.empty_table(), []
    if where in tokens:
        cut = parquet.read(tokens[where], TOKENS, ["task", "truncated_tokens", "dropped_shots"])
    if where in recorded:
        matched = parquet.read(recorded[where], RECORDED).to_pylist()
    answers = parquet.read(responses[where], RESPONSES, ["task", "texts", "finish_reasons"])
    scored = parquet.read(scores[where], SCORES, ["task", "doc_id", "extracted"])
    unread = scored.filter(pc.invert(scored["extracted"]))

    def having(column: str, condition: Callable[[pa.Array], pa.Array]) -> dict[str, int]:
        return _per_task(answers["task"].filter(_any(answers[column], condition)))

    return {
        "n": _per_task(answers["task"]),
        "truncated": _per_task(cut["task"].filter(pc.greater(cut["truncated_tokens"], 0))),
        "dropped_shots": _per_task(cut["task"].filter(pc.greater(cut["dropped_shots"], 0))),
        "cut_answers": having("finish_reasons", lambda reason: pc.equal(reason, "length")),
        "empty_answers": having("texts", lambda text: pc.equal(pc.utf8_trim_whitespace(text), "")),
        "extraction_failed": _per_task(unread.group_by(["task", "doc_id"]).aggregate([])["task"]),
        "refusals": having("texts", _each(refuses)),
        "repeating": having("texts", _each(repeats)),
        "missing": {row["task"]: row["missing"] for row in matched},
        "surplus": {row["task"]: row["surplus"] for row in matched},
    }


def _per_task(tasks: pa.ChunkedArray) -> dict[str, int]:
    return {row["values"]: row["counts"] for row in pc.value_counts(tasks).to_pylist()}


def _each(condition: Callable[[str], bool]) -> Callable[[pa.Array], pa.Array]:
    return lambda texts: pa.array([condition(text) for text in texts.to_pylist()], pa.bool_())


def _any(lists: pa.ChunkedArray, condition: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Whether any item of each list meets `condition`; false where the list is empty."""
    true = np.zeros(len(lists), dtype=bool)
    joined = lists.combine_chunks()
    holds = condition(pc.list_flatten(joined)).to_numpy(zero_copy_only=False)
    true[pc.list_parent_indices(joined).to_numpy()[holds.astype(bool)]] = True
    return pa.array(true)

"""What could make a score mean less than it says: prompts that were cut; answers that were cut, empty, unreadable, refused or missing."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from snakeval.files import parquet
from snakeval.schemas.model import RECORDED, RESPONSES, SCORES, TOKENS
from snakeval.schemas.run import HEALTH

Files = Mapping[tuple[str, str], Path]

_CANNOT = r"(?:can(?:no|')t|can not|cannot|could not|couldn't|won't|will not|must not|am (?:unable|not able|not allowed) to|have to decline to)"
_REFUSAL = re.compile(
    rf"\W*(?:(?:i'm|i am|we're|we are)? ?(?:very |so )?sorry\b|(?:i |we )?(?:must |have to )?apologi[sz]e\b|unfortunately,? i {_CANNOT}\b"
    rf"|(?:i|we) {_CANNOT} (?:help|assist|answer|provide|comply|fulfil|fulfill|discuss|engage|create|write|generate|do that|continue)\b"
    r"|(?:i|we) (?:must |have to )?(?:respectfully )?(?:decline|refuse)\b|as an? (?:\w+ )?(?:ai|artificial intelligence|language model)\b)",
    re.IGNORECASE,
)
_END = 2048  # characters of an answer in which repetition is looked for
_COPIES, _REPEATED = (
    4,
    64,
)  # an answer repeats itself that ends in so many copies of one text, of so many characters together


def build(tokens: Files, responses: Files, scores: Files, recorded: Files) -> pa.Table:
    """HEALTH: one row per model, benchmark and task. Each argument maps (model, benchmark) to the file of that stage.

    `responses` and `scores` have all of them, `tokens` those of models that were asked, `recorded` those of the others.
    """
    rows = []
    for model, benchmark in responses:
        cut = TOKENS.empty_table()
        if (model, benchmark) in tokens:
            cut = parquet.read(
                tokens[model, benchmark], TOKENS, ["task", "truncated_tokens", "dropped_shots"]
            )
        matched = (
            parquet.read(recorded[model, benchmark], RECORDED).to_pylist()
            if (model, benchmark) in recorded
            else []
        )
        answers = parquet.read(
            responses[model, benchmark], RESPONSES, ["task", "texts", "finish_reasons"]
        )
        scored = parquet.read(scores[model, benchmark], SCORES, ["task", "doc_id", "extracted"])
        failed = (
            scored.filter(pc.invert(scored["extracted"])).group_by(["task", "doc_id"]).aggregate([])
        )
        counts = {
            "n": _per_task(answers["task"]),
            "truncated": _per_task(cut["task"].filter(pc.greater(cut["truncated_tokens"], 0))),
            "dropped_shots": _per_task(cut["task"].filter(pc.greater(cut["dropped_shots"], 0))),
            "cut_answers": _per_task(
                answers["task"].filter(
                    _any(answers["finish_reasons"], lambda reason: pc.equal(reason, "length"))
                )
            ),
            "empty_answers": _per_task(
                answers["task"].filter(
                    _any(answers["texts"], lambda text: pc.equal(pc.utf8_trim_whitespace(text), ""))
                )
            ),
            "extraction_failed": _per_task(failed["task"]),
            "refusals": _per_task(answers["task"].filter(_any(answers["texts"], _each(refuses)))),
            "repeating": _per_task(answers["task"].filter(_any(answers["texts"], _each(repeats)))),
            "missing": {row["task"]: row["missing"] for row in matched},
            "surplus": {row["task"]: row["surplus"] for row in matched},
        }
        for task in sorted(counts["n"].keys() | counts["missing"].keys()):
            numbers = {column: count.get(task, 0) for column, count in counts.items()}
            rows.append({"model": model, "benchmark": benchmark, "task": task} | numbers)
    return pa.Table.from_pylist(rows, HEALTH)


def refuses(answer: str) -> bool:
    """Whether the first words decline to answer, in one of the phrases of English that models use for it; an answer may still follow."""
    return _REFUSAL.match(answer[:300].replace("’", "'")) is not None


def repeats(answer: str) -> bool:
    """Whether the answer ends in the same text over and over: at least four copies, of 64 characters together.

    A text ends in copies of something p long where each of its last characters equals the one p before it. Only distances at which its
    last eight characters come again can be such a p, so an ordinary text is done with at the first look.
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


def _per_task(tasks: pa.ChunkedArray) -> dict[str, int]:
    return {row["values"]: row["counts"] for row in pc.value_counts(tasks).to_pylist()}


def _each(condition: Callable[[str], bool]) -> Callable[[pa.Array], pa.Array]:
    return lambda texts: pa.array([condition(text) for text in texts.to_pylist()], pa.bool_())


def _any(lists: pa.ChunkedArray, condition: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Whether any item of each list fulfils `condition`; not where the list is empty."""
    true = np.zeros(len(lists), dtype=bool)
    joined = lists.combine_chunks()
    holds = condition(pc.list_flatten(joined)).to_numpy(zero_copy_only=False)
    true[pc.list_parent_indices(joined).to_numpy()[holds.astype(bool)]] = True
    return pa.array(true)

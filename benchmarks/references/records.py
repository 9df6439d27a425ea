"""What all parts of the comparison share: the data, and how a difference becomes a row."""

import json
import os
from pathlib import Path

import numpy as np
from builders.scoring_tables import total, values

DATA = Path(os.environ["SNAKEVAL_DATA"])
SOLVERS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
FLEXIBLE = {"regex_pattern": r"(-?[$0-9.,]{2,})|(-?[0-9]+)", "group_select": -1}
Row = tuple[str, str, int, float]  # metric, compared with, records, largest difference


def lines(*path: str) -> list[str]:
    """The lines of a file below DATA, without the empty one at the end (WikiText-2 has none)."""
    found = DATA.joinpath(*path).read_text(encoding="utf-8-sig").split("\n")
    return found if path[0] == "wikitext2" else found[:-1]


def records(*path: str) -> list[dict]:
    """The records of a file of JSON lines below DATA."""
    return [json.loads(line) for line in lines(*path)]


def of_documents(name: str, reference: str, scores, theirs: list, filter_name: str = "none") -> Row:
    """The row of a metric from its values of all documents."""
    return name, reference, len(theirs), largest(values(scores, name, filter_name), theirs)


def of_task(name: str, reference: str, scores, scoring, records: int, value: float) -> Row:
    """The row of a metric from its score of a task."""
    return name, reference, records, abs(total(scores, scoring, name) - value)


def largest(ours: list, theirs: list) -> float:
    """The largest difference of two lists of numbers."""
    return float(np.max(np.abs(np.asarray(ours, float) - np.asarray(theirs, float))))


def lm_eval_filter(
    name: str, options: dict, answers: list[list[str]], documents: list[dict]
) -> list[list]:
    """What lm-eval's filter of a name gives."""
    import lm_eval.filters  # noqa: F401
    from lm_eval.api.registry import get_filter

    return [list(result) for result in get_filter(name)(**options).apply(answers, documents)]

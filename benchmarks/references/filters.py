"""Filters: the number of answers that differ."""

import random
from collections.abc import Iterator

from references.records import FLEXIBLE, SOLVERS, Row, lm_eval_filter, records

from snakeval.scoring.filters.answers import answers_of
from snakeval.scoring.filters.pipeline import apply
from snakeval.scoring.filters.registry import FILTERS


def filtered(rng: random.Random) -> Iterator[Row]:
    """Solutions of GSM8K."""
    problems = records("gsm8k", "example_model_solutions.jsonl")
    answers = [[problem[solver]["solution"]] for solver in SOLVERS for problem in problems]
    documents = [{"choices": ["18", "she has", "A: 3", "Valid"]}] * len(answers)
    letters = {"regex_pattern": r"(\([A-Z]\))", "ignore_case": True, "ignore_punctuation": True}
    mapping = {"mapping_dict": {answers[0][0]: "first"}, "default_value": "other"}
    others = "regex regex_pos format_span remove_whitespace lowercase uppercase majority_vote"
    for name, options in (
        ("regex", FLEXIBLE),
        ("multi_choice_regex", letters),
        ("take_first_k", {"k": 1}),
        ("map", mapping),
        *((name, {}) for name in others.split()),
    ):
        steps = [{"function": name, **options}]
        ours = apply(steps, answers_of(answers), documents, FILTERS).values
        theirs = lm_eval_filter(name, options, answers, documents)
        differ = sum(a != b for a, b in zip(ours, theirs, strict=True))
        yield f"filter {name}", "lm-eval, GSM8K", len(answers), differ

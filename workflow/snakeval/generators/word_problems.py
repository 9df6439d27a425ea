"""Arithmetic word problems with worked steps and the answer after `####`, as in GSM8K."""

import random

from snakeval.generators.generator import Generator
from snakeval.generators.words import PEOPLE, THINGS, pronoun

LARGEST = 60
LARGEST_CHANGE = 9
GAINS = ("finds", "buys", "gets")
LOSSES = ("loses", "sells", "gives away")


def document(rng: random.Random, difficulty: int, subset: str | None) -> dict:
    """Columns `question` and `answer`: `difficulty` steps, then `#### number`.

    Every total is from 1 to 60, every change from 1 to 9.
    """
    name, things = rng.choice(PEOPLE), rng.choice(THINGS)
    total = rng.randint(2, 40)
    sentences, steps = [f"{name} has {total} {things}."], []
    for _ in range(difficulty):
        gains = total == 1 or (total < LARGEST and rng.random() < 0.5)
        amount = rng.randint(1, min(LARGEST_CHANGE, LARGEST - total if gains else total - 1))
        after = total + amount if gains else total - amount
        subject = pronoun(name).capitalize()
        sentences.append(
            f"{subject} {rng.choice(GAINS)} {amount} more."
            if gains
            else f"{subject} {rng.choice(LOSSES)} {amount}."
        )
        steps.append(f"{total} {'+' if gains else '-'} {amount} = {after}")
        total = after
    sentences.append(f"How many {things} does {name} have now?")
    return {"question": " ".join(sentences), "answer": "\n".join([*steps, f"#### {total}"])}


GENERATORS = (Generator("word_problems", document),)

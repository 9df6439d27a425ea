"""Passages whose last word follows only from an earlier sentence, as in LAMBADA."""

import random

from snakeval.generators.generator import Generator
from snakeval.generators.words import OBJECTS, PEOPLE, PLACES, pronoun


def document(rng: random.Random, difficulty: int, subset: str | None) -> dict:
    """Column `text`, without a final full stop.

    There are `difficulty` sentences between the clue and the sentence that needs it.
    """
    first, second = rng.sample(PEOPLE, 2)
    thing, other_thing = rng.sample(OBJECTS, 2)
    place, other_place = rng.sample(PLACES, 2)
    clue, ending = rng.choice(
        [
            (
                f"{first} carried a {thing} and {second} carried a {other_thing}.",
                f"Suddenly {first} dropped the {thing}",
            ),
            (
                f"{first} hid a {thing} under the {other_thing}.",
                f"Later {second} looked under the {other_thing} and found the {thing}",
            ),
            (
                f"{first} wanted a {thing}, not a {other_thing}.",
                f"{second} smiled and gave {first} a {thing}",
            ),
            (
                f"{first} and {second} met at the {place}.",
                f"{first} waved and called out to {second}",
            ),
            (
                f"{first} lived near the {place} and {second} near the {other_place}.",
                f"In the evening {second} went back to the {other_place}",
            ),
        ]
    )
    fillers = rng.sample(
        [
            "It was a warm day.",
            "The wind was cold.",
            "Nobody else was there.",
            "They talked for a long time.",
            f"Both were tired, but {first} did not mind.",
            f"Then {second} laughed, and {pronoun(second)} sat down.",
        ],
        min(difficulty, 6),
    )
    return {"text": " ".join([clue, *fillers, ending])}


GENERATORS = (Generator("last_word", document),)

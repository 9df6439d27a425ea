"""Short stories for perplexity, used as WikiText is: unseen text of a known kind."""

import random

from snakeval.generators.generator import Generator
from snakeval.generators.words import COLOURS, OBJECTS, PEOPLE, PLACES, pronoun

EVENTS = (
    "{name} walked to the {place} and saw a {colour} {thing}.",
    "{friend} asked {name} to bring the {thing}.",
    "At the {place} {name} met {friend}, who was looking for a {thing}.",
    "{Pronoun} put the {thing} into a {colour} bag.",
    "It began to {weather}, so they ran to the {place}.",
    '"Look at the {thing}," said {friend}.',
    '"Where did you find it?" asked {name}.',
    "{friend} thought that the {thing} was too {quality}.",
    "Nobody at the {place} had ever seen such a {quality} {thing}.",
    "{Pronoun} sat down and told {friend} about the {place}.",
    "They shared some {food} and talked about the {thing}.",
    "A {colour} bird flew over the {place}.",
    "{name} was {feeling}, but {pronoun} did not want to stop.",
    "For {number} days {name} heard nothing from {friend}.",
    "{friend} felt {feeling} and went to buy {food}.",
    "The {place} was {quality} and very quiet.",
    "All night {name} dreamed of the {colour} {thing}.",
    "{friend} promised to come back after {number} weeks.",
    "When it started to {weather}, {name} hid the {thing}.",
    "An old man offered {number} coins for the {thing}.",
)
ENDINGS = (
    "In the evening {name} and {friend} went home together.",
    "{friend} kept the {thing}, and {name} was {feeling}.",
    "{name} never went to the {place} again.",
    "From that day on they met at the {place} every week.",
)
FOOD = ["bread", "cheese", "soup", "cake", "honey", "rice"]
WEATHER = ["rain", "snow", "thunder"]
QUALITIES = ["old", "small", "strange", "heavy", "pretty", "dark"]
FEELINGS = ["tired", "happy", "sad", "hungry", "afraid", "proud"]
NUMBERS = ["two", "three", "four", "five", "six", "ten"]


def document(rng: random.Random, difficulty: int, subset: str | None) -> dict:
    """Column `text`: 3 + 2 × difficulty sentences about two people, a thing and a place."""
    name, friend = rng.sample(PEOPLE, 2)
    cast = {
        "name": name,
        "friend": friend,
        "pronoun": pronoun(name),
        "Pronoun": pronoun(name).capitalize(),
        "place": rng.choice(PLACES),
        "thing": rng.choice(OBJECTS),
    }
    opening = "Once {name} lived near a {place} with a friend called {friend}."
    sentences = [
        opening,
        *rng.sample(EVENTS, min(1 + 2 * difficulty, len(EVENTS))),
        rng.choice(ENDINGS),
    ]
    return {"text": " ".join(sentence.format(**cast, **_passing(rng)) for sentence in sentences)}


def _passing(rng: random.Random) -> dict[str, str]:
    """Words for one sentence only."""
    return {
        "colour": rng.choice(COLOURS),
        "food": rng.choice(FOOD),
        "weather": rng.choice(WEATHER),
        "quality": rng.choice(QUALITIES),
        "feeling": rng.choice(FEELINGS),
        "number": rng.choice(NUMBERS),
    }


GENERATORS = (Generator("stories", document),)

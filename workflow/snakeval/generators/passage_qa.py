"""Questions whose answer is copied from a short passage, as in SQuAD."""

import random

from snakeval.generators.generator import Generator
from snakeval.generators.words import COLOURS, OBJECTS, PEOPLE, PLACES


def document(rng: random.Random, difficulty: int, subset: str | None) -> dict:
    """Columns `passage`, `question` and `answer`, which is a span of the passage.

    The passage has one sentence for each of `difficulty` people.
    """
    names, places = rng.sample(PEOPLE, difficulty), rng.sample(PLACES, difficulty)
    objects = [f"{rng.choice(COLOURS)} {thing}" for thing in rng.sample(OBJECTS, difficulty)]
    passage = " ".join(
        f"{name} lives near the {place} and owns a {thing}."
        for name, place, thing in zip(names, places, objects, strict=True)
    )
    person = rng.randrange(difficulty)
    name, place, thing = names[person], places[person], objects[person]
    question, answer = rng.choice(
        [
            (f"Where does {name} live?", f"near the {place}"),
            (f"What does {name} own?", f"a {thing}"),
            (f"Who lives near the {place}?", name),
            (f"Who owns a {thing}?", name),
        ]
    )
    return {"passage": passage, "question": question, "answer": answer}


GENERATORS = (Generator("passage_qa", document),)

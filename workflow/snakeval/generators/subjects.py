"""Four-choice questions from five subjects, like those of MMLU.

Some ask for facts in held-out wordings, the others for rules in held-out cases.
"""

import random

from snakeval.generators.generator import Generator

CAPITALS = {
    "Austria": "Vienna", "Belgium": "Brussels", "Brazil": "Brasilia", "Canada": "Ottawa",
    "Chile": "Santiago", "China": "Beijing", "Cuba": "Havana", "Denmark": "Copenhagen",
    "Egypt": "Cairo", "England": "London", "Finland": "Helsinki", "France": "Paris",
    "Germany": "Berlin", "Ghana": "Accra", "Greece": "Athens", "Hungary": "Budapest",
    "Iceland": "Reykjavik", "India": "Delhi", "Iran": "Tehran", "Iraq": "Baghdad",
    "Ireland": "Dublin", "Italy": "Rome", "Japan": "Tokyo", "Kenya": "Nairobi",
    "Nepal": "Kathmandu", "Norway": "Oslo", "Peru": "Lima", "Poland": "Warsaw",
    "Portugal": "Lisbon", "Russia": "Moscow", "Spain": "Madrid", "Sweden": "Stockholm",
}  # fmt: skip
CATEGORIES = {
    "an animal": [
        "bear", "cat", "cow", "deer", "dog", "fox", "goat", "horse", "lion", "mouse", "sheep",
        "wolf",
    ],
    "a fruit": [
        "apple", "banana", "cherry", "fig", "grape", "lemon", "mango", "melon", "orange", "peach",
        "pear", "plum",
    ],
    "a metal": [
        "brass", "bronze", "copper", "gold", "iron", "lead", "nickel", "silver", "steel", "tin",
        "titanium", "zinc",
    ],
    "a plant": [
        "birch", "daisy", "fern", "ivy", "lily", "maple", "moss", "oak", "palm", "pine", "tulip",
        "willow",
    ],
    "a vehicle": [
        "bicycle", "boat", "bus", "car", "ferry", "lorry", "plane", "ship", "taxi", "train",
        "tram", "van",
    ],
    "a garment": [
        "blouse", "coat", "dress", "glove", "jacket", "shirt", "shoe", "skirt", "sock", "suit",
        "tie", "vest",
    ],
}  # fmt: skip
_ASK_FOR_CAPITAL = [
    "What is the capital of {}?",
    "Which city is the capital of {}?",
    "From which city is {} governed?",
    "{}: what is its capital?",
]
_ASK_FOR_COUNTRY = [
    "Which country has the capital {}?",
    "Of which country is {} the capital?",
    "{} is the capital of what?",
    "Where is {} the capital?",
]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def document(rng: random.Random, difficulty: int, subset: str | None) -> dict:
    """Columns `question`, `choices` and `answer`. `subset` is a key of SUBJECTS.

    The four choices differ. `answer` is the index of the right one, uniform over 0 to 3.
    """
    question, right, wrong = SUBJECTS[str(subset)](rng, difficulty)
    answer = rng.randrange(4)
    choices = rng.sample(wrong, 3)
    choices.insert(answer, right)
    return {"question": question, "choices": choices, "answer": answer}


def _capitals(rng: random.Random, difficulty: int) -> tuple[str, str, list[str]]:
    country = rng.choice(list(CAPITALS))
    capital = CAPITALS[country]
    if rng.random() < 0.5:
        others = [other for other in CAPITALS.values() if other != capital]
        return rng.choice(_ASK_FOR_CAPITAL).format(country), capital, others
    others = [other for other in CAPITALS if other != country]
    return rng.choice(_ASK_FOR_COUNTRY).format(capital), country, others


def _categories(rng: random.Random, difficulty: int) -> tuple[str, str, list[str]]:
    category, *others = rng.sample(list(CATEGORIES), 4)
    if rng.random() < 0.5:
        right, wrong = rng.choice(CATEGORIES[others[0]]), rng.sample(CATEGORIES[category], 3)
        return f"Which word is the odd one out: {_shuffled(rng, [right, *wrong])}?", right, wrong
    right = rng.choice(CATEGORIES[category])
    wrong = [rng.choice(CATEGORIES[other]) for other in others]
    return f"Which of these is {category}: {_shuffled(rng, [right, *wrong])}?", right, wrong


def _comparison(rng: random.Random, difficulty: int) -> tuple[str, str, list[str]]:
    numbers = rng.sample(range(10**difficulty), 4)
    largest = rng.random() < 0.5
    right, which = (max(numbers), "largest") if largest else (min(numbers), "smallest")
    shuffled = _shuffled(rng, [str(number) for number in numbers])
    question = f"Which number is the {which}: {shuffled}?"
    return question, str(right), [str(number) for number in numbers if number != right]


def _letters(rng: random.Random, difficulty: int) -> tuple[str, str, list[str]]:
    letters = rng.sample(LETTERS, 4)
    first = rng.random() < 0.5
    right, which = (min(letters), "first") if first else (max(letters), "last")
    question = f"Which letter is {which} in the alphabet: {_shuffled(rng, letters)}?"
    return question, right, [letter for letter in letters if letter != right]


def _sequences(rng: random.Random, difficulty: int) -> tuple[str, str, list[str]]:
    step = rng.randint(1, 1 + 2 * difficulty)
    start = rng.randint(1, 60)
    terms = [start + step * position for position in range(4)]
    following = terms[-1] + step
    wrong = [str(following + error) for error in (-3, -2, -1, 1, 2, 3)]
    return f"Which number comes next: {', '.join(map(str, terms))}?", str(following), wrong


def _shuffled(rng: random.Random, items: list[str]) -> str:
    return "{}, {}, {} or {}".format(*rng.sample(items, 4))


SUBJECTS = {
    "capitals": _capitals,
    "categories": _categories,
    "comparison": _comparison,
    "letters": _letters,
    "sequences": _sequences,
}


GENERATORS = (Generator("subjects", document, subsets=tuple(SUBJECTS)),)

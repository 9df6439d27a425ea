"""Four-choice questions from five subjects, as MMLU's: facts asked in held-out forms, and rules asked of held-out cases."""

import random

from snakeval.errors import UserError

CAPITALS = {
    "Austria": "Vienna", "Belgium": "Brussels", "Brazil": "Brasilia", "Canada": "Ottawa", "Chile": "Santiago", "China": "Beijing",
    "Cuba": "Havana", "Denmark": "Copenhagen", "Egypt": "Cairo", "England": "London", "Finland": "Helsinki", "France": "Paris",
    "Germany": "Berlin", "Ghana": "Accra", "Greece": "Athens", "Hungary": "Budapest", "Iceland": "Reykjavik", "India": "Delhi",
    "Iran": "Tehran", "Iraq": "Baghdad", "Ireland": "Dublin", "Italy": "Rome", "Japan": "Tokyo", "Kenya": "Nairobi",
    "Nepal": "Kathmandu", "Norway": "Oslo", "Peru": "Lima", "Poland": "Warsaw", "Portugal": "Lisbon", "Russia": "Moscow",
    "Spain": "Madrid", "Sweden": "Stockholm",
}  # fmt: skip
CATEGORIES = {
    "an animal": [
        "bear",
        "cat",
        "cow",
        "deer",
        "dog",
        "fox",
        "goat",
        "horse",
        "lion",
        "mouse",
        "sheep",
        "wolf",
    ],
    "a fruit": [
        "apple",
        "banana",
        "cherry",
        "fig",
        "grape",
        "lemon",
        "mango",
        "melon",
        "orange",
        "peach",
        "pear",
        "plum",
    ],
    "a metal": [
        "brass",
        "bronze",
        "copper",
        "gold",
        "iron",
        "lead",
        "nickel",
        "silver",
        "steel",
        "tin",
        "titanium",
        "zinc",
    ],
    "a plant": [
        "birch",
        "daisy",
        "fern",
        "ivy",
        "lily",
        "maple",
        "moss",
        "oak",
        "palm",
        "pine",
        "tulip",
        "willow",
    ],
    "a vehicle": [
        "bicycle",
        "boat",
        "bus",
        "car",
        "ferry",
        "lorry",
        "plane",
        "ship",
        "taxi",
        "train",
        "tram",
        "van",
    ],
    "a garment": [
        "blouse",
        "coat",
        "dress",
        "glove",
        "jacket",
        "shirt",
        "shoe",
        "skirt",
        "sock",
        "suit",
        "tie",
        "vest",
    ],
}
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def document(rng: random.Random, difficulty: int, subset: str | None) -> dict:
    """Columns `question`, `choices` (four different texts), `answer` (index of the right one, uniform over 0-3)."""
    if subset not in SUBJECTS:
        raise UserError(
            f"generator:subjects: no subject {subset!r}; dataset_name is one of {', '.join(SUBJECTS)}"
        )
    question, right, wrong = SUBJECTS[subset](rng, difficulty)
    answer = rng.randrange(4)
    choices = rng.sample(wrong, 3)
    choices.insert(answer, right)
    return {"question": question, "choices": choices, "answer": answer}


def _capitals(rng: random.Random, difficulty: int) -> tuple[str, str, list[str]]:
    country = rng.choice(list(CAPITALS))
    capital = CAPITALS[country]
    if rng.random() < 0.5:
        forms = [
            "What is the capital of {}?",
            "Which city is the capital of {}?",
            "From which city is {} governed?",
            "{}: what is its capital?",
        ]
        return (
            rng.choice(forms).format(country),
            capital,
            [other for other in CAPITALS.values() if other != capital],
        )
    forms = [
        "Which country has the capital {}?",
        "Of which country is {} the capital?",
        "{} is the capital of what?",
        "Where is {} the capital?",
    ]
    return (
        rng.choice(forms).format(capital),
        country,
        [other for other in CAPITALS if other != country],
    )


def _categories(rng: random.Random, difficulty: int) -> tuple[str, str, list[str]]:
    category, *others = rng.sample(list(CATEGORIES), 4)
    if rng.random() < 0.5:
        right, wrong = rng.choice(CATEGORIES[others[0]]), rng.sample(CATEGORIES[category], 3)
        return f"Which word is the odd one out: {_shuffled(rng, [right, *wrong])}?", right, wrong
    right, wrong = (
        rng.choice(CATEGORIES[category]),
        [rng.choice(CATEGORIES[other]) for other in others],
    )
    return f"Which of these is {category}: {_shuffled(rng, [right, *wrong])}?", right, wrong


def _comparison(rng: random.Random, difficulty: int) -> tuple[str, str, list[str]]:
    numbers = rng.sample(range(10**difficulty), 4)
    largest = rng.random() < 0.5
    right = max(numbers) if largest else min(numbers)
    question = f"Which number is the {'largest' if largest else 'smallest'}: {_shuffled(rng, [str(number) for number in numbers])}?"
    return question, str(right), [str(number) for number in numbers if number != right]


def _letters(rng: random.Random, difficulty: int) -> tuple[str, str, list[str]]:
    letters = rng.sample(LETTERS, 4)
    first = rng.random() < 0.5
    right = min(letters) if first else max(letters)
    question = f"Which letter is {'first' if first else 'last'} in the alphabet: {_shuffled(rng, letters)}?"
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

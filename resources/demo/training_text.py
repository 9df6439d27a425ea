"""The text the demo's models are trained on: the demo's task files, rendered over the generators' training share."""

import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import jinja2
import yaml

from snakeval import generators
from snakeval.generators import words

TASKS = Path(__file__).parents[2] / "config" / "tasks" / "demo"
SEED = 7  # of the training text; the evaluated documents have seeds of their own
CHUNK = 40  # documents drawn under one seed: small enough for the smallest subject
# Shares of training samples: what takes longer to learn gets more.
MIX = {
    "boolean_expressions": 0.12, "arithmetic": 0.16, "passage_qa": 0.2, "last_word": 0.12, "stories": 0.03, "subjects_capitals": 0.04,
    "subjects_categories": 0.08, "subjects_comparison": 0.05, "subjects_letters": 0.04, "subjects_sequences": 0.05, "drill": 0.11,
}  # fmt: skip


def task_files() -> dict[str, dict]:
    """The demo's leaf tasks by name, includes merged."""
    tasks = {}
    for path in sorted(TASKS.glob("*.yaml")):
        settings = yaml.safe_load(path.read_text())
        if "include" in settings:
            settings = {**yaml.safe_load((TASKS / settings["include"]).read_text()), **settings}
        if isinstance(settings.get("task"), str):
            tasks[settings["task"]] = settings
    return tasks


def rendered(settings: dict, documents: list[dict]) -> list[tuple[str, str]]:
    """(prompt, answer with its delimiter) of each document as the task file renders it; a rolling task has no prompt."""
    text, target = jinja2.Template(settings["doc_to_text"]), jinja2.Template(settings["doc_to_target"])
    delimiter = " " if settings["doc_to_text"] else ""
    # Subjects give the right choice as an index.
    answers = [doc["choices"][doc["answer"]] if "choices" in doc else target.render(doc) for doc in documents]
    return [(text.render(document), delimiter + answer) for document, answer in zip(documents, answers, strict=True)]


def pairs(settings: dict) -> Iterator[tuple[str, str]]:
    """Endless rendered documents of a task, from the training share."""
    name, subset = settings["dataset_path"].removeprefix("generator:"), settings.get("dataset_name")
    difficulty = settings["dataset_kwargs"].get("difficulty", "medium")
    for seed in itertools.count(SEED * 1_000_000):
        documents = generators.generate(name, subset=subset, split="train", seed=seed, size=CHUNK, difficulty=difficulty)
        yield from rendered(settings, documents)


def drill(rng: random.Random) -> tuple[str, str]:
    """Pairs of words to be recalled in another order: no task, but it teaches early to look things up in what came before."""
    count = rng.randint(3, 8)
    pairs = [" ".join(pair) for pair in zip(rng.sample(words.PEOPLE, count), rng.sample(words.OBJECTS + words.PLACES, count), strict=True)]
    return ", ".join(pairs) + ".", " " + ", ".join(rng.sample(pairs, count)) + "."


def samples(count: int) -> Iterator[list[tuple[str, str]]]:
    """Training samples: one to three documents of a task, as a prompt with few-shot examples holds them; passages stand alone."""
    rng = random.Random(SEED)
    streams = {task: pairs(settings) for task, settings in task_files().items()}
    streams["drill"] = (drill(rng) for _ in itertools.count())
    for _ in range(count):
        task = rng.choices(list(MIX), list(MIX.values()))[0]
        shots = 1 if task in ("drill", "last_word", "stories") else rng.choice((1, 1, 2, 3))
        yield [next(streams[task]) for _ in range(shots)]

"""The text that the demo's models are trained on.

The demo's task files are rendered with the training share of the generators.
"""

import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import jinja2
import yaml

from snakeval.generators import generate

TASKS = Path(__file__).parents[2] / "config" / "tasks" / "demo"
SEED = 7  # of the training text; the evaluated documents have other seeds
SAMPLES = 42_000  # in all; a sample holds one to three documents
CHUNK = 40  # documents drawn under one seed: small enough for the smallest subject
# Shares of training samples. Tasks that take longer to learn get more.
MIX = {
    "boolean_expressions": 0.12, "arithmetic": 0.1, "passage_qa": 0.24, "last_word": 0.22,
    "stories": 0.02, "subjects_capitals": 0.04, "subjects_categories": 0.09,
    "subjects_comparison": 0.06, "subjects_letters": 0.05, "subjects_sequences": 0.06,
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
    """(prompt, answer with its delimiter) of each document, as the task file renders it.

    A rolling task has no prompt.
    """
    text = jinja2.Template(settings["doc_to_text"])
    target = jinja2.Template(settings["doc_to_target"])
    delimiter = " " if settings["doc_to_text"] else ""
    # Subjects give the right choice as an index.
    answers = [
        doc["choices"][doc["answer"]] if "choices" in doc else target.render(doc)
        for doc in documents
    ]
    return [
        (text.render(document), delimiter + answer)
        for document, answer in zip(documents, answers, strict=True)
    ]


def pairs(settings: dict) -> Iterator[tuple[str, str]]:
    """Endless rendered documents of a task, from the training share."""
    name, subset = settings["dataset_path"].removeprefix("generator:"), settings.get("dataset_name")
    difficulty = settings["dataset_kwargs"].get("difficulty", "medium")
    for seed in itertools.count(SEED * 1_000_000):
        documents = generate.generate(
            name, subset=subset, split="train", seed=seed, size=CHUNK, difficulty=difficulty
        )
        yield from rendered(settings, documents)


def samples(count: int) -> Iterator[list[tuple[str, str]]]:
    """Training samples: one to three documents of a task, as in a prompt with few-shot examples.

    Passages and stories are alone in a sample.
    """
    rng = random.Random(SEED)
    streams = {task: pairs(settings) for task, settings in task_files().items()}
    for _ in range(count):
        task = rng.choices(list(MIX), list(MIX.values()))[0]
        shots = 1 if task in ("last_word", "stories") else rng.choice((1, 1, 2, 3))
        yield [next(streams[task]) for _ in range(shots)]

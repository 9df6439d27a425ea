"""Seeded generators of small evaluation data: the demo's tasks, and any a user adds.

A task file asks for one with

    dataset_path: generator:boolean        # a name below, or a file of your own: generator:config/tasks/mine/coins.py
    dataset_name: null                     # handed on as `subset`
    dataset_kwargs: {seed: 1, size: 300, difficulty: 2}     # difficulty may be left out
    test_split: test
    fewshot_split: train

A generator is a plain function `document(rng, difficulty, subset) -> dict` that draws one document from a `random.Random`; a file with such
a function is all it takes. What a model may be trained on is kept apart from what it is asked: the hash of a document's content decides
once and for all whether it belongs to the evaluation share (`test`) or to the rest (`train`), whatever the seed, size or difficulty.
"""

import hashlib
import importlib.util
import json
import random
from collections.abc import Callable
from pathlib import Path

from snakeval.errors import UserError
from snakeval.generators import boolean, last_word, passage_qa, stories, subjects, word_problems

Generator = Callable[[random.Random, int, str | None], dict]

GENERATORS: dict[str, Generator] = {
    "boolean": boolean.document,
    "last_word": last_word.document,
    "passage_qa": passage_qa.document,
    "stories": stories.document,
    "subjects": subjects.document,
    "word_problems": word_problems.document,
}
DIFFICULTIES = {"easy": 1, "medium": 2, "hard": 3}
SPLITS = ("train", "test")
EVALUATION_SHARE = 0.25  # of all contents; an evaluated document costs four draws on average
ANSWER_COLUMNS = frozenset(
    {"answer", "choices", "target"}
)  # the same question with other choices is the same content
DRAWS_PER_DOCUMENT = 200  # without a new document before a generator counts as exhausted


def generate(
    name: str,
    *,
    subset: str | None = None,
    split: str = "test",
    seed: int = 0,
    size: int = 100,
    difficulty: int | str = "medium",
) -> list[dict]:
    """The first `size` distinct documents of the stream that (name, subset, split, seed, difficulty) determine.

    Document i is the same for every size > i. `name` is a registered generator or the path of a Python file with a function
    `document(rng, difficulty, subset)`, whose folder does not count; `difficulty` is a positive integer or easy, medium, hard (1, 2, 3).
    Raises UserError for an unknown name, split or difficulty, a file that cannot be used, and when the generator has fewer than `size`
    distinct documents.
    """
    draw, level = _function(name), _level(name, difficulty)
    if split not in SPLITS:
        raise UserError(f"generator:{name}: no split {split!r}; there are {', '.join(SPLITS)}")
    if not _positive(size):
        raise UserError(f"generator:{name}: size is {size!r}; give a whole number, 1 or more")
    documents: list[dict] = []
    seen: set[bytes] = set()
    position = last_new = 0
    while len(documents) < size:
        try:
            document = draw(
                random.Random(_number(Path(name).name, subset, split, seed, level, position)),
                level,
                subset,
            )
            content = content_hash(name, document)
        except UserError:
            raise
        except Exception as error:  # a user's function may fail in any way, and ours where a difficulty asks for more than there is
            where = f"generator:{name}: difficulty {level}"
            raise UserError(
                f"{where}: no document could be made: {type(error).__name__}: {error}; correct it"
            ) from error
        if content not in seen and is_evaluated(content) == (split == "test"):
            seen.add(content)
            documents.append(document)
            last_new = position
        elif position - last_new > DRAWS_PER_DOCUMENT:
            where = f"generator:{name}" + (f", {subset}" if subset else "")
            raise UserError(
                f"{where}: only {len(documents)} distinct documents found for {split}; lower size ({size}) or raise difficulty"
            )
        position += 1
    return documents


def content_hash(name: str, document: dict) -> bytes:
    """Hash of what a document asks: every column but its answer and its choices. Of a generator's file the name counts, not the folder."""
    asked = {column: value for column, value in document.items() if column not in ANSWER_COLUMNS}
    return hashlib.sha256(
        f"{Path(name).name}\n{json.dumps(asked, sort_keys=True)}".encode()
    ).digest()


def is_evaluated(content: bytes) -> bool:
    """Whether a content belongs to the evaluation share."""
    return int.from_bytes(content[:8], "big") < EVALUATION_SHARE * 2**64


def _number(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256(json.dumps(parts).encode()).digest()[:8], "big")


def _level(name: str, difficulty: int | str) -> int:
    level = DIFFICULTIES.get(difficulty) if isinstance(difficulty, str) else difficulty
    if level is None or not _positive(level):
        raise UserError(
            f"generator:{name}: difficulty is {difficulty!r}; give 1 or more, or one of {', '.join(DIFFICULTIES)}"
        )
    return level


def _positive(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 1


def _function(name: str) -> Generator:
    if name in GENERATORS:
        return GENERATORS[name]
    path = _file(name)
    spec = importlib.util.spec_from_file_location(f"snakeval_generator_{path.stem}", path)
    assert spec is not None and spec.loader is not None  # the suffix is .py
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"{path}: cannot be imported: {type(error).__name__}: {error}") from error
    if not hasattr(module, "document"):
        raise UserError(
            f"{path}: no function document(rng, difficulty, subset); a generator file needs one"
        )
    return module.document


def _file(name: str) -> Path:
    path = Path(name)
    if path.suffix != ".py" or not path.is_file():
        raise UserError(
            f"generator:{name}: neither a generator ({', '.join(GENERATORS)}) nor a Python file that exists"
        )
    return path

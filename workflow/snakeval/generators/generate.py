"""Seeded generators of small evaluation data: the demo's tasks, and any that a user adds.

A task file uses one with

    dataset_path: generator:boolean     # a name, or a file: generator:config/tasks/mine/coins.py
    dataset_name: null                  # the subset
    dataset_kwargs: {seed: 1, size: 300, difficulty: 2}     # difficulty is optional
    test_split: test
    fewshot_split: train

A generator is a function `document(rng, difficulty, subset) -> dict`, which draws one document with
a `random.Random`. A user's file needs only this function; a file in this folder also declares it
(see `snakeval.generators.generator`).

Documents for training and for evaluation never mix. The hash of a document's content decides
whether it belongs to the evaluation share (`test`) or to the rest (`train`), whatever the seed,
size or difficulty.
"""

import hashlib
import importlib.util
import json
import random
from pathlib import Path

from snakeval.errors import UserError
from snakeval.files.neighbours import neighbours
from snakeval.generators.generator import Generator

GENERATORS: dict[str, Generator] = {
    generator.name: generator
    for module in neighbours(__name__, "GENERATORS")
    for generator in module.GENERATORS
}
SPLITS = ("train", "test")
EVALUATION_SHARE = 0.25  # of all contents; an evaluated document costs four draws on average
# The same question with other choices is the same content.
ANSWER_COLUMNS = frozenset({"answer", "choices", "target"})
DRAWS_PER_DOCUMENT = 200  # a generator is exhausted after this many draws without a new document


def generate(
    name: str,
    *,
    subset: str | None = None,
    split: str = "test",
    seed: int = 0,
    size: int = 100,
    difficulty: int | str = "medium",
) -> list[dict]:
    """The first `size` distinct documents for (name, subset, split, seed, difficulty).

    Document i is the same for every size > i. `name` is a declared generator, or the path of a
    Python file with a function `document(rng, difficulty, subset)`. The folder of the file does not
    count. `difficulty` is a positive integer or a name, such as easy, medium or hard (1, 2, 3).

        generate("boolean", size=2, seed=1)

    Raises UserError for an unknown name, subset, split or difficulty, for a file that cannot be
    used, and for a generator with fewer than `size` distinct documents.
    """
    generator = _generator(name)
    level = _level(generator, name, difficulty)
    _check(generator, name, subset, split, size)
    documents: list[dict] = []
    seen: set[bytes] = set()
    position = last_new = 0
    while len(documents) < size:
        seed_of_draw = _number(Path(name).name, subset, split, seed, level, position)
        document, content = _drawn(generator, name, seed_of_draw, level, subset)
        if content not in seen and is_evaluated(content) == (split == "test"):
            seen.add(content)
            documents.append(document)
            last_new = position
        elif position - last_new > DRAWS_PER_DOCUMENT:
            where = f"generator:{name}" + (f", {subset}" if subset else "")
            raise UserError(
                f"{where}: only {len(documents)} distinct documents for {split}. "
                f"Lower size ({size}) or raise difficulty."
            )
        position += 1
    return documents


def content_hash(name: str, document: dict) -> bytes:
    """Hash of a document's question: every column except its answer and its choices.

    Of a generator's file the name counts, not the folder.
    """
    question = {column: value for column, value in document.items() if column not in ANSWER_COLUMNS}
    text = f"{Path(name).name}\n{json.dumps(question, sort_keys=True)}"
    return hashlib.sha256(text.encode()).digest()


def is_evaluated(content: bytes) -> bool:
    """Whether a content belongs to the evaluation share."""
    return int.from_bytes(content[:8], "big") < EVALUATION_SHARE * 2**64


def _drawn(
    generator: Generator, name: str, seed: int, level: int, subset: str | None
) -> tuple[dict, bytes]:
    """A document and the hash of its content."""
    try:
        document = generator.document(random.Random(seed), level, subset)
        return document, content_hash(name, document)
    except UserError:
        raise
    except Exception as error:  # a user's function may fail in any way, ours at high difficulties
        raise UserError(
            f"generator:{name}: difficulty {level}: no document could be made: "
            f"{type(error).__name__}: {error}. Correct the function or lower the difficulty."
        ) from error


def _number(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256(json.dumps(parts).encode()).digest()[:8], "big")


def _check(generator: Generator, name: str, subset: str | None, split: str, size: object) -> None:
    if generator.subsets and subset not in generator.subsets:
        raise UserError(
            f"generator:{name}: no subset {subset!r}. "
            f"Set dataset_name to one of {', '.join(generator.subsets)}."
        )
    if split not in SPLITS:
        raise UserError(f"generator:{name}: no split {split!r}. Use {' or '.join(SPLITS)}.")
    if not _positive(size):
        raise UserError(f"generator:{name}: size is {size!r}. Give a whole number, 1 or more.")


def _level(generator: Generator, name: str, difficulty: int | str) -> int:
    level = generator.difficulties.get(difficulty) if isinstance(difficulty, str) else difficulty
    if level is None or not _positive(level):
        names = ", ".join(generator.difficulties)
        raise UserError(
            f"generator:{name}: difficulty is {difficulty!r}. Give 1 or more, or one of {names}."
        )
    return level


def _positive(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 1


def _generator(name: str) -> Generator:
    return GENERATORS[name] if name in GENERATORS else _from_file(name)


def _from_file(name: str) -> Generator:
    path = Path(name)
    if path.suffix != ".py" or not path.is_file():
        raise UserError(
            f"generator:{name}: no such generator or Python file. "
            f"Use {', '.join(GENERATORS)}, or the path of a file."
        )
    spec = importlib.util.spec_from_file_location(f"snakeval_generator_{path.stem}", path)
    assert spec is not None and spec.loader is not None  # the suffix is .py
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(
            f"{path}: cannot be imported: {type(error).__name__}: {error}. Correct the file."
        ) from error
    if not hasattr(module, "document"):
        raise UserError(f"{path}: no function document(rng, difficulty, subset). Add it.")
    return Generator(path.name, module.document)

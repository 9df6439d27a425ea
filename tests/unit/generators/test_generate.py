"""The demo's generators.

They are deterministic and independent of size, and no evaluated document is in the training text.
"""

import ast
import importlib.util
import random
import re
from pathlib import Path

import pytest

from snakeval.errors import UserError
from snakeval.generators import generate, subjects

ROOT = Path(__file__).parents[3]
CASES = [(name, None) for name in generate.GENERATORS if name != "subjects"] + [
    ("subjects", subject) for subject in subjects.SUBJECTS
]


@pytest.fixture(scope="module")
def training():
    """The module that renders the text the demo's models are trained on."""
    spec = importlib.util.spec_from_file_location(
        "training_text", ROOT / "resources" / "demo" / "training_text.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def evaluated(settings: dict) -> list[dict]:
    name = settings["dataset_path"].removeprefix("generator:")
    return generate.generate(
        name, subset=settings.get("dataset_name"), split="test", **settings["dataset_kwargs"]
    )


@pytest.mark.parametrize(("name", "subset"), CASES)
def test_documents_depend_only_on_their_position(name, subset):
    documents = generate.generate(name, subset=subset, split="test", seed=3, size=30)
    assert documents == generate.generate(name, subset=subset, split="test", seed=3, size=30)
    assert documents[:7] == generate.generate(name, subset=subset, split="test", seed=3, size=7)
    assert documents != generate.generate(name, subset=subset, split="test", seed=4, size=30)


@pytest.mark.parametrize(("name", "subset"), CASES)
def test_rows_share_a_schema_and_are_distinct(name, subset):
    documents = generate.generate(name, subset=subset, split="test", seed=3, size=30)
    assert {
        tuple((column, type(value)) for column, value in document.items()) for document in documents
    } == {tuple((column, type(value)) for column, value in documents[0].items())}
    assert len({generate.content_hash(name, document) for document in documents}) == 30


@pytest.mark.parametrize(("name", "subset"), CASES)
def test_splits_never_share_a_document_whatever_the_seeds(name, subset):
    contents = {
        split: {
            generate.content_hash(name, document)
            for seed in range(8)
            for document in generate.generate(name, subset=subset, split=split, seed=seed, size=40)
        }
        for split in generate.SPLITS
    }
    assert not contents["train"] & contents["test"]


def test_no_evaluated_document_is_in_the_training_text(training):
    """No evaluated prompt is anywhere in the text that the models read."""
    text = "\n\n".join(
        prompt + answer
        for sample in training.samples(training.SAMPLES)
        for prompt, answer in sample
    )
    for task, settings in training.task_files().items():
        documents = evaluated(settings)
        assert len(documents) == settings["dataset_kwargs"]["size"]
        prompts = [prompt or answer for prompt, answer in training.rendered(settings, documents)]
        assert [prompt for prompt in prompts if prompt in text] == [], task


def test_boolean_targets_are_what_python_says_and_balanced():
    documents = generate.generate("boolean", size=400, difficulty=3)
    for document in documents:
        assert str(_value(ast.parse(document["input"], mode="eval").body)) == document["target"]
    assert 160 < sum(document["target"] == "True" for document in documents) < 240


def _value(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp):
        return not _value(node.operand)
    values = [_value(operand) for operand in node.values]
    return all(values) if isinstance(node.op, ast.And) else any(values)


def test_word_problems_add_up():
    for document in generate.generate("word_problems", size=200, difficulty=3):
        *steps, final = document["answer"].split("\n")
        assert len(steps) == 3
        for step in steps:
            a, operator, b, result = re.fullmatch(r"(\d+) ([+-]) (\d+) = (\d+)", step).groups()
            assert int(a) + int(b) * (1 if operator == "+" else -1) == int(result) <= 60
        assert final == f"#### {result}"
        assert re.findall(r"\d+", document["question"])[0] == steps[0].split()[0]


def test_answers_are_in_their_passages():
    for document in generate.generate("passage_qa", size=200):
        assert document["answer"] in document["passage"]
    for document in generate.generate("last_word", size=200):
        *before, last = re.findall(r"\w+", document["text"])
        assert last in before


@pytest.mark.parametrize("subject", subjects.SUBJECTS)
def test_subjects_have_four_choices_and_one_answer_at_chance(subject):
    documents = generate.generate("subjects", subset=subject, size=40, split="train", seed=5)
    assert all(len(set(document["choices"])) == 4 for document in documents)
    counts = [sum(document["answer"] == index for document in documents) for index in range(4)]
    assert min(counts) >= 2, "an answer letter is hardly ever right"


COINS = """
def document(rng, difficulty, subset):
    return {"toss": rng.randrange(10**difficulty), "target": "heads"}
"""
RIGHT = {
    "largest": lambda items: max(items, key=int),
    "smallest": lambda items: min(items, key=int),
    "first": min,
    "last": max,
}


@pytest.mark.parametrize("subject", ["comparison", "letters"])
def test_subjects_with_a_rule_follow_it(subject):
    for document in generate.generate("subjects", subset=subject, size=100):
        stem, listed = document["question"].rstrip("?").split(": ")
        items = re.split(r", | or ", listed)
        rule = next(rule for word, rule in RIGHT.items() if word in stem.split())
        assert sorted(items) == sorted(document["choices"])
        assert document["choices"][document["answer"]] == rule(items)


def test_a_users_own_file_generates(tmp_path):
    own = tmp_path / "coins.py"
    own.write_text(COINS)
    documents = generate.generate(str(own), split="train", seed=1, size=5, difficulty="hard")
    assert len({document["toss"] for document in documents}) == 5


def test_documents_do_not_depend_on_the_folder_of_a_file(tmp_path, monkeypatch):
    own = tmp_path / "coins.py"
    own.write_text(COINS)
    monkeypatch.chdir(tmp_path)
    assert (
        generate.generate(str(own), size=5)
        == generate.generate("coins.py", size=5)
        == generate.generate("./coins.py", size=5)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "bolean"}, "no such generator or Python file"),
        ({"name": "boolean", "split": "validation"}, "no split 'validation'"),
        ({"name": "boolean", "difficulty": "brutal"}, "difficulty is 'brutal'"),
        ({"name": "boolean", "difficulty": 0}, "difficulty is 0"),
        ({"name": "boolean", "difficulty": 2.5}, "difficulty is 2.5"),
        (
            {"name": "passage_qa", "difficulty": 40},
            "difficulty 40: no document could be made: ValueError",
        ),
        ({"name": "boolean", "size": 0}, "size is 0"),
        ({"name": "boolean", "size": "30"}, "size is '30'"),
        ({"name": "boolean", "size": 5_000, "difficulty": 1}, "only [0-9]+ distinct documents"),
        (
            {"name": "subjects", "subset": "latin"},
            "no subset 'latin'. Set dataset_name to one of capitals, ",
        ),
        ({"name": "subjects"}, "no subset None"),
    ],
)
def test_error_messages_have_one_line(arguments, message):
    with pytest.raises(UserError, match=message) as error:
        generate.generate(**arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("def document(:", "cannot be imported: SyntaxError"),
        ("import no_such_module_xyz", "cannot be imported: ModuleNotFoundError"),
        ("x = 1", r"no function document\(rng, difficulty, subset\)"),
        (
            "def document(rng, difficulty, subset): return {'toss': 1 / 0}",
            "no document could be made: ZeroDivisionError",
        ),
        (
            "def document(rng, difficulty, subset): return 'heads'",
            "no document could be made: AttributeError",
        ),
    ],
)
def test_errors_in_a_users_own_file(tmp_path, content, message):
    own = tmp_path / "coins.py"
    own.write_text(content)
    with pytest.raises(UserError, match=message):
        generate.generate(str(own), size=5)


def test_a_quarter_of_the_contents_is_evaluated():
    rng = random.Random(0)
    share = sum(generate.is_evaluated(rng.randbytes(32)) for _ in range(10_000)) / 10_000
    assert abs(share - generate.EVALUATION_SHARE) < 0.02

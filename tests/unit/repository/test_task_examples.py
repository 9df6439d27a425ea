"""The examples of the how-to pages about tasks and documents are what they say."""

import pytest
import yaml
from builders.pages import blocks

from snakeval.generators.generate import generate
from snakeval.tasks import resolution


@pytest.fixture(scope="module")
def documents(repository):
    return blocks(repository / "docs/how-to/add-documents.md")


@pytest.fixture(scope="module")
def tasks(repository):
    page = blocks(repository / "docs/how-to/write-a-task.md")
    return [block.text for block in page if "task:" in block.text and block.language == "yaml"]


def test_the_generator_works_and_is_short(documents, tmp_path):
    (code,) = [b.text for b in documents if b.title == "config/tasks/mine/coins.py"]
    assert len([line for line in code.splitlines() if line]) <= 20
    (tmp_path / "coins.py").write_text(code)
    made = generate(str(tmp_path / "coins.py"), seed=7, size=40, difficulty=2)
    assert len({document["question"] for document in made}) == 40
    for document in made:
        coins = {}
        for sentence in document["question"].split(". "):
            words = sentence.rstrip(".").split()
            if words[1] == "has":
                coins[words[0]] = int(words[2])
            elif words[1] == "gives":
                coins[words[0]] -= int(words[3])
                coins[words[2]] += int(words[3])
        assert int(document["answer"]) == coins[words[-1].rstrip("?")]
        assert min(coins.values()) >= 0


def test_the_task_files_are_whole(tasks, documents, tmp_path):
    coins = [b.text for b in documents if b.title == "config/tasks/mine/coins.yaml"]
    found = [yaml.safe_load(text) for text in [*tasks, *coins]]
    names = [keys.get("group") or keys["task"] for keys in found]
    assert names == ["capitals", "capitals_of_the_world", "coins"]
    for name, text in zip(names, [*tasks, *coins], strict=True):
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "rivers.yaml").write_text(
        "task: rivers\ndataset_path: x\ntest_split: test\ndoc_to_text: q\ndoc_to_target: a\n"
    )
    for name, members in {"capitals": 1, "coins": 1, "capitals_of_the_world": 3}.items():
        assert len(resolution.resolve({"name": name}, [tmp_path]).tasks) == members
    (asia,) = resolution.resolve({"name": "capitals_of_the_world::asia"}, [tmp_path]).tasks
    assert asia.dataset["path"] == "path:data/asia"

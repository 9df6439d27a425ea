"""The examples of docs/tasks.md are what they say."""

import re

import pytest
import yaml

from snakeval.generators.generate import generate
from snakeval.tasks import resolution


@pytest.fixture(scope="module")
def page(repository):
    return (repository / "docs" / "tasks.md").read_text(encoding="utf-8")


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_the_generator_works_and_is_short(page, tmp_path):
    (code,) = blocks(page, "python")
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


def test_the_task_files_are_whole(page, tmp_path):
    found = [yaml.safe_load(block) for block in blocks(page, "yaml")]
    assert [keys.get("task") if "group" not in keys else keys["group"] for keys in found] == [
        "capitals",
        "capitals_of_the_world",
        "coins",
    ]
    for block in blocks(page, "yaml"):
        keys = yaml.safe_load(block)
        (tmp_path / f"{keys.get('group') or keys['task']}.yaml").write_text(block)
    (tmp_path / "rivers.yaml").write_text(
        "task: rivers\ndataset_path: x\ntest_split: test\ndoc_to_text: q\ndoc_to_target: a\n"
    )
    for name, members in {"capitals": 1, "coins": 1, "capitals_of_the_world": 3}.items():
        assert len(resolution.resolve({"name": name}, [tmp_path]).tasks) == members
    (asia,) = resolution.resolve({"name": "capitals_of_the_world::asia"}, [tmp_path]).tasks
    assert asia.dataset["path"] == "path:data/asia.jsonl"


def test_keys_that_are_named_are_known(page):
    from snakeval.tasks.keys import KEYS

    paragraph = re.search(
        r"The keys are those of the harness: (.*?) and the rest", page, re.DOTALL
    )[1]
    named = re.findall(r"`(\w+)`", paragraph) + re.findall(
        r"^\| `([a-z_]+)` \| (?!\d)", page.split("Keys of our own")[1][:900], re.MULTILINE
    )
    assert set(named) <= {"include", *KEYS}
    assert {"primary_metric", "chance", "cluster", "encoder_inputs"} <= set(named)

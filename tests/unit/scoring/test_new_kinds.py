"""A metric, an aggregation and a filter each are one new file, which the code digest follows."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from snakeval.files.code_digest import LIBRARY, code_digest
from snakeval.scoring.stage import SCORES

FILES = {
    "metrics/vowels.py": """
from snakeval.metrics.metric import Metric

def vowels(prediction, references):
    return float(sum(letter in "aeiou" for letter in prediction))

METRICS = (Metric("vowels", "generate_until", vowels, aggregation="largest"),)
""",
    "metrics/largest.py": """
from snakeval.metrics.aggregation import Aggregation

def largest(**_):
    return Aggregation("largest", "items", of_items=max)

AGGREGATIONS = {"largest": largest}
""",
    "scoring/filters/last_word.py": """
from snakeval.scoring.filters.answers import each_text

def last_word(answers, documents):
    return each_text(answers, documents, lambda text: text.split()[-1])

FILTERS = {"last_word": last_word}
""",
}
PROGRAM = """
import json
from builders.scoring_tables import generated, scored, settings, total, values

documents = [generated(["queue up"], ["x"]), generated(["the aorta"], ["x"])]
pipelines = [{"name": "none", "filter": [{"function": "last_word"}]}]
scores = scored("generate_until", documents, ["vowels"], filter_list=pipelines)
scoring = settings("generate_until", ["vowels"])
print(json.dumps([values(scores, "vowels"), total(scores, scoring, "vowels")]))
"""


@pytest.fixture
def library(tmp_path):
    """A copy of the library with the new files."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(LIBRARY.parent, tmp_path / "workflow", ignore=ignored)
    for name, text in FILES.items():
        (tmp_path / "workflow/snakeval" / name).write_text(text)
    return tmp_path / "workflow/snakeval"


def test_new_files_are_found_and_score_a_task(library, repository):
    path = os.pathsep.join([str(library.parent), str(repository / "tests")])
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == [[1.0, 3.0], 3.0]


@pytest.mark.parametrize("name", FILES)
def test_the_scores_depend_on_the_code_of_a_new_file(library, name):
    def digest():
        return code_digest(SCORES.code, without=SCORES.left_out, library=library)

    digests = [digest()]
    file = library / name
    file.write_text(file.read_text() + "CHANGED = 1\n")
    digests.append(digest())
    file.unlink()
    digests.append(digest())
    assert len(set(digests)) == 3

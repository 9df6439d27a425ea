"""One file adds a generator."""

from builders.library_copy import copy_library, digest, run

from snakeval.sources.stage import DATASETS

COINS = '''
"""Coins."""

from snakeval.generators.generator import Generator


def document(rng, difficulty, subset):
    return {"coin": subset, "toss": rng.randrange(10**difficulty), "target": "heads"}


GENERATORS = (
    Generator("coins", document, subsets=("cent", "euro"), difficulties={"rich": 6}),
)
'''
USE = """
import json
from snakeval.errors import UserError
from snakeval.sources import documents, download
from snakeval.sources.stage import DatasetSettings, SubsetSettings

def made(subset, **kwargs):
    subsets = {"x": SubsetSettings(subset, kwargs, ["test"])}
    settings = DatasetSettings("generator:coins", subsets)
    try:
        [(_, _, table)] = download.dataset(settings)
        return documents.rows(table)
    except UserError as error:
        return str(error)

found = [
    made("cent", size=3, difficulty="rich"),
    made("yen", difficulty="rich"),
    made("cent", difficulty="easy"),
]
print(json.dumps(found))
"""


def test_a_new_file_is_a_generator(tmp_path):
    library = copy_library(tmp_path)
    before = digest(DATASETS, library)
    file = library / "generators" / "coins.py"
    file.write_text(COINS)
    added = digest(DATASETS, library)
    documents, unknown_subset, unknown_difficulty = run(library, USE)
    assert [document["coin"] for document in documents] == ["cent"] * 3
    assert max(document["toss"] for document in documents) >= 1000
    assert "no subset 'yen'. Set dataset_name to one of cent, euro." in unknown_subset
    assert "Give 1 or more, or one of rich." in unknown_difficulty
    file.write_text(COINS.replace('"heads"', '"tails"'))
    assert len({before, added, digest(DATASETS, library)}) == 3

"""One file adds a source scheme, for models and for documents."""

import pytest
from builders.library_copy import copy_library, digest, run

from snakeval.files.code_digest import LIBRARY
from snakeval.sources.schemes.registry import SCHEMES
from snakeval.sources.stage import DATASETS, MODELS

SHELF = '''
"""`shelf:` models and documents on a shelf."""

from pathlib import Path

from snakeval.sources.scheme import Documents, FoundDocuments, FoundModel, Models, Scheme


def _model(wanted):
    return FoundModel({Path(wanted.source.location): "abc"}, revision=wanted.revision)


def _documents(wanted):
    import pyarrow as pa

    books = pa.table({"title": [wanted.source.location]})
    return FoundDocuments(
        ((name, split, books) for name, part in wanted.subsets.items() for split in part.splits),
        revision=wanted.revision,
    )


SCHEME = Scheme(
    "shelf",
    expects="place",
    models=Models(_model, sign=lambda source, places, where: f"model {source.location}"),
    documents=Documents(_documents, sign=lambda source, places, where: f"books {source.location}"),
)
'''
USE = """
import json
from pathlib import Path
from snakeval.errors import UserError
from snakeval.sources import download, location, naming
from snakeval.sources.stage import DatasetSettings, ModelSettings, SubsetSettings

Path("weights.safetensors").write_text("x")
subsets = {"default": SubsetSettings(None, {}, ["test"])}
model = download.model(ModelSettings("shelf:weights.safetensors", "v1"), "mine")
[(_, split, table)] = download.dataset(DatasetSettings("shelf:top", subsets))
try:
    location.parse("shelf:", "models.mine.source", "models")
except UserError as error:
    message = str(error)
signatures = [
    location.local_signature("shelf:top", Path(), "x", model=model) for model in (True, False)
]
rows = model.select(["source", "revision", "file", "sha256"]).to_pylist()
name = naming.dataset_id("shelf:top")
print(json.dumps([rows, split, table.to_pylist(), message, signatures, name]))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A copy of the library with a scheme of its own."""
    library = copy_library(tmp_path_factory.mktemp("library"))
    (library / "sources" / "schemes" / "shelf.py").write_text(SHELF)
    return library


def test_a_new_file_is_a_source_of_models_and_documents(library):
    rows, split, documents, message, signatures, name = run(library, USE)
    [row] = rows
    assert row == {
        "source": "shelf:weights.safetensors",
        "revision": "v1",
        "file": "weights.safetensors",
        "sha256": "abc",
    }
    assert (split, documents) == ("test", [{"title": "top"}])
    assert message == "models.mine.source: nothing follows shelf:. Add the place."
    assert signatures == [{"signature": "model top"}, {"signature": "books top"}]
    assert name == "shelf+top"


@pytest.mark.parametrize("stage", [DATASETS, MODELS])
def test_the_stages_that_download_follow_the_file(library, stage):
    file = library / "sources" / "schemes" / "shelf.py"
    file.write_text(SHELF)
    before = digest(stage, library)
    assert before != digest(stage, LIBRARY)
    file.write_text(SHELF.replace('"abc"', '"def"'))
    assert digest(stage, library) != before


def test_every_scheme_serves_models_or_documents():
    assert {"demo", "generator", "hf", "modelscope", "path", "recorded"} <= set(SCHEMES)
    assert all(scheme.models or scheme.documents for scheme in SCHEMES.values())


def test_schemes_import_no_network_and_no_table_library(library):
    code = "import json, sys, snakeval.sources.location; print(json.dumps(list(sys.modules)))"
    loaded = {module.partition(".")[0] for module in run(library, code)}
    assert not loaded & {"pyarrow", "numpy", "datasets", "huggingface_hub", "modelscope", "httpx"}

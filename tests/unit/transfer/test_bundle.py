"""What of a configuration goes into a bundle."""

import io
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from pydantic import TypeAdapter

from snakeval.errors import UserError
from snakeval.generators.generate import generate
from snakeval.metrics.external import callback_of, evaluate_module
from snakeval.planning import plan
from snakeval.schemas.model import MODEL_FILES
from snakeval.transfer import bundle
from snakeval.transfer.stage import BundleSettings

ROOT = Path(__file__).parents[3]
MODULE = """
import datasets
import evaluate


class Halves(evaluate.Metric):
    def _info(self):
        text = datasets.Value("string")
        features = datasets.Features({"predictions": text, "references": text})
        empty = {"description": "", "citation": "", "inputs_description": ""}
        return evaluate.MetricInfo(**empty, features=features)

    def _compute(self, predictions, references):
        return {"halves": 0.5}
"""


def test_a_metric_of_evaluate_is_brought_along_and_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hub" / "halves").mkdir(parents=True)
    (tmp_path / "hub" / "halves" / "halves.py").write_text(MODULE)
    module = evaluate_module(str(tmp_path / "hub" / "halves"))
    assert "class Halves" in module.read_text()
    (tmp_path / "metrics" / "halves").mkdir(parents=True)
    (tmp_path / "metrics" / "halves" / "halves.py").write_text(module.read_text())
    assert callback_of("halves", "halves", {})("a", ["b"]) == {"halves": 0.5}


def settings(**changes):
    config = {
        "models": {},
        "tasks": [{"name": "t"}],
        "results": "elsewhere",
        "baseline": "earlier",
        "datasets": {"old": {"source": "path:x"}},
    }
    return {
        "config": config,
        "task_folders": {},
        "documents": [],
        "generators": {},
        "scoring": [],
    } | changes


def build(tmp_path, given):
    (tmp_path / "datasets" / "d" / "s").mkdir(parents=True, exist_ok=True)
    (tmp_path / "datasets" / "d" / "s" / "test.parquet").write_bytes(b"")
    how = {
        "models": {},
        "datasets": tmp_path / "datasets",
        "repository": tmp_path,
        "terminal": io.StringIO(),
    }
    settings = TypeAdapter(BundleSettings).validate_python(given)
    return bundle.build(settings, tmp_path / "bundle", **how)


def test_the_configuration_leads_to_what_is_there(tmp_path):
    document = {"key": "org/d", "dataset": "d", "subset": "s", "splits": ["test"]}
    config = build(tmp_path, settings(documents=[document, document]))
    assert config["datasets"] == {
        "org/d": {"source": "path:datasets/d/s/{split}.parquet", "splits": {}}
    }
    assert "results" not in config and "baseline" not in config
    files = pa.Table.from_pylist(
        [
            {
                "model": "m",
                "source": "hf:org/m",
                "revision": "abc",
                "folder": "f",
                "file": "x",
                "size": 1,
                "sha256": "0",
            }
        ],
        MODEL_FILES,
    )
    text = bundle.text(config, {"m": files})
    assert "# m: hf:org/m at abc\n" in text
    assert yaml.safe_load(text) == config


def test_one_key_for_different_documents_is_an_error(tmp_path):
    documents = [
        {"key": "org/d", "dataset": "d", "subset": subset, "splits": []} for subset in ("s", "t")
    ]
    with pytest.raises(UserError, match="org/d is read with different dataset_kwargs"):
        build(tmp_path, settings(documents=documents))


def test_files_of_one_name_stay_apart(tmp_path):
    given = [tmp_path / "a" / "m.py", tmp_path / "b" / "m.py", tmp_path / "config.yaml"]
    for file in given:
        file.parent.mkdir(exist_ok=True)
        file.write_text(str(file))
    own = settings()
    own["config"] |= {"extensions": [str(file) for file in given[:2]], "targets": str(given[2])}
    config = build(tmp_path, own)
    copied = [tmp_path / "bundle" / file for file in [*config["extensions"], config["targets"]]]
    assert [file.read_text() for file in copied] == [str(file) for file in given]
    assert [file.name for file in copied] == ["m.py", "m.py", "config.yaml"]
    assert (
        tmp_path / "bundle" / "config" / "config.yaml" not in copied
    )  # where the bundle's own will be


def test_a_folder_of_extensions_is_copied(tmp_path):
    (tmp_path / "kinds").mkdir()
    (tmp_path / "kinds" / "mine.py").write_text("METRICS = ()")
    own = settings()
    own["config"] |= {"extensions": [str(tmp_path / "kinds")]}
    (copied,) = build(tmp_path, own)["extensions"]
    assert (tmp_path / "bundle" / copied / "mine.py").read_text() == "METRICS = ()"


TASK = """\
task: {name}
dataset_path: {data}
dataset_kwargs: {{size: 3, seed: {seed}}}
test_split: test
doc_to_text: toss
doc_to_target: target
"""


def test_generators_in_files_are_brought_along_and_make_the_same_documents(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    coins = tmp_path / "elsewhere" / "coins.py"
    (tmp_path / "tasks").mkdir()
    coins.parent.mkdir()
    coins.write_text(
        "def document(rng, difficulty, subset):\n"
        "    return {'toss': str(rng.random()), 'target': 'heads'}\n"
    )
    for seed, (name, data) in enumerate(
        {"own": f"generator:{coins}", "other": f"generator:{coins}", "led": "some/data"}.items()
    ):
        Path("tasks", f"{name}.yaml").write_text(TASK.format(name=name, data=data, seed=seed))
    values = {
        "models": {"m": {"source": "demo:small"}},
        "tasks": ["own", "other", "led"],
        "task_paths": ["tasks"],
        "datasets": {"some/data": "generator:elsewhere/coins.py"},
        "allow_functions": True,
    }
    before = plan.make(values, [], ROOT)
    config, documents = (
        build(tmp_path, before.settings["bundle"][""]["settings"]),
        _documents(before),
    )
    coins.unlink()
    monkeypatch.chdir(tmp_path / "bundle")
    after = plan.make(config | {"models": values["models"]}, [], ROOT)
    assert _documents(after) == documents
    assert len(set(documents)) == 9  # three of each task


def _documents(run):
    """What a run's generators ask."""
    return sorted(
        document["toss"]
        for settings in (job["settings"] for job in run.settings["datasets"].values())
        for part in settings["subsets"].values()
        for document in generate(settings["source"].removeprefix("generator:"), **part["kwargs"])
    )

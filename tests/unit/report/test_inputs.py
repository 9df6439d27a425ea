"""The files that the report reads, from what its rule declares."""

import shutil
from pathlib import Path

import pytest
from builders import report_run
from builders.report_run import TABLES

from snakeval.errors import UserError
from snakeval.files import benchmark_files
from snakeval.report import inputs
from snakeval.report.page import write_page
from snakeval.report.views.registry import VIEWS

STAGES = ("tokens", "responses", "scores")


@pytest.fixture
def run(tmp_path) -> tuple[Path, dict]:
    """A run of two models with the lists of its files, and an earlier run next to it."""
    for name in ("earlier", "now"):
        settings = report_run.make(tmp_path / name, tasks=2, documents=6)
        _list_files(tmp_path / name, settings)
    settings["history"] = [{"label": "earlier", "results": str(tmp_path / "earlier")}]
    return tmp_path, settings


def _list_files(folder: Path, settings: dict) -> None:
    benchmarks = settings["tasks"]
    requests = {each: folder / f"requests/{each}.parquet" for each in benchmarks}
    benchmark_files.write_list(folder / "index/requests.parquet", requests)
    for stage in STAGES:
        for model in settings["models"]:
            files = {each: folder / stage / model / f"{each}.parquet" for each in benchmarks}
            benchmark_files.write_list(folder / f"index/{stage}/{model}.parquet", files)


def _declared(folder: Path, settings: dict) -> inputs.Inputs:
    """As the report's rule and script make them."""
    now, earlier = folder / "now", folder / "earlier"
    lists = {
        stage: [str(now / f"index/{stage}/{model}.parquet") for model in settings["models"]]
        for stage in STAGES
    }
    history = [
        earlier / "tables/scores.parquet",
        earlier / "index/requests.parquet",
        *(earlier / f"index/scores/{model}.parquet" for model in settings["models"]),
    ]
    present = [str(file) for file in history if file.exists()]
    return inputs.of_lists(
        tables=[str(now / f"tables/{name}.parquet") for name in TABLES],
        requests=str(now / "index/requests.parquet"),
        benchmarks=settings["tasks"],
        history=[inputs.earlier_run("earlier", earlier, present)],
        **lists,
    )


def test_lists_name_the_files_of_the_run_and_of_the_earlier_one(run):
    folder, settings = run
    assert _declared(folder, settings) == report_run.inputs_of(folder / "now", settings)


def test_a_listed_file_that_is_missing_is_named(run):
    folder, settings = run
    file = folder / "now/responses/large/boolean.parquet"
    file.unlink()
    with pytest.raises(UserError, match=rf"{file}: missing"):
        _declared(folder, settings)


def test_what_an_earlier_run_has_lost_is_left_out(run):
    folder, settings = run
    (folder / "earlier/scores/large/boolean.parquet").unlink()
    (folder / "earlier/index/scores/small.parquet").unlink()
    (earlier,) = _declared(folder, settings).history
    assert sorted(earlier.files.scores) == [("large", "arithmetic")]
    assert sorted(earlier.files.requests) == ["arithmetic", "boolean"]
    shutil.rmtree(folder / "earlier/index")
    (earlier,) = _declared(folder, settings).history
    assert (earlier.files.scores, earlier.files.requests) == ({}, {})


def test_the_page_is_the_same_where_all_other_files_are_gone(run):
    folder, settings = run
    files = _declared(folder, settings)
    how = report_run.report_settings(settings), settings["provenance"]
    write_page(files, *how, folder / "first/index.html")
    earlier = files.history[0]
    named = {getattr(files, name) for name in TABLES} | {earlier.table}
    for held in (files.requests, files.tokens, files.responses, files.document_scores):
        named |= set(held.values())
    named |= set(earlier.files.requests.values()) | set(earlier.files.scores.values())
    for file in [*(folder / "now").rglob("*"), *(folder / "earlier").rglob("*")]:
        if file.is_file() and file not in named:
            file.unlink()
    assert not (folder / "now/index/requests.parquet").exists()
    write_page(files, *how, folder / "second/index.html")
    first, second = (
        {
            file.relative_to(folder / name): file.read_bytes()
            for file in (folder / name).rglob("*")
            if file.is_file()
        }
        for name in ("first", "second")
    )
    assert first == second and len(first) > 3


def test_views_declare_fields_of_the_inputs():
    fields = set(inputs.Inputs.__dataclass_fields__)
    for name, view in VIEWS.items():
        assert set(view.reads) <= fields, name

"""The files of samples: every document whole, its flags, and what cannot be right."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from builders import report_run
from builders.report_run import unpack

from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.report.views.samples.files import FLAGS
from snakeval.schemas.model import RESPONSES, TOKENS
from snakeval.schemas.run import HEALTH
from snakeval.schemas.task import REQUESTS


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> tuple[Path, dict]:
    """A small hostile run with its report."""
    folder = tmp_path_factory.mktemp("run")
    settings = report_run.make(folder, documents=12, hostile=True)
    report_run.write(folder, settings)
    return folder, settings


def _rows_of(folder: Path, benchmark: str, stem: str, index: dict) -> list[dict]:
    rows = []
    for k, start in enumerate(index["files"][stem]):
        assert start == len(rows)
        rows += unpack(folder / f"report/samples/{benchmark}/{stem}-{k}.js")[1]
    return rows


def test_samples_hold_every_document_whole(run):
    folder, settings = run
    for benchmark in settings["tasks"]:
        name, index = unpack(folder / f"report/samples/{benchmark}/index.js")
        assert name == f"{benchmark}/index"
        requests = parquet.read(folder / f"requests/{benchmark}.parquet", REQUESTS).to_pylist()
        held = _rows_of(folder, benchmark, "q", index)
        assert [
            (r["task"], r["doc_id"], r["questions"], r["choices"], r["references"]) for r in held
        ] == [
            (r["task"], r["doc_id"], r["questions"], r["choices"], r["references"])
            for r in requests
        ]
        for i, model in enumerate(
            sorted(index["models"])
        ):  # the best model, which is "large", comes first
            responses = parquet.read(
                folder / f"responses/{model}/{benchmark}.parquet", RESPONSES
            ).to_pylist()
            tokens = parquet.read(
                folder / f"tokens/{model}/{benchmark}.parquet", TOKENS
            ).to_pylist()
            held = _rows_of(folder, benchmark, f"m{i}", index)
            assert [row["texts"] for row in held] == [row["texts"] for row in responses]
            assert [row["prompts"] for row in held] == [row["prompts"] for row in tokens]
            assert [row["prompt_tokens"] for row in held] == [
                [len(ids) for ids in row["contexts"]] for row in tokens
            ]
            np.testing.assert_allclose(
                [x for row in held for x in row["loglikelihoods"]],
                [x for row in responses for x in row["loglikelihoods"]],
                atol=1e-6,
            )


def test_flags_agree_with_the_health_table(run):
    folder, _ = run
    columns = {
        "truncated": "truncated",
        "dropped": "dropped_shots",
        "cut": "cut_answers",
        "empty": "empty_answers",
        "unextracted": "extraction_failed",
        "refused": "refusals",
        "repeating": "repeating",
    }
    for line in parquet.read(folder / "tables/health.parquet", HEALTH).to_pylist():
        _, index = unpack(folder / f"report/samples/{line['benchmark']}/index.js")
        task = index["tasks"].index(line["task"])
        flags = [
            flag
            for flag, own in zip(
                index["models"][line["model"]]["flags"], index["task"], strict=True
            )
            if own == task
        ]
        for name, column in columns.items():
            assert sum(bool(flag & FLAGS[name]) for flag in flags) == line[column], (
                line["task"],
                column,
            )


def test_tokens_of_other_documents_are_refused(tmp_path):
    settings = report_run.make(tmp_path, models=1, tasks=1, documents=3)
    path = tmp_path / "responses/model-00/boolean.parquet"
    table = parquet.read(path, RESPONSES)
    parquet.write(table.slice(1), path, RESPONSES)
    with pytest.raises(UserError, match="does not match"):
        report_run.write(tmp_path, settings)


def test_samples_of_an_earlier_run_do_not_stay(run, tmp_path):
    folder, settings = run
    (tmp_path / "samples/old").mkdir(parents=True)
    (tmp_path / "samples/old/index.js").write_text("snakevalFile()")
    report_run.write(folder, settings, tmp_path / "index.html")
    assert not (tmp_path / "samples/old").exists()


def test_infinite_likelihoods_survive(tmp_path):
    settings = report_run.make(tmp_path, models=1, tasks=1, documents=2)
    path = tmp_path / "responses/model-00/boolean.parquet"
    lines = parquet.read(path, RESPONSES).to_pylist()
    lines[0]["loglikelihoods"][0] = -math.inf
    parquet.write(pa.Table.from_pylist(lines, schema=RESPONSES), path, RESPONSES)
    report_run.write(tmp_path, settings)
    _, rows = unpack(tmp_path / "report/samples/boolean/m0-0.js")
    assert rows[0]["loglikelihoods"][0] == "-inf"

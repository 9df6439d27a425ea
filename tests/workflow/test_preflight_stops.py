"""Before a model is asked: what is found stops the run or is listed, and costs no answer."""

import pyarrow.parquet as pq
import pytest


def edit(project, name, old, new):
    path = next((project.folder / "config" / "tasks").rglob(f"{name}.yaml"))
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_metric_that_cannot_be_scored_stops_before_a_model_is_called(unstarted):
    edit(unstarted, "boolean_expressions", "metric: acc,", "metric: akk,")
    done = unstarted.snakemake(check=False)
    text = done.stdout + done.stderr
    assert done.returncode != 0 and "Traceback" not in text
    message = (
        "error: boolean_expressions: scoring: 8 of 8 documents: answers cannot be scored: "
        "boolean_expressions: metric akk"
    )
    assert message in text
    assert unstarted.answers() == 0
    shown = unstarted.snakemake("preflight", check=False)
    assert shown.returncode != 0 and "Preflight: 1 errors, 0 warnings." in shown.stderr
    assert pq.read_table(unstarted.results / "tables/preflight.parquet")["check"].to_pylist() == [
        "scoring"
    ]


def test_preflight_asks_nothing_and_forecasts(unstarted):
    edit(unstarted, "boolean_expressions", "doc_to_text: ", "description: 'long ' \ndoc_to_text: ")
    unstarted.configure(
        models={"tiny": {"source": "demo:tiny", "dtype": "float32", "max_length": 32}}
    )
    shown = unstarted.snakemake("preflight").stderr
    assert unstarted.answers() == 0
    assert "warning: tiny, boolean_expressions: truncated: " in shown
    assert "| model | benchmark " in shown and "| 1 CPU |" in shown
    forecast = pq.read_table(unstarted.results / "tables/forecast.parquet")
    assert sorted(forecast["benchmark"].to_pylist()) == [
        "arithmetic",
        "boolean_expressions",
        "stories",
    ]


def test_models_on_the_cpu_share_the_cores_unless_configured(unstarted):
    tiny = {"source": "demo:tiny", "dtype": "float32"}
    unstarted.configure(
        models={"a": tiny, "b": tiny | {"shards": 2}, "c": tiny | {"threads": 1}},
        tasks=["boolean_expressions"],
    )
    unstarted.snakemake("preflight", cores=12)
    forecast = pq.read_table(unstarted.results / "tables/forecast.parquet").to_pylist()
    seconds = {row["model"]: row["seconds"] for row in forecast}
    assert seconds["c"] / seconds["a"] == pytest.approx(12 // 4)
    assert seconds["b"] == seconds["a"]


def test_a_warning_is_shown_when_the_model_is_called(unstarted):
    unstarted.configure(
        models={"tiny": {"source": "demo:tiny", "dtype": "float32", "max_length": 16}},
        tasks=["boolean_expressions"],
    )
    shown = unstarted.snakemake().stderr
    assert shown.count("warning: tiny, boolean_expressions: truncated: ") == 1
    assert "warnings. See results/tables/preflight.md" in shown


def test_programs_need_consent(unstarted):
    edit(unstarted, "arithmetic", "task: arithmetic", "task: arithmetic\nunsafe_code: true")
    done = unstarted.snakemake(check=False)
    assert done.returncode != 0
    message = (
        "arithmetic: scoring runs programs that models write. "
        "`allow_code: sandbox` permits it (docs/explanation/security.md)."
    )
    assert message in done.stderr

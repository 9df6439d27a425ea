"""What decides a result is in the settings, and what cannot is not."""

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from snakeval.errors import UserError
from snakeval.planning import plan

MODELS = {"tiny": {"source": "demo:tiny"}}


@pytest.fixture
def settings(repository, tmp_path, monkeypatch):
    """The settings of arithmetic and a model, planned in an empty folder, with given metrics."""
    monkeypatch.chdir(tmp_path)

    def of(*metrics):
        overrides = (
            {"metric_list": [{"aggregation": "mean", **metric} for metric in metrics]}
            if metrics
            else {}
        )
        values = {"models": MODELS, "tasks": [{"name": "arithmetic", "overrides": overrides}]}
        return plan.make(values, [], root=repository).settings

    return of


def test_settings_that_are_no_longer_text_are_written_again(repository, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = plan.make({"models": MODELS, "tasks": ["arithmetic"]}, [], root=repository)
    plan.write(run)
    file = tmp_path / "results/settings/scores.json"
    written = file.read_bytes()
    file.write_bytes(b"\xff" + written[1:])
    plan.write(run)
    assert file.read_bytes() == written


@pytest.mark.parametrize("path", ["someone/${HOME}", "nul\0"])
def test_a_task_does_not_look_into_the_environment(repository, tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    values = {
        "models": MODELS,
        "tasks": [{"name": "arithmetic", "overrides": {"dataset_path": path}}],
    }
    with pytest.raises(
        UserError, match=r"datasets: .* is not a repository. Write hf:ORG/NAME"
    ) as caught:
        plan.make(values, [], root=repository)
    assert repr(path) in str(caught.value)


def changed(before, after):
    return {rule for rule in before if before[rule] != after[rule]}


@pytest.mark.parametrize(
    ("package", "rules"),
    [
        ("sacrebleu", {"check_tasks", "scores", "tables", "gate_table"}),
        ("sympy", {"check_tasks", "scores", "tables", "gate_table"}),
        ("tokenizers", {"tokens"}),
        ("jinja2", {"requests", "tokens"}),
        ("datasets", {"requests"}),
        ("scipy", {"tables", "gate_table", "power_table"}),
        ("snakemake", set()),
    ],
)
def test_another_version_of_a_package_counts_where_it_decides(
    settings, monkeypatch, package, rules
):
    before, real = settings(), metadata.version
    monkeypatch.setattr(plan, "version", lambda name: "99" if name == package else real(name))
    assert changed(before, settings()) == rules


def rules_of(repository):
    """Name and text of every rule."""
    text = "".join(file.read_text() for file in (repository / "workflow/rules").glob("*.smk"))
    return {part.partition(":")[0]: part for part in re.split(r"^ *rule ", text, flags=re.M)[1:]}


def test_a_rule_that_makes_files_is_a_stage_with_its_script_and_settings(repository):
    making = {name: text for name, text in rules_of(repository).items() if "    output:" in text}
    assert set(making) == {stage.name for stage in plan.stages()}
    for name, text in making.items():
        assert re.search(r'settings_of\("(\w+)"', text)[1] == name
        assert re.search(r"/scripts/(\w+)\.py", text)[1] == name


def test_settings_come_back_from_json_as_they_were(repository, tmp_path, monkeypatch):
    """What a job reads is what was planned, dataclasses inside dataclasses included."""
    monkeypatch.chdir(tmp_path)
    made = plan.make({"models": MODELS, "tasks": ["arithmetic"]}, [], root=repository)
    for stage in plan.stages():
        for job, planned in stage.jobs(made.run).items():
            written = json.loads(json.dumps(made.settings[stage.name][job]["settings"]))
            assert TypeAdapter(stage.settings).validate_python(written) == planned, stage.name


def test_the_rule_graph_is_that_of_snakemake(repository, tmp_path):
    command = [sys.executable, "-m", "snakemake", "--rulegraph", "--quiet", "all", "--cores", "1"]
    config = tmp_path / "config.yaml"
    config.write_text(
        "models: {tiny: {source: demo:tiny}}\ntasks: [arithmetic]\nresults: RESULTS\n".replace(
            "RESULTS", str(tmp_path / "results")
        )
    )
    drawn = subprocess.run(
        [*command, "--configfile", config],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', drawn))
    edges = {(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", drawn)}
    made = plan.make({"models": MODELS, "tasks": ["arithmetic"]}, [], root=repository)
    assert set(made.rule_graph()) == {edge for edge in edges if "all" not in edge}


def test_a_package_that_is_gone_counts_and_a_build_for_another_device_does_not(
    settings, monkeypatch
):
    real = metadata.version

    def without(name):
        raise metadata.PackageNotFoundError(name)

    before = settings()
    monkeypatch.setattr(
        plan,
        "version",
        lambda name: real(name).partition("+")[0] + "+cu999" if name == "torch" else real(name),
    )
    assert changed(before, settings()) == set()
    monkeypatch.setattr(
        plan, "version", lambda name: without(name) if name == "nltk" else real(name)
    )
    assert "scores" in changed(before, settings())


@pytest.mark.parametrize(
    ("metric", "file"),
    [
        ({"metric": "bertscore", "encoder": "an/encoder"}, "an/encoder/config.json"),
        ({"metric": "meteor", "nltk_data": "data"}, "data/corpora/wordnet/data.noun"),
        ({"metric": "meteor", "nltk_data": "data"}, "data/corpora/wordnet.zip"),
        ({"metric": "mine/own", "hf_evaluate": True}, "mine/own/own.py"),
        ({"metric": "own", "hf_evaluate": True}, "metrics/own/own.py"),
        ({"metric": "own.py", "hf_evaluate": True}, "own.py"),
    ],
)
def test_local_files_of_metrics_count_by_their_content(settings, metric, file):
    nothing = settings(metric)
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text("one")
    one = settings(metric)
    assert one == settings(metric)
    Path(file).write_text("two")
    two = settings(metric)
    assert (
        changed(nothing, one)
        == changed(one, two)
        == {"check_tasks", "scores", "tables", "gate_table", "bundle", "report"}
    )


def test_a_folder_that_no_metric_can_read_is_not_looked_at(settings):
    before = settings({"metric": "bertscore", "encoder": ""})
    Path("any").write_text("one")
    assert settings({"metric": "bertscore", "encoder": ""}) == before


def test_a_change_of_declarations_alone_makes_nothing_again(settings, monkeypatch):
    """A new key of the configuration must not make anything again by its mere code."""
    digested = []
    real = plan.code_digest
    monkeypatch.setattr(
        plan, "code_digest", lambda names, without: digested.append(without) or real(names, without)
    )
    settings()
    assert digested
    for without in digested:
        assert {"snakeval.config.model", "snakeval.analysis.stage"} <= set(without)

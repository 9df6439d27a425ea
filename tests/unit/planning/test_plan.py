"""What decides a result is in the settings, and what cannot is not."""

import re
from importlib import metadata
from pathlib import Path

import pytest

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
        UserError, match=r"datasets: .* is not a repository; write hf:ORG/NAME"
    ) as caught:
        plan.make(values, [], root=repository)
    assert repr(path) in str(caught.value)


def changed(before, after):
    return {rule for rule in before if before[rule] != after[rule]}


@pytest.mark.parametrize(
    ("package", "rules"),
    [
        ("sacrebleu", {"check_tasks", "scores", "tables", "gate"}),
        ("sympy", {"check_tasks", "scores", "tables", "gate"}),
        ("tokenizers", {"tokens"}),
        ("jinja2", {"requests", "tokens"}),
        ("datasets", {"requests"}),
        ("scipy", {"tables", "gate", "power"}),
        ("snakemake", set()),
    ],
)
def test_another_version_of_a_package_counts_where_it_decides(
    settings, monkeypatch, package, rules
):
    before, real = settings(), metadata.version
    monkeypatch.setattr(plan, "version", lambda name: "99" if name == package else real(name))
    assert changed(before, settings()) == rules


def test_the_script_of_every_rule_that_makes_files_counts_with_its_stage(repository):
    rules = "".join(file.read_text() for file in (repository / "workflow/rules").glob("*.smk"))
    found = [
        (settings[1], f"scripts/{script[1]}")
        for rule in re.split(r"^ *rule ", rules, flags=re.MULTILINE)
        if "    output:" in rule and (script := re.search(r"/scripts/(\w+\.py)", rule))
        for settings in [re.search(r'settings_of\("(\w+)"', rule)]
    ]
    assert {script for _, script in found} == {
        name for names in plan.STAGES.values() for name in names if name.endswith(".py")
    }
    assert [(stage, script) for stage, script in found if script not in plan.STAGES[stage]] == []


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
        == {"check_tasks", "scores", "tables", "gate", "bundle", "report"}
    )


def test_a_folder_that_no_metric_can_read_is_not_looked_at(settings):
    before = settings({"metric": "bertscore", "encoder": ""})
    Path("any").write_text("one")
    assert settings({"metric": "bertscore", "encoder": ""}) == before

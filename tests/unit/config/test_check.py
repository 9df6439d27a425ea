"""The configuration: every mistake at once, with what was probably meant."""

import datetime
import math
import re

import pytest

from snakeval.config.check import check
from snakeval.config.dataset import DataSource
from snakeval.config.model import Answers, Model, keys_of
from snakeval.config.run import Config, Gate, Power
from snakeval.config.task import Benchmark
from snakeval.config.types import Decides
from snakeval.errors import UserError
from snakeval.files.yaml_file import read_yaml

GOOD = {"models": {"a": {"source": "demo:small"}}, "tasks": ["arithmetic"]}


def problems(values, where="config.yaml"):
    with pytest.raises(UserError) as caught:
        check(values, where)
    return str(caught.value).splitlines()


def test_short_forms_stand_for_mappings():
    checked = check(GOOD | {"datasets": {"org/data": "path:data"}}, "config.yaml")
    assert checked.tasks == [Benchmark(name="arithmetic")]
    assert checked.datasets == {"org/data": DataSource(source="path:data")}


def test_every_mistake_is_reported_in_a_line_of_its_own():
    found = problems(
        {
            "models": {
                "a": {"source": "demo:small", "dytpe": "float32"},
                "b": {"source": "demo:small", "dtype": "flaot32", "gpus": -1},
            },
            "tasks": [{"name": "x", "limit": "many"}],
            "sed": 3,
        }
    )
    assert len(found) == 5
    assert all(line.startswith("config.yaml: ") for line in found)
    assert any("models.a.dytpe" in line and "Did you mean dtype?" in line for line in found)
    assert any("models.b.dtype" in line and "Did you mean float32?" in line for line in found)
    assert any("models.b.gpus" in line and "greater than or equal to 0" in line for line in found)
    assert any("tasks.0.limit" in line and "'many'" in line for line in found)
    assert any("sed" in line and "Did you mean seed?" in line for line in found)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"tasks": ["x"]}, "models: missing"),
        ({"models": {}, "tasks": ["x"]}, "models"),
        (GOOD | {"tasks": []}, "tasks"),
        ({"models": {"a/b": {"source": "demo:small"}}, "tasks": ["x"]}, "cannot be a file name"),
        (
            GOOD | {"tasks": ["x", {"name": "x", "num_fewshot": 5}]},
            "two benchmarks are called x. Give one of them an `id`",
        ),
        (GOOD | {"tasks": [{"name": "x", "id": "../x"}]}, "cannot be a file name"),
        (GOOD | {"limit": 0}, "limit: input should be greater than or equal to 1"),
        (GOOD | {"results": ""}, "results: is empty"),
        (GOOD | {"results": "a\0b"}, "results: is empty or holds the character NUL. Name a file"),
        (GOOD | {"history": ["a\0b"]}, "history.0: is empty or holds the character NUL"),
        (GOOD | {"extensions": ["\0"]}, "extensions.0: is empty or holds the character NUL"),
        (GOOD | {"baseline": ""}, "baseline: is empty"),
        (
            GOOD | {"results": "a{b}"},
            "results: braces are wildcards to Snakemake. Choose a path without them",
        ),
        (GOOD | {"results": "a" * 300}, "results: is longer than a path may be"),
        (
            GOOD | {"task_paths": ["a/" * 3000]},
            "task_paths.0: is longer than a path may be",
        ),
        (GOOD | {"models": {"a" * 201: {"source": "demo:small"}}}, "Use at most 200 letters"),
        (GOOD | {"seed": 2**63}, "seed: input should be less than 9"),
        (GOOD | {"seed": -(2**63) - 1}, "seed: input should be greater than or equal to -9"),
        (
            GOOD
            | {
                "tasks": [
                    {
                        "name": "x",
                        "overrides": {"metadata": {"version": datetime.date(2024, 1, 31)}},
                    }
                ]
            },
            "tasks.0.overrides: 2024-01-31 is a date in YAML. Put it into quotes",
        ),
        (
            GOOD | {"tasks": [{"name": "x", "overrides": {"metadata": {(1, 2): 1}}}]},
            "tasks.0.overrides: keys must be str",
        ),
        (GOOD | {"limit": True}, "limit: True is not a number"),
        (GOOD | {"seed": False}, "seed: False is not a number"),
        (
            {"models": {"a": {"source": "demo:small", "gpus": True}}, "tasks": ["x"]},
            "models.a.gpus: True is not a number",
        ),
        (
            GOOD | {"gate": {"margin": {"default": True}}},
            "gate.margin.default: True is not a number",
        ),
        (
            GOOD | {"gate": {"margin": {"default": math.inf}}},
            "gate.margin.default: input should be a finite number",
        ),
        ({"models": {"a": "demo:small"}, "tasks": ["x"]}, "models.a: input should be"),
    ],
)
def test_one_mistake_one_line(values, expected):
    found = problems(values)
    assert len(found) == 1
    assert expected in found[0]


def test_a_task_may_stand_twice_under_two_ids():
    checked = check(
        GOOD | {"tasks": ["x", {"name": "x", "id": "x5", "num_fewshot": 5}]}, "config.yaml"
    )
    assert list(checked.benchmarks()) == ["x", "x5"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"seed: 1\nmodels: {}\nseed: 2\n", "config.yaml, line 3: key 'seed' is given twice"),
        (
            b"models:\n  a: {source: x}\n  a: {source: y}\n",
            "config.yaml, line 3: key 'a' is given twice",
        ),
        (b"models: [\n", "config.yaml, line 2"),
        ("models: {ä: 1}".encode("latin-1"), "not UTF-8 text (byte 9)"),
        (
            b"models:\n  ? [a, b]\n  : c\n",
            "config.yaml, line 2: ['a', 'b'] cannot be a key",
        ),
        (b"models: \0\n", "config.yaml: not YAML ("),
        (b"version: 2024-13-45\n", "config.yaml: not YAML (month must be in 1..12)"),
        (b"seed: " + 5000 * b"9", "config.yaml: not YAML (Exceeds the limit"),
        (b"models: " + 5000 * b"[" + 5000 * b"]", "config.yaml, line 1: nested more than 100 deep"),
    ],
)
def test_yaml_mistakes_name_file_and_line(tmp_path, text, expected):
    path = tmp_path / "config.yaml"
    path.write_bytes(text)
    with pytest.raises(UserError) as caught:
        read_yaml(path)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nesting_without_end_is_an_error(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("a:\n  " + "[" * 100_000)
    with pytest.raises(UserError, match=r"c\.yaml, line 2: nested more than 100 deep"):
        read_yaml(file)


@pytest.mark.parametrize("written", ["results/run", "./results//run/", "results/old/../run"])
def test_a_folder_has_one_name(written):
    assert check(GOOD | {"results": written}, "c").results == "results/run"


def test_the_home_may_be_written_short(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    checked = check(GOOD | {"results": "~/run", "publish": "s3://bucket/run"}, "c")
    assert (checked.results, checked.publish) == ("/home/me/run", "s3://bucket/run")


def test_a_folder_is_no_yaml_file(tmp_path):
    with pytest.raises(
        UserError, match=f"{tmp_path}: cannot be read \\(Is a directory\\). Correct the path"
    ):
        read_yaml(tmp_path)


def test_anchors_and_merges_are_no_duplicates(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("base: &base {a: 1, b: 2}\nmore: {<<: *base, b: 3}\n")
    assert read_yaml(path)["more"] == {"a": 1, "b": 3}


def test_every_key_is_explained():
    for section in (Config, Model, Benchmark, DataSource):
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name}"


RECORDED = {"source": "recorded:answers/{task}.jsonl", "answers": {"answer": "text"}}


def test_a_recorded_model_says_how_its_answers_are_read():
    checked = check({"models": {"a": RECORDED}, "tasks": ["x"]}, "config.yaml")
    assert checked.models["a"].answers == Answers(answer="text")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            RECORDED | {"gpus": 1},
            "models.a.gpus: recorded answers are not asked for. Remove the key",
        ),
        ({"source": "recorded:a.jsonl"}, "models.a.answers: no column is named"),
        (
            {"source": "recorded:a.jsonl", "answers": {"id": "n"}},
            "models.a.answers: no column is named",
        ),
        (
            {"source": "demo:small", "answers": {"answer": "text"}},
            "only a model with `source: recorded:FILE` has answers",
        ),
        (
            RECORDED | {"answers": {"anwser": "text"}},
            "models.a.answers.anwser: no such key. Did you mean answer?",
        ),
    ],
)
def test_mistakes_about_recorded_answers(model, expected):
    assert expected in problems({"models": {"a": model}, "tasks": ["x"]})[0]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            {"tensor_parallel": 4, "gpus": 2},
            "models.a.tensor_parallel: 4 processes need as many GPUs, not 2",
        ),
        (
            {"tensor_parallel": 2, "device_map": "auto"},
            "models.a.device_map: tensor_parallel slices layers already",
        ),
        (
            {"kv_cache_dtype": "int8", "strategy": "padded"},
            "models.a.kv_cache_dtype: int8 needs the packed strategy",
        ),
        (
            {"kv_cache_dtype": "int4"},
            "models.a.kv_cache_dtype: 'int4' is not one of 'auto' or 'int8'",
        ),
    ],
)
def test_mistakes_about_where_a_model_lies(model, expected):
    assert (
        expected in problems({"models": {"a": {"source": "demo:small"} | model}, "tasks": ["x"]})[0]
    )


def test_environment_variables_stand_in_paths(monkeypatch):
    monkeypatch.setenv("SOME_DATA", "/data")
    values = GOOD | {
        "datasets": {"d": "path:${SOME_DATA}/d.jsonl"},
        "extensions": ["${SOME_DATA}/m.py"],
        "targets": "${SOME_DATA}/t.yaml",
    }
    checked = check(values, "config.yaml")
    assert (checked.datasets["d"].source, checked.extensions, checked.targets) == (
        "path:/data/d.jsonl",
        ["/data/m.py"],
        "/data/t.yaml",
    )
    monkeypatch.delenv("SOME_DATA")
    assert "the environment variable SOME_DATA is not set" in problems(values)[0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"metric_files": ["a.py"]}, "metric_files: is now `extensions`. Rename the key."),
        (
            {"models": {"a": {"source": "demo:tiny", "path": "packed"}}},
            "models.a.path: is now `strategy`. Rename the key.",
        ),
    ],
)
def test_a_renamed_key_is_reported_with_its_new_name(values, message):
    with pytest.raises(UserError, match=re.escape(message)):
        check(GOOD | values, "config.yaml")


def test_every_key_says_what_it_decides():
    for section in (Config, Model, Benchmark, DataSource, Gate, Power):
        for name, field in section.model_fields.items():
            letters = [item.letter for item in field.metadata if isinstance(item, Decides)]
            assert len(letters) == 1, (section, name)


def test_a_model_s_keys_of_a_stage():
    assert keys_of("models") == ("source", "revision")
    assert (
        set(keys_of("calls", "A")) < set(keys_of("calls")) == {*keys_of("calls", "A"), "numerics"}
    )

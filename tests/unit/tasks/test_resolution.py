"""Task files are found by name, merged and checked, and their Python is never run."""

import dataclasses
import json
import subprocess
import sys
from dataclasses import asdict

import pytest
from pydantic import TypeAdapter

from snakeval.errors import UserError
from snakeval.tasks import functions, index, loader, resolution
from snakeval.tasks.request_settings import RequestSettings
from snakeval.tasks.scoring_settings import ScoringSettings

CHOICE = """\
task: {name}
dataset_path: some/data
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_target: answer
doc_to_choice: choices
"""


@pytest.fixture
def folder(tmp_path):
    """A function that writes task files and returns their folder."""

    def write(**files):
        for name, text in files.items():
            path = tmp_path / (name if "/" in name else f"{name}.yaml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write


def resolve(folder, name="t", **benchmark):
    return resolution.resolve({"name": name, **benchmark}, [folder])


def error(folder, name="t", **benchmark):
    with pytest.raises(UserError) as caught:
        resolve(folder, name, **benchmark)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_task_with_its_defaults(folder):
    (task,) = resolve(folder(a=CHOICE.format(name="t"))).tasks
    assert task.dataset == {"path": "some/data", "name": None, "kwargs": {}, "splits": ["test"]}
    request = task.request_settings()
    assert request.target_delimiter == " "
    assert request.fewshot is None and request.num_fewshot == 0
    scoring = task.scoring_settings()
    assert [m["metric"] for m in scoring.metric_list] == ["acc", "acc_norm"]
    # Without filters, scoring takes the answer, or the mean over samples.
    assert scoring.filter_list is None
    assert ScoringSettings(**json.loads(json.dumps(asdict(scoring)))) == scoring


@pytest.mark.parametrize(
    ("kind", "metrics"),
    [
        ("loglikelihood", ["perplexity", "acc"]),
        ("generate_until", ["exact_match"]),
        ("loglikelihood_rolling", ["word_perplexity", "byte_perplexity", "bits_per_byte"]),
    ],
)
def test_default_metrics(folder, kind, metrics):
    (task,) = resolve(
        folder(
            a=CHOICE.format(name="t")
            .replace("multiple_choice", kind)
            .replace("doc_to_choice: choices\n", "")
        )
    ).tasks
    assert [m["metric"] for m in task.scoring_settings().metric_list] == metrics


def generation(folder, kwargs, more=""):
    (task,) = resolve(
        folder(
            a="task: t\ndataset_path: d\ntest_split: s\ndoc_to_text: q\ndoc_to_target: a\n"
            f"{more}{kwargs}"
        )
    ).tasks
    return dataclasses.asdict(task.request_settings().generation)


def test_generation_defaults(folder):
    assert generation(folder, "") == {
        "until": ["\n\n"],
        "max_new_tokens": 256,
        "do_sample": False,
        "temperature": 0.0,
        "top_p": 1.0,
        "top_k": 0,
        "repetition_penalty": 1.0,
        "samples": 1,
    }


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ("{until: stop}", {"until": ["stop"]}),
        ("{until: []}", {"until": []}),
        ("{max_tokens: 7}", {"max_new_tokens": 7, "until": ["\n"]}),
        ("{max_tokens: 7, max_gen_toks: 9}", {"max_new_tokens": 9}),
        ("{temperature: 0.5}", {"do_sample": True, "temperature": 0.5}),
        ("{temperature: 0.5, do_sample: false}", {"do_sample": False, "temperature": 0.0}),
        ("{do_sample: true}", {"do_sample": True, "temperature": 1.0}),
        ("{do_sample: true, temperature: 1e-5}", {"temperature": 0.00001}),  # to YAML a text
        (
            "{do_sample: null, temperature: null, top_k: null}",
            {"do_sample": False, "temperature": 0.0, "top_k": 0},
        ),
        ("{do_sample: true, top_p: 0.9, top_k: 5}", {"top_p": 0.9, "top_k": 5}),
    ],
)
def test_generation_settings(folder, kwargs, expected):
    found = generation(
        folder, f"generation_kwargs: {kwargs}\n", 'fewshot_delimiter: "\\n"\nrepeats: 3\n'
    )
    assert {key: found[key] for key in expected} == expected
    assert found["samples"] == 3


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ("{max_gen_tokz: 4}", "max_gen_tokz: not supported. Did you mean max_gen_toks?"),
        ("{num_beams: 4}", "beam search is not supported"),
        ("{do_sample: true, temperature: 0}", "temperature 0"),
        ("{max_gen_toks: 0}", "max_gen_toks: 0 is not a whole number, 1 or more"),
        ("{max_gen_toks: 2147483648}", "max_gen_toks: 2147483648 is not a whole number"),
        ("{max_gen_toks: .inf}", "max_gen_toks: inf is not a whole number"),
        ("{max_gen_toks: true}", "max_gen_toks: True is not a whole number"),
        ("{temperature: warm}", "temperature: 'warm' is not a number, 0 or more"),
        ("{temperature: -1}", "temperature: -1 is not a number, 0 or more"),
        ("{temperature: .nan}", "temperature: nan is not a number, 0 or more"),
        ("{temperature: true}", "temperature: True is not a number, 0 or more"),
        ("{do_sample: 'false'}", "do_sample: 'false' is not true or false"),
        ("{top_p: 7}", "top_p: 7 is not a number above 0, 1 at most"),
        ("{top_p: 0}", "top_p: 0 is not a number above 0"),
        ("{top_k: -1}", "top_k: -1 is not a whole number, 0 or more"),
        ("{repetition_penalty: 0}", "repetition_penalty: 0 is not a number above 0"),
        ("{until: 5}", "until: 5 is not a text or a list of texts"),
    ],
)
def test_generation_errors_name_file_and_line(folder, kwargs, message):
    with pytest.raises(UserError, match=message) as caught:
        generation(folder, f"generation_kwargs: {kwargs}\n")
    assert "a.yaml:6: generation_kwargs" in str(caught.value)


def test_includes_merge_shallowly_and_later_ones_win(folder):
    here = folder(
        **{
            "sub/first_yaml": "output_type: multiple_choice\nmetadata: {version: 1, kept: 2}\n"
            "description: first\ngen_prefix: p\n",
            "sub/second_yaml": "description: second\ndataset_path: d\ntest_split: s\n"
            "doc_to_text: q\n",
            "sub/deep/t.yaml": "include: [../first_yaml, ../second_yaml]\ntask: t\n"
            "metadata: {version: 3}\ndoc_to_target: a\ndoc_to_choice: [x, y]\n",
        }
    )
    (task,) = resolve(here).tasks
    assert task.settings["description"] == "second"
    assert task.settings["gen_prefix"] == "p"
    assert task.settings["metadata"] == {"version": 3}
    assert task.origins["description"].endswith("sub/second_yaml:1")
    assert task.scoring_settings().version == "3"


def test_an_include_cycle_is_named(folder):
    here = folder(a=CHOICE.format(name="t") + "include: b.yaml\n", b="include: a.yaml\n")
    assert "include: a cycle" in error(here)
    assert "a.yaml includes" in error(here)


@pytest.mark.parametrize("tag", [100_000 * "[", 5000 * "9", "2024-13-45"])
def test_files_with_unreadable_names_define_nothing(folder, tag):
    here = folder(a=CHOICE.format(name="t"), b=f"tag: {tag}\n")
    assert resolve(here, "t").tasks[0].name == "t"


def test_the_same_file_may_be_included_twice(folder):
    here = folder(
        a=CHOICE.format(name="t") + "include: [b.yaml, c.yaml]\n",
        b="include: d.yaml\n",
        c="include: d.yaml\n",
        d="repeats: 1\n",
    )
    assert resolve(here).tasks[0].settings["repeats"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("doc_to_txt: x\n", "a.yaml:8: doc_to_txt: unknown key. Did you mean doc_to_text?"),
        ("test_split: dev\n", "a.yaml:8: test_split: given twice, first in line 3"),
        ("metadata: {a: 1, a: 2}\n", "a.yaml:8: a: given twice, first in line 8"),
        ("num_fewshot: many\n", "a.yaml:8: num_fewshot: 'many' is not a whole number"),
        ("doc_to_image: picture\n", "a.yaml:8: doc_to_image: tasks with images are not supported"),
        ("doc_to_audio: sound\n", "tasks with audio are not supported"),
        ("class: !function task.Own\n", "tasks written as a Python class are not supported"),
        ("use_prompt: promptsource:x\n", "promptsource prompts are not supported"),
        ("include: nowhere.yaml\n", "a.yaml:8: include: no file nowhere.yaml"),
        (
            "fewshot_config: {sampler: lucky}\n",
            "fewshot_config.sampler: 'lucky' is not hash or lm_eval",
        ),
        (
            "fewshot_config: {splitt: x}\n",
            "fewshot_config.splitt: unknown key. Did you mean split?",
        ),
        ("metric_list: [{aggregation: mean}]\n", "metric_list: each item needs `metric: name`"),
        ("primary_metric: f1\n", "'f1' is not in metric_list"),
        (
            "metric_list: [{metric: 5}]\n",
            "metric_list: each item needs `metric: name`, not {'metric': 5}",
        ),
        ("metric_list: [{metric: [a]}]\n", "metric_list: each item needs `metric: name`"),
        (
            "metric_list: [{metric: acc, aggregation: [mean]}]\n",
            "metric_list: aggregation: ['mean'] is not a name",
        ),
        (
            "metric_list: [{metric: acc}, {metric: acc, ignore_case: true}]\n",
            "a.yaml:8: metric_list: two items are named acc",
        ),
        (
            "metric_list: [{metric: !function a.score}, {metric: !function b.score}]\n",
            "a.yaml:8: metric_list: two items are named score",
        ),
        ("filter_list: [{filter: []}]\n", "each item needs `name` and `filter`"),
        (
            "filter_list: [{name: x, filter: [take_first]}]\n",
            "a.yaml:8: filter_list: each item needs `name` and `filter`, a list of `f",
        ),
        (
            "filter_list: [{name: x, filter: [{regex: a}]}]\n",
            "a list of `function: NAME`, not {'name': 'x', 'filter': [{'regex': 'a'}]}",
        ),
        (
            "filter_list: [{name: x, filter: [{function: [a]}]}]\n",
            "filter_list: each item needs `name` and `filter`",
        ),
        (
            "filter_list: [{name: [x], filter: []}]\n",
            "filter_list: each item needs `name` and `filter`",
        ),
        (
            "filter_list: [{name: x, filter: []}, {name: x, filter: []}]\n",
            "a.yaml:8: filter_list: two items are named 'x'",
        ),
        ("process_docs: utils.f\n", "process_docs: 'utils.f' is not !function module.name"),
        (
            "process_docs: !function f\n",
            "a.yaml:8: !function f: not a function. Write module.name.",
        ),
        ("encoder_inputs: []\n", "a list of one or two templates"),
        ("encoder_inputs: [5]\n", "a list of one or two templates"),
        ("encoder_inputs: [question, context, answer]\n", "or of two and an empty text"),
        ("description: [\n", "not valid YAML"),
        (f"repeats: {5000 * '9'}\n", "not valid YAML: Exceeds the limit"),
        (
            f"metadata: {5000 * '['}{5000 * ']'}\n",
            "a.yaml:8: not valid YAML: nested more than 100 deep",
        ),
        ("repeats: 0\n", "repeats: 0 is not a whole number, 1 or more"),
    ],
)
def test_errors_name_file_key_and_line(folder, text, message):
    assert message in error(folder(a=CHOICE.format(name="t") + text))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("dataset_path: some/data", "no dataset_path"),
        ("test_split: test", "no test_split or validation_split"),
        ("doc_to_choice: choices", "multiple_choice needs doc_to_choice"),
        ("doc_to_target: answer", "no doc_to_target"),
    ],
)
def test_a_missing_key_is_named(folder, line, message):
    assert message in error(folder(a=CHOICE.format(name="t").replace(line + "\n", "")))


def test_an_unknown_output_type(folder):
    assert "'multiple_choices' is not multiple_choice or" in error(
        folder(a=CHOICE.format(name="t").replace("_choice\n", "_choices\n"))
    )


def test_an_unknown_task_has_suggestions(folder):
    here = folder(a=CHOICE.format(name="arithmetic"))
    assert (
        error(here, "arithmetics")
        == "tasks: arithmetics: no task, group or tag 'arithmetics'. Did you mean arithmetic?"
    )
    with pytest.raises(UserError, match="task_paths: no folder"):
        resolve(here / "nowhere")


def test_a_file_that_is_not_utf8(folder):
    here = folder(a=CHOICE.format(name="t"), b="task: u\ninclude: a.yaml\n")
    (here / "a.yaml").write_bytes(
        CHOICE.format(name="t").encode() + "description: Grüße\n".encode("latin-1")
    )
    assert "a.yaml: not UTF-8" in error(here, "u")


def test_an_error_names_a_file_without_a_mapping(folder):
    here = folder(a="- task\n- list\n")
    assert "not a mapping" in error(here, str(here / "a.yaml"))


def test_a_task_by_its_path(folder):
    here = folder(a=CHOICE.format(name="t"))
    assert [t.name for t in resolution.resolve({"name": str(here / "a.yaml")}, []).tasks] == ["t"]


GROUP = """\
group: all
group_alias: Everything
task:
  - one
  - {task: two, num_fewshot: 1, description: mine}
  - group: inner
    task: [three]
    target_delimiter: "|"
  - {task: written, dataset_path: own/data, test_split: s, doc_to_text: q, doc_to_target: a}
aggregate_metric_list:
  - {metric: acc, weight_by_size: false}
  - {metric: acc_norm, filter_list: none}
description: shared
metadata: {version: 2}
"""


def members(folder):
    return folder(g=GROUP, **{name: CHOICE.format(name=name) for name in ("one", "two", "three")})


def test_a_group_with_members_of_every_kind(folder):
    found = resolve(members(folder), "all")
    assert [task.name for task in found.tasks] == ["one", "two", "three", "all::written"]
    everything, inner = found.groups
    assert (everything.name, everything.alias, everything.version) == ("all", "Everything", "2")
    assert everything.members == ["one", "two", "all::inner", "all::written"]
    assert inner.members == ["three"]
    assert everything.metrics == [
        {"metric": "acc", "filter_list": None, "aggregation": "mean", "weight_by_size": False},
        {
            "metric": "acc_norm",
            "filter_list": ["none"],
            "aggregation": "mean",
            "weight_by_size": True,
        },
    ]


@pytest.mark.parametrize("written", ["!function own.worst", "median"])
def test_a_group_of_another_aggregation_than_the_mean_is_an_error(folder, written):
    here = folder(
        g="group: all\ntask: [a]\naggregate_metric_list:\n  - metric: acc\n"
        f"    aggregation: {written}\n"
    )
    message = error(here, "all")
    assert "g.yaml:3: aggregate_metric_list.aggregation" in message
    assert written in message and "only the mean has an interval" in message


def test_overrides_of_groups_members_and_benchmarks(folder):
    found = {
        task.name: task
        for task in resolve(members(folder), "all", overrides={"gen_prefix": "A:"}).tasks
    }
    assert found["one"].settings["description"] == "shared"
    assert found["two"].settings["description"] == "mine"
    assert found["two"].num_fewshot == 1
    assert found["three"].settings["target_delimiter"] == "|"
    assert found["all::written"].settings["dataset_path"] == "own/data"
    assert {task.settings["gen_prefix"] for task in found.values()} == {"A:"}


def test_an_error_in_an_override_names_the_benchmark(folder):
    message = error(folder(a=CHOICE.format(name="t")), overrides={"repeat": 2})
    assert message == "tasks: t: overrides: repeat: unknown key. Did you mean repeats?"


def test_group_cycles_and_unknown_members(folder):
    here = folder(
        g="group: g\ntask: [h]\n", h="group: h\ntask: [g]\n", k="group: k\ntask: [missing]\n"
    )
    assert "group: a cycle, g contains h contains g" in error(here, "g")
    assert "k.yaml:2: task: no task, group or tag 'missing'" in error(here, "k")


def test_a_task_twice_with_different_settings(folder):
    here = folder(a=CHOICE.format(name="t"), g="group: g\ntask: [t, {task: t, repeats: 2}]\n")
    assert "t is twice in one benchmark" in error(here, "g")


def test_a_tag_gives_its_tasks_by_name(folder):
    here = folder(
        _base_yaml="tag: [many, other]\n",
        b=CHOICE.format(name="b") + "tag: many\n",
        a="include: _base_yaml\n" + CHOICE.format(name="a"),
        c=CHOICE.format(name="c"),
    )
    (here / "_base_yaml.yaml").rename(here / "_base_yaml")
    found = resolve(here, "many")
    assert [task.name for task in found.tasks] == ["a", "b"]
    assert found.groups == []
    assert [task.name for task in resolve(here, "other").tasks] == ["a"]


@pytest.mark.parametrize(
    ("own", "configured", "expected"),
    [(None, None, 0), (None, 3, 3), (2, None, 2), (2, 3, 3), (0, 3, 0), (2, 0, 0)],
)
def test_number_of_examples(folder, own, configured, expected):
    here = folder(a=CHOICE.format(name="t") + ("" if own is None else f"num_fewshot: {own}\n"))
    assert resolve(here, num_fewshot=configured).tasks[0].num_fewshot == expected


FEWSHOT = CHOICE.format(name="t") + "num_fewshot: 2\ntraining_split: train\nvalidation_split: dev\n"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", {"split": "train", "sampler": "hash", "excluding": False}),
        ("fewshot_split: dev\n", {"split": "dev", "excluding": False}),
        ("fewshot_split: test\n", {"split": "test", "excluding": True}),
        (
            "fewshot_config: {split: test, sampler: first_n}\n",
            {"split": "test", "sampler": "first_n"},
        ),
        ("fewshot_config: {sampler: default}\n", {"sampler": "lm_eval"}),
        (
            "fewshot_config: {samples: [{question: q}]}\n",
            {"split": None, "samples": [{"question": "q"}]},
        ),
        (
            "fewshot_config: {doc_to_target: other, fewshot_delimiter: ';'}\n",
            {"doc_to_target": "other", "fewshot_delimiter": ";"},
        ),
        (
            "fewshot_config: {doc_to_choice: null, doc_to_text: null}\n",
            {"doc_to_choice": None, "doc_to_text": "{{question}}"},
        ),
        ("test_split: null\n", {"excluding": True}),
    ],
)
def test_where_examples_come_from(folder, more, expected):
    text = FEWSHOT.replace("test_split: test\n", "") if more.startswith("test_split") else FEWSHOT
    (task,) = resolve(folder(a=text + more)).tasks
    found = dataclasses.asdict(task.request_settings().fewshot)
    assert {key: found[key] for key in expected} == expected
    assert task.dataset["splits"] == list(
        dict.fromkeys(s for s in ["dev" if "null" in more[:16] else "test", found["split"]] if s)
    )


def test_scoring_keys_do_not_touch_requests_except_mutual_information(folder):
    here = folder(a=FEWSHOT)
    before = resolve(here).tasks[0].request_settings()
    scoring = {
        "metric_list": [{"metric": "f1"}],
        "filter_list": [{"name": "x", "filter": []}],
        "metadata": {"version": 9},
        "chance": 0.25,
    }
    assert resolve(here, overrides=scoring).tasks[0].request_settings() == before
    assert (
        resolve(here, overrides={"metric_list": [{"metric": "acc_mutual_info"}]})
        .tasks[0]
        .request_settings()
        != before
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"output_type": "generate_until", "doc_to_choice": None},
        {"fewshot_config": {"samples": [{"question": "q"}]}, "description": "{{question}}"},
        {"doc_to_choice": ["a", "b"], "encoder_inputs": ["question"], "cluster": "question"},
    ],
)
def test_request_settings_survive_json(folder, changes):
    settings = resolve(folder(a=FEWSHOT), overrides=changes).tasks[0].request_settings()
    text = json.dumps(dataclasses.asdict(settings))
    assert TypeAdapter(RequestSettings).validate_json(text) == settings


def test_a_comment_changes_no_settings(folder):
    before = resolve(folder(a=FEWSHOT)).tasks[0]
    after = resolve(folder(a="# a comment\n\n" + FEWSHOT)).tasks[0]
    assert before.request_settings() == after.request_settings()
    assert before.origins != after.origins


def test_functions_are_digested_and_not_imported(folder):
    here = folder(
        a=CHOICE.format(name="t") + "process_docs: !function own.keep\n",
        **{"own.py": "raise SystemExit('imported')\n"},
    )
    (here / "own.py.yaml").rename(here / "own.py")
    (task,) = resolve(here).tasks
    reference = task.settings["process_docs"]
    assert reference["!function"] == "own.keep"
    assert len(reference["digest"]) == 64
    (here / "own.py").write_text("def keep(docs):\n    return docs\n")
    assert resolve(here).tasks[0].settings["process_docs"]["digest"] != reference["digest"]


def test_loading_functions(folder):
    here = folder(
        a="x: !function own.double\ny: !function json.dumps\n"
        "z: !function own.missing\nw: !function nowhere.f\n"
    )
    (here / "own.py").write_text("def double(x):\n    return 2 * x\n")
    keys = loader.load(str(here / "a.yaml")).keys
    assert functions.load(keys["x"])(4) == 8
    assert functions.load(keys["y"])([1]) == "[1]"
    with pytest.raises(UserError, match="no function missing in"):
        functions.load(keys["z"])
    with pytest.raises(UserError, match="importing nowhere failed"):
        functions.load(keys["w"])
    (here / "own.py").write_text("def double(x):\n    return 3 * x\n")
    with pytest.raises(UserError, match=r"own\.py has changed"):
        functions.load(keys["x"])


def test_the_index_reads_names_like_a_yaml_parser(folder):
    here = folder(
        a='"task": quoted\ntag:\n- x\n- y # comment\n',
        b="task: 'single' # comment\ntag: [x, z]\n",
        c="group: g\ntask:\n  - task: nested\n  - other\n",
        d="description: |\n  task: hidden\ntask: yes\n",
        e="task:\n  folded\n",
        f="# nothing\n",
    )
    found = index.build(str(here))
    assert set(found.tasks) == {"quoted", "single", "folded"}
    assert set(found.groups) == {"g"}
    assert found.tags == {"x": ["quoted", "single"], "y": ["quoted"], "z": ["single"]}


def test_the_first_file_and_the_first_folder_with_a_name_count(folder, tmp_path):
    here = folder(
        **{
            "one/b.yaml": CHOICE.format(name="t") + "gen_prefix: b\n",
            "one/a.yaml": CHOICE.format(name="t") + "gen_prefix: a\n",
        }
    )
    folder(**{"two/a.yaml": CHOICE.format(name="t") + "gen_prefix: two\n"})
    assert resolve(here / "one").tasks[0].settings["gen_prefix"] == "a"
    found = resolution.resolve({"name": "t"}, [here / "two", here / "one"])
    assert found.tasks[0].settings["gen_prefix"] == "two"


def test_the_cached_index_notices_changed_new_and_deleted_files(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def names(root):
        index._LARGE.clear()
        return set(index.build(str(root), cached_from=0).tasks)

    here = (
        folder(
            **{
                "tasks/a.yaml": "task: a\n",
                "tasks/b.yaml": "include: base_yaml\n",
                "tasks/base_yaml": "task: b\n",
            }
        )
        / "tasks"
    )
    assert names(here) == {"a", "b"}
    assert len(list((tmp_path / "cache" / "snakeval").iterdir())) == 1
    scanned = []
    monkeypatch.setattr(
        index, "_scan", lambda name, scan=index._scan: scanned.append(name) or scan(name)
    )
    assert names(here) == {"a", "b"}
    assert scanned == []
    (here / "base_yaml").write_text("task: renamed\n")
    (here / "c.yaml").write_text("task: c\n")
    (here / "a.yaml").unlink()
    assert names(here) == {"renamed", "c"}
    assert len(scanned) == 2
    index._LARGE.clear()


def test_a_damaged_cache_is_replaced(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    here = folder(**{"tasks/a.yaml": "task: a\n"}) / "tasks"
    index.build(str(here), cached_from=0)
    (file,) = (tmp_path / "cache" / "snakeval").iterdir()
    file.write_text("{")
    index._LARGE.clear()
    assert set(index.build(str(here), cached_from=0).tasks) == {"a"}
    index._LARGE.clear()


def test_the_package_is_found_without_heavy_imports(tmp_path):
    """A start-up with a warm index takes less than a second."""
    code = """
import sys
from snakeval.tasks import resolution
found = resolution.resolve({"name": "mmlu"}, ["lm_eval"])
print(len(found.tasks))
heavy = ("lm_eval", "datasets", "torch", "numpy", "pyarrow", "jinja2")
print([name for name in heavy if name in sys.modules])
"""
    environment = {"XDG_CACHE_HOME": str(tmp_path), "PATH": "/usr/bin"}
    for _ in range(2):  # the second time from the cached index
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines() == ["57", "[]"]


def test_tasks_of_the_package_use_its_own_sampler_and_short_names():
    (task,) = resolution.resolve({"name": "hellaswag", "num_fewshot": 2}, ["lm_eval"]).tasks
    settings = task.request_settings()
    assert settings.fewshot.sampler == "lm_eval"
    assert settings.file == "lm_eval/hellaswag/hellaswag.yaml"
    assert settings.process_docs["file"] == "lm_eval/hellaswag/hellaswag.yaml"
    assert task.dataset == {
        "path": "Rowan/hellaswag",
        "name": None,
        "kwargs": {},
        "splits": ["validation", "train"],
    }


def test_a_large_folder_is_read_once_for_many_benchmarks(monkeypatch):
    resolution.resolve({"name": "mmlu"}, ["lm_eval"])
    monkeypatch.setattr(index, "_files", lambda root: pytest.fail("read again"))
    for name in (
        "gsm8k",
        "hellaswag",
        "winogrande",
        "ai2_arc",
        "leaderboard",
        "bbh",
        "glue",
        "wikitext",
        "truthfulqa_mc1",
        "piqa",
    ):
        assert resolution.resolve({"name": name}, ["lm_eval"]).tasks

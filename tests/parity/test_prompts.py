"""Prompts, continuations and generation settings equal those of lm-evaluation-harness byte for byte, plain and as chats.

The same task file and the same documents go through the real package and through snakeval. Task files are made here for every form of the
language; files of the package itself follow, over real data where SNAKEVAL_DATA says where it lies.
"""

import csv
import json
import os
from functools import cache
from pathlib import Path

import datasets
import pyarrow as pa
import pytest
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks._yaml_loader import load_yaml

from snakeval import prompts, requests, tasks
from snakeval.tasks import loader

SEED = 1234
DATA = os.environ.get("SNAKEVAL_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="SNAKEVAL_DATA does not name the folder of real data sets")

MODULE = '''
"""Functions of the task files."""


def shout(docs):
    return docs.map(lambda doc: {"question": doc["question"].upper(), "extra": doc["label"] + 1})


def odd(docs):
    return docs.filter(lambda doc: doc["label"] % 2 == 1)


def text(doc):
    return "Q: " + doc["question"]


def target(doc):
    return doc["label"]


def targets(doc):
    return doc["aliases"]


def choices(doc):
    return [choice.strip() for choice in doc["choices"]]


def blank(doc):
    return [doc["sentence"].replace("_", option) for option in doc["options"]]


def after_blank(doc):
    return doc["sentence"].partition("_")[2].strip()


def which(doc):
    return int(doc["number"]) - 1


def samples():
    return [{"question": f"What is {n}?", "choices": ["a", "b", "c"], "label": n % 3, "answer": f"it is {n}"} for n in range(5)]


def results(doc, results):
    return {"own": 1.0}
'''


def document(number: int) -> dict:
    words = ["red", "grün", "蓝色", "y'ellow", "  spaced ", 'qu"ote']
    return {
        "question": f"Which colour is number {number}?" + " " * (number % 3 == 1) + "\n" * (number % 5 == 4),
        "choices": [words[(number + k) % 5] for k in range(3)],
        "label": number % 3,
        "letter": "ABC"[number % 3],
        "answer": f"{words[number % 6]} {number}",
        "aliases": [f"{number}", words[number % 6]],
        "number": str(number % 2 + 1),
        "digits": str(number % 3),
        "passage": f"A passage about {number}.\n\nIt has  two parts\t.",
        "sentence": f"Number {number} beat seven because _ was bigger.",
        "options": [f"number {number}", "seven"],
        "hint": "" if number % 4 == 0 else f"Hint {number}:",
        "nested": {"key": ["v", str(number)]},
    }


SPLITS = {
    "train": [document(n) for n in range(20, 32)],
    "dev": [document(n) for n in range(40, 47)],
    "test": [document(n) for n in [*range(8), 3, 3]],  # documents that are there twice
}
CHOICE = "output_type: multiple_choice\ndoc_to_text: '{{question}}'\ndoc_to_target: label\ndoc_to_choice: choices\n"
GENERATE = "doc_to_text: 'Q: {{question}}\\nA:'\ndoc_to_target: answer\n"
SPLIT_KEYS = "training_split: train\nvalidation_split: dev\ntest_split: test\nfewshot_config: {sampler: default}\n"

TASKS = {  # name: keys of the task file, beside SPLIT_KEYS where they are not given
    "choice": CHOICE,
    "choice_3shot": CHOICE + "num_fewshot: 3\n",
    "choice_fewshot_dev": CHOICE + "num_fewshot: 2\nfewshot_split: dev\n",
    "choice_fewshot_test": CHOICE + "num_fewshot: 4\nfewshot_split: test\n",
    "choice_first_n": CHOICE + "num_fewshot: 3\nfewshot_split: test\nfewshot_config: {sampler: first_n}\n",
    "choice_first_n_train": CHOICE + "num_fewshot: 3\nfewshot_config: {sampler: first_n}\n",
    "validation_only": CHOICE + "num_fewshot: 2\nvalidation_split: dev\nfewshot_config: {sampler: default}\n",
    "validation_is_pool": CHOICE + "num_fewshot: 2\nvalidation_split: dev\nfewshot_split: dev\nfewshot_config: {sampler: default}\n",
    "only_test": CHOICE + "num_fewshot: 2\ntest_split: test\nfewshot_config: {sampler: default}\n",
    "letters": "output_type: multiple_choice\ndoc_to_text: '{{question}} {{choices[0]}}\nAnswer:'\ndoc_to_target: letter\n"
    "doc_to_choice: [A, B, C]\nnum_fewshot: 1\n",
    "letters_by_index": "output_type: multiple_choice\ndoc_to_text: question\ndoc_to_target: digits\ndoc_to_choice: ['A', 'B', 'C']\n",
    "letters_by_template": CHOICE.replace("doc_to_target: label", "doc_to_target: '{{label}}'") + "num_fewshot: 2\n",
    "letters_found": CHOICE.replace("doc_to_target: label", "doc_to_target: \"{{['A','B','C'].index(letter)}}\"") + "num_fewshot: 2\n",
    "dict_choices": CHOICE.replace("choices\n", "{no: wrong, yes: right, so: so so}\n") + "num_fewshot: 1\n",
    "template_choices": CHOICE.replace("choices\n", "'{{[choices[2], choices[0], letter]}}'\n") + "num_fewshot: 1\n",
    "several_right": CHOICE.replace("doc_to_target: label", "doc_to_target: '{{[label, 0]}}'"),
    "fixed_target": CHOICE.replace("doc_to_target: label", "doc_to_target: 0") + "process_results: !function own.results\n"
    "metric_list: [{metric: own, aggregation: mean, higher_is_better: true}]\nnum_fewshot: 1\n",
    "mutual": CHOICE + "metric_list: [{metric: acc_mutual_info, aggregation: mean, higher_is_better: true}]\nnum_fewshot: 1\n",
    "no_delimiter": CHOICE + "target_delimiter: ''\nnum_fewshot: 2\n",
    "newline_delimiter": CHOICE + 'target_delimiter: "\\n"\nfewshot_delimiter: "\\n---\\n"\nnum_fewshot: 2\n',
    "described": CHOICE + 'description: "Pick the colour of {{nested.key[1]}}.\\n\\n"\nnum_fewshot: 2\n',
    "described_by_column": CHOICE + "description: hint\n",
    "prefixed": CHOICE + "gen_prefix: 'The answer is'\nnum_fewshot: 2\n",
    "prefixed_with_space": CHOICE + "gen_prefix: 'The answer is '\nnum_fewshot: 2\n",
    "prefixed_by_template": CHOICE + "gen_prefix: '{{letter}}:'\nnum_fewshot: 2\ndescription: Choose.\n",
    "prefixed_by_column": CHOICE + "gen_prefix: hint\nnum_fewshot: 1\n",
    "prefixed_newline": CHOICE + 'gen_prefix: "\\nA:"\nnum_fewshot: 1\n',
    "functions": "output_type: multiple_choice\ndoc_to_text: !function own.text\ndoc_to_target: !function own.target\n"
    "doc_to_choice: !function own.choices\nprocess_docs: !function own.shout\nnum_fewshot: 2\n",
    "processed": CHOICE.replace("{{question}}", "{{question}} {{extra}}") + "process_docs: !function own.shout\nnum_fewshot: 2\n"
    "fewshot_split: train\n",
    "filtered_pool": CHOICE + "num_fewshot: 2\nfewshot_config: {sampler: default, split: train, process_docs: !function own.odd}\n",
    "own_shots": CHOICE + "num_fewshot: 2\nfewshot_config: {sampler: default, split: train, doc_to_text: 'Example: {{question}}', "
    "doc_to_choice: [x, y, z], target_delimiter: ' = ', fewshot_delimiter: ' ; ', gen_prefix: 'A'}\n",
    "shots_without_choices": CHOICE + "num_fewshot: 2\nfewshot_config: {sampler: default, split: train, doc_to_choice: null, "
    "doc_to_target: answer}\n",
    "shots_without_answer": CHOICE + "num_fewshot: 2\nfewshot_config: {sampler: default, split: train, doc_to_target: '', "
    "gen_prefix: 'So'}\n",
    "written_samples": CHOICE + "num_fewshot: 2\nfewshot_config: {sampler: first_n, samples: [{question: one?, choices: [u, v], label: 1}, "
    "{question: two?, choices: [u, v], label: 0}, {question: three?, choices: [u, v], label: 1}]}\n",
    "samples_function": CHOICE + "num_fewshot: 3\nfewshot_config: {sampler: default, samples: !function own.samples}\n",
    "winogrande_like": "output_type: multiple_choice\ndoc_to_text: !function own.which\ndoc_to_target: !function own.after_blank\n"
    "doc_to_choice: !function own.blank\nnum_fewshot: 2\n",
    "winogrande_templates": "output_type: multiple_choice\ndoc_to_text: \"{{{'1': 0, '2': 1}[number]}}\"\n"
    "doc_to_target: \"{{sentence.split('_')[1].strip()}}\"\n"
    "doc_to_choice: \"{{[sentence.split('_')[0] + options[0], sentence.split('_')[0] + options[1]]}}\"\n"
    "gen_prefix: Because\nnum_fewshot: 1\nmetric_list: [{metric: acc_mutual_info, aggregation: mean, higher_is_better: true}]\n",
    "generation": GENERATE,
    "generation_5shot": GENERATE + "num_fewshot: 5\ngeneration_kwargs: {until: ['Q:', \"\\n\"], max_gen_toks: 40, do_sample: false}\n",
    "generation_sampled": GENERATE + "repeats: 3\ngeneration_kwargs: {temperature: 0.7, do_sample: true, top_p: 0.9}\n",
    "generation_prefixed": GENERATE + "gen_prefix: 'It is'\nnum_fewshot: 2\nfewshot_delimiter: \"\\n\"\n",
    "generation_several": GENERATE.replace("answer", "aliases") + "num_fewshot: 2\n",
    "generation_functions": "doc_to_text: !function own.text\ndoc_to_target: !function own.targets\nnum_fewshot: 2\n",
    "generation_choices": GENERATE.replace("answer", "label") + "doc_to_choice: choices\nnum_fewshot: 2\n",
    "replaced": GENERATE.replace("{{question}}", '{{question|regex_replace("[aeiou]", "*")}}\\n\\n') + "num_fewshot: 1\n",
    "last_word": "output_type: loglikelihood\ndoc_to_text: \"{{passage.split(' ')[:-1]|join(' ')}}\"\n"
    "doc_to_target: \"{{' ' + passage.split(' ')[-1]}}\"\n",
    "last_word_shots": "output_type: loglikelihood\ndoc_to_text: passage\ndoc_to_target: '{{\" \" + answer}}'\nnum_fewshot: 2\n",
    "rolling": "output_type: loglikelihood_rolling\ndoc_to_text: ''\ndoc_to_target: passage\n",
    "rolling_page": "output_type: loglikelihood_rolling\ndoc_to_text: ''\ndoc_to_target: '{{passage|upper}}'\nnum_fewshot: 0\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The task files, written."""
    root = tmp_path_factory.mktemp("tasks")
    (root / "own.py").write_text(MODULE, encoding="utf-8")
    for name, keys in TASKS.items():
        split_keys = [line for line in SPLIT_KEYS.splitlines() if "_split: " not in keys or "test_split" not in keys]
        if "test_split:" in keys or "validation_split:" in keys:
            split_keys = []
        given = {line.partition(":")[0] for line in keys.splitlines()}
        shared = "".join(line + "\n" for line in split_keys if line.partition(":")[0] not in given)
        (root / f"{name}.yaml").write_text(f"task: {name}\ndataset_path: made_up\n{shared}{keys}", encoding="utf-8")
    return root


def reference(path: Path, rows: dict[str, list[dict]], num_fewshot: int | None) -> ConfigurableTask:
    """The real package's task over these documents."""
    config = load_yaml(path)
    for key in ("tag", "group", "dataset_kwargs"):
        config.pop(key, None)
    if "sampler" in (config.get("fewshot_config") or {}) and config["fewshot_config"]["sampler"] == "lm_eval":
        config["fewshot_config"]["sampler"] = "default"
    data = {split: datasets.Dataset.from_list(documents) for split, documents in rows.items()}
    task = ConfigurableTask(config={**config, "custom_dataset": lambda **_: data})
    if num_fewshot is not None and task.config.num_fewshot != 0:
        task.set_config("num_fewshot", num_fewshot)
    return task


def compare(path: Path | str, rows: dict[str, list[dict]], *, limit: int | None = None, num_fewshot: int | None = None) -> int:
    """Compare every request in every style; the number of them."""
    name = str(path)
    task = reference(loader.locate(name), rows, num_fewshot)
    (ours,) = tasks.resolve({"name": name, "num_fewshot": num_fewshot}, []).tasks
    tables = {split: pa.Table.from_pylist(documents) for split, documents in rows.items()}
    built = requests.build(ours.request_settings(), tables, limit=limit, seed=SEED).to_pylist()
    compared = 0
    for system in (None, "Be exact."):
        for chat, multiturn in ((False, False), (True, True), (True, False)):
            task.set_fewshot_seed(SEED)
            task.build_all_requests(
                limit=limit,
                system_instruction=system,
                apply_chat_template=chat,
                fewshot_as_multiturn=multiturn,
                chat_template=_chat_template if chat else None,
            )
            compared += _compare_requests(task, built, system, chat, multiturn)
    _compare_answers(task, built)
    return compared


def _chat_template(messages: list[dict], add_generation_prompt: bool) -> str:
    return json.dumps([messages, add_generation_prompt])


def _compare_requests(task: ConfigurableTask, built: list[dict], system: str | None, chat: bool, multiturn: bool) -> int:
    instances: dict[int, list] = {}
    for instance in task.instances:
        instances.setdefault(instance.doc_id, []).append(instance)
    assert sorted(instances) == [row["doc_id"] for row in built]
    for row in built:
        theirs = [instance.args for instance in sorted(instances[row["doc_id"]], key=lambda instance: instance.idx)]
        if chat:
            contexts = [_chat_template(turns, turns[-1]["role"] == "user") for turns in prompts.messages(row, system, multiturn)]
        else:
            contexts = prompts.plain(row, system_prompt=system)
        if row["kind"] == "loglikelihood_rolling":
            assert theirs == [(part["text"],) for part in row["continuations"]]
        elif row["kind"] == "generate_until":
            assert [args[0] for args in theirs] == contexts
            _compare_generation(theirs[0][1], row["generation"], task)
        else:
            delimiter = row["chat_target_delimiter"] if chat else row["target_delimiter"]
            ours = [("" if part["question"] < 0 else contexts[part["question"]], delimiter + part["text"]) for part in row["continuations"]]
            assert theirs == ours
    return len(task.instances)


def _compare_generation(theirs: dict, ours: dict, task: ConfigurableTask) -> None:
    until = theirs["until"]
    assert ours["until"] == ([until] if isinstance(until, str) else until)
    assert ours["max_new_tokens"] == theirs.get("max_gen_toks", 256)
    assert ours["do_sample"] == theirs.get("do_sample", theirs.get("temperature", 0) > 0)
    assert ours["samples"] == task.config.repeats
    if ours["do_sample"]:
        assert ours["temperature"] == theirs.get("temperature", 1.0)
        assert ours["top_p"] == theirs.get("top_p", 1.0)


def _compare_answers(task: ConfigurableTask, built: list[dict]) -> None:
    """The right answers are the package's."""
    for row, doc in zip(built, task.eval_docs, strict=False):
        target = task.doc_to_target(doc)
        if row["kind"] == "multiple_choice":
            choices = task.doc_to_choice(doc)
            assert row["choices"] == choices
            gold = task.doc_to_text(doc) if task.multiple_input else target
            if not task.config.process_results:
                right = gold if isinstance(gold, list) else [gold]
                assert row["gold"] == [(choices.index(g) if g in choices else -100) if isinstance(g, str) else g for g in right]
        elif row["kind"] == "generate_until" and not task.config.process_results:
            if task.config.doc_to_choice is not None:
                target = task.doc_to_choice(doc)[target]
            assert row["references"] == ([str(t) for t in target] if isinstance(target, list) else [str(target)])


@pytest.mark.parametrize("name", TASKS)
def test_made_up_tasks(folder, name):
    assert compare(folder / f"{name}.yaml", SPLITS) >= 6 * 7


@pytest.mark.parametrize("name", ["choice_3shot", "choice_fewshot_test", "generation_5shot", "winogrande_like"])
@pytest.mark.parametrize("limit", [1, 3])
def test_a_limit(folder, name, limit):
    assert compare(folder / f"{name}.yaml", SPLITS, limit=limit) > 0


@pytest.mark.parametrize(("name", "asked"), [("choice", 2), ("choice_3shot", 1), ("rolling_page", 3), ("generation_5shot", 0)])
def test_the_number_of_examples_asked_for(folder, name, asked):
    assert compare(folder / f"{name}.yaml", SPLITS, num_fewshot=asked) > 0


def _lines(name: str) -> list[dict]:
    return [json.loads(line) for line in Path(DATA, name).read_text(encoding="utf-8").splitlines()]


def _table(name: str, columns: list[str] | None = None) -> list[dict]:
    with Path(DATA, name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, fieldnames=columns))


def _mmlu(split: str, subject: str) -> list[dict]:
    rows = _table(f"mmlu/{split}/{subject}_{split}.csv", ["question", "A", "B", "C", "D", "answer"])
    return [
        {"question": row["question"], "choices": [row[letter] for letter in "ABCD"], "answer": "ABCD".index(row["answer"])} for row in rows
    ]


def _arc(name: str) -> list[dict]:
    return [
        {
            "id": row["id"],
            "question": row["question"]["stem"],
            "choices": {key: [choice[key] for choice in row["question"]["choices"]] for key in ("text", "label")},
            "answerKey": row["answerKey"],
        }
        for row in _lines(name)
    ]


def _truthfulqa() -> list[dict]:
    def both(targets: dict[str, int]) -> dict[str, list]:
        return {"choices": list(targets), "labels": list(targets.values())}

    rows = json.loads(Path(DATA, "truthfulqa/mc_task.json").read_text(encoding="utf-8"))
    return [{"question": row["question"], **{key: both(row[key]) for key in ("mc1_targets", "mc2_targets")}} for row in rows]


def _piqa() -> list[dict]:
    labels = Path(DATA, "piqa/valid-labels.lst").read_text().split()
    return [{**row, "label": int(label)} for row, label in zip(_lines("piqa/valid.jsonl"), labels, strict=True)]


def _bbh(subtask: str) -> list[dict]:
    return json.loads(Path(DATA, f"bbh/bbh/{subtask}.json").read_text(encoding="utf-8"))["examples"]


def _sst2() -> list[dict]:
    rows = [line.rsplit("\t", 1) for line in Path(DATA, "glue_sst2/dev.tsv").read_text(encoding="utf-8").splitlines()]
    return [{"sentence": text, "label": int(label)} for text, label in rows]


def _mrpc() -> list[dict]:
    lines = Path(DATA, "glue_mrpc/msr_paraphrase_test.txt").read_text(encoding="utf-8-sig").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    return [{"sentence1": row[3], "sentence2": row[4], "label": int(row[0]), "idx": n} for n, row in enumerate(rows)]


def _math() -> list[dict]:
    return [{key: row[key] for key in ("problem", "level", "type", "solution")} for row in _lines("competition_math/test.jsonl")]


@cache
def _wikitext() -> list[dict]:
    return [
        {"page": "\n\n = Page = \n\n" + page}
        for page in Path(DATA, "wikitext2/valid.txt").read_text(encoding="utf-8")[:60000].split("\n = ")
    ]


REAL = {  # a file of the package: its documents by split, examples asked for
    "lm_eval/gsm8k/gsm8k.yaml": (lambda: {"train": _lines("gsm8k/train.jsonl"), "test": _lines("gsm8k/test.jsonl")}, None),
    "lm_eval/gsm8k/gsm8k-cot.yaml": (lambda: {"train": _lines("gsm8k/train.jsonl"), "test": _lines("gsm8k/test.jsonl")}, None),
    "lm_eval/hellaswag/hellaswag.yaml": (
        lambda: {"train": _lines("hellaswag/hellaswag_val.jsonl")[:100], "validation": _lines("hellaswag/hellaswag_val.jsonl")[100:]},
        10,
    ),
    "lm_eval/mmlu/default/mmlu_anatomy.yaml": (lambda: {"dev": _mmlu("dev", "anatomy"), "test": _mmlu("test", "anatomy")}, 5),
    "lm_eval/mmlu/continuation/mmlu_anatomy.yaml": (lambda: {"dev": _mmlu("dev", "anatomy"), "test": _mmlu("test", "anatomy")}, 2),
    "lm_eval/mmlu/generative/mmlu_anatomy.yaml": (lambda: {"dev": _mmlu("dev", "anatomy"), "test": _mmlu("test", "anatomy")}, 2),
    "lm_eval/mmlu/flan_n_shot/loglikelihood/mmlu_anatomy.yaml": (
        lambda: {"dev": _mmlu("dev", "anatomy"), "test": _mmlu("test", "anatomy")},
        3,
    ),
    "lm_eval/arc/arc_challenge.yaml": (
        lambda: {
            "train": _arc("arc/ARC-Challenge-Dev.jsonl")[:90],
            "validation": _arc("arc/ARC-Challenge-Dev.jsonl")[90:],
            "test": _arc("arc/ARC-Challenge-Test.jsonl"),
        },
        25,
    ),
    "lm_eval/winogrande/default.yaml": (
        lambda: {"train": _lines("winogrande/train_xs.jsonl"), "validation": _lines("winogrande/dev.jsonl")},
        5,
    ),
    "lm_eval/piqa/piqa.yaml": (lambda: {"train": _piqa()[:100], "validation": _piqa()[100:]}, 3),
    "lm_eval/truthfulqa/truthfulqa_mc1.yaml": (lambda: {"validation": _truthfulqa()}, None),
    "lm_eval/truthfulqa/truthfulqa_mc2.yaml": (lambda: {"validation": _truthfulqa()}, None),
    "lm_eval/bbh/cot_fewshot/date_understanding.yaml": (lambda: {"test": _bbh("date_understanding")}, None),
    "lm_eval/bbh/fewshot/boolean_expressions.yaml": (lambda: {"test": _bbh("boolean_expressions")}, None),
    "lm_eval/bbh/zeroshot/word_sorting.yaml": (lambda: {"test": _bbh("word_sorting")}, None),
    "lm_eval/glue/sst2/default.yaml": (lambda: {"train": _sst2()[:100], "validation": _sst2()[100:]}, 4),
    "lm_eval/glue/mrpc/default.yaml": (lambda: {"train": _mrpc()[:100], "validation": _mrpc()[100:]}, 4),
    "lm_eval/crows_pairs/crows_pairs_english.yaml": (lambda: {"test": _crows()}, None),
    "lm_eval/ceval/ceval-valid_accountant.yaml": (
        lambda: {"dev": _table("ceval/dev/accountant_dev.csv"), "val": _table("ceval/val/accountant_val.csv")},
        5,
    ),
    "lm_eval/wikitext/wikitext.yaml": (lambda: {"train": _wikitext(), "validation": _wikitext(), "test": _wikitext()}, None),
    "lm_eval/leaderboard/math/math_algebra.yaml": (lambda: {"train": _math()[:50], "test": _math()[50:]}, None),
}


def _crows() -> list[dict]:
    return [
        {**row, "stereo_antistereo": int(row["stereo_antistereo"] == "antistereo"), "bias_type": 3}
        for row in _table("crows_pairs/crows_pairs_anonymized.csv")
    ]


@needs_data
@pytest.mark.parametrize("file", REAL)
def test_files_of_the_package_over_real_data(file):
    documents, num_fewshot = REAL[file]
    assert compare(file, documents(), limit=6, num_fewshot=num_fewshot) > 0

"""Every task of the catalogue builds its requests.

Where the harness has the same protocol, its requests are the same to the byte.
"""

import re

import pyarrow as pa
import pytest
import yaml
from builders.lm_eval_harness import SEED, _compare_answers, _compare_requests, reference
from builders.lm_eval_schemas import SCHEMAS
from builders.real_data import (
    DATA,
    arc,
    bbh,
    lines,
    math,
    mmlu,
    mrpc,
    piqa,
    sst2,
    table,
    truthfulqa,
)
from generate import GENERATED

from snakeval.requests.build import build_requests
from snakeval.tasks import definition, loader, resolution

BENCHMARKS = [
    "arc_easy", "arc_challenge", "bbh", "bbh_cot", "boolq", "ceval", "cnn_dailymail", "gsm8k",
    "hellaswag", "humaneval", "lambada", "math", "mmlu", "mrpc", "open_llm_leaderboard_v1",
    "openbookqa", "piqa", "race", "squad", "squad_v2", "sst2", "triviaqa", "truthfulqa_gen",
    "truthfulqa_mc1", "truthfulqa_mc2", "wikitext", "winogrande", "wmt",
]  # fmt: skip
SIZES = {
    "mmlu": 57,
    "ceval": 52,
    "bbh": 27,
    "bbh_cot": 27,
    "math": 7,
    "wmt": 6,
    "open_llm_leaderboard_v1": 62,
}
# Leaf task: the harness's file of the same protocol, and the number of examples.
PACKAGE = {
    "arc_easy": ("arc/arc_easy.yaml", None),
    "arc_challenge": ("arc/arc_challenge.yaml", None),
    "boolq": ("super_glue/boolq/default.yaml", None),
    "cnn_dailymail": ("cnn_dailymail/cnn_dailymail.yaml", None),
    "gsm8k": ("gsm8k/gsm8k.yaml", 0),
    "hellaswag": ("hellaswag/hellaswag.yaml", None),
    "humaneval": ("humaneval/humaneval.yaml", None),
    "lambada": ("lambada/lambada_openai.yaml", None),
    "mrpc": ("glue/mrpc/default.yaml", None),
    "openbookqa": ("openbookqa/openbookqa.yaml", None),
    "piqa": ("piqa/piqa.yaml", None),
    "race": ("race/race.yaml", None),
    "sst2": ("glue/sst2/default.yaml", None),
    "triviaqa": ("triviaqa/default.yaml", None),
    "truthfulqa_mc1": ("truthfulqa/truthfulqa_mc1.yaml", None),
    "truthfulqa_mc2": ("truthfulqa/truthfulqa_mc2.yaml", None),
    "wikitext": ("wikitext/wikitext.yaml", None),
    "winogrande": ("winogrande/default.yaml", None),
    "mmlu::stem::college_biology": ("mmlu/default/mmlu_college_biology.yaml", 5),
    "ceval::humanities::law": ("ceval/ceval-valid_law.yaml", 5),
    "bbh::boolean_expressions": ("bbh/fewshot/boolean_expressions.yaml", None),
    "bbh::word_sorting": ("bbh/fewshot/word_sorting.yaml", None),
    "bbh_cot::boolean_expressions": ("bbh/cot_fewshot/boolean_expressions.yaml", None),
    "bbh_cot::snarks": ("bbh/cot_fewshot/snarks.yaml", None),
    "wmt::wmt16_de-en": ("translation/wmt16_de-en.yaml", None),
    "wmt::wmt14_en-fr": ("translation/wmt14_en-fr.yaml", None),
}
# The same with the first leaderboard's numbers of examples.
PRESET = {
    "arc_challenge": ("arc/arc_challenge.yaml", 25),
    "hellaswag": ("hellaswag/hellaswag.yaml", 10),
    "winogrande": ("winogrande/default.yaml", 5),
    "gsm8k": ("gsm8k/gsm8k.yaml", 5),
}


@pytest.fixture(scope="module")
def leaves(repository):
    folder = repository / "config" / "tasks"
    return {
        benchmark: resolution.resolve({"name": benchmark}, [folder]).tasks
        for benchmark in BENCHMARKS
    }


def documents(task: definition.Task, size: int = 9) -> dict[str, list[dict]]:
    """Each split with other documents; the training split has enough for 25 examples."""
    make = SCHEMAS[task.dataset["path"]]
    return {
        split: [make(100 * number + n) for n in range(max(size, 30))]
        for number, split in enumerate(task.dataset["splits"])
    }


def build(task: definition.Task, rows: dict[str, list[dict]], limit: int | None = 5) -> list[dict]:
    tables = {split: pa.Table.from_pylist(documents) for split, documents in rows.items()}
    return build_requests(
        task.request_settings(), tables, limit=limit, seed=SEED, allow_functions=False
    ).to_pylist()


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_every_task_builds_requests_without_python_of_its_own(leaves, benchmark):
    assert len(leaves[benchmark]) == SIZES.get(benchmark, 1)
    for task in leaves[benchmark]:
        assert task.scoring_settings().version is not None
        rows = build(task, documents(task), limit=2)
        assert len(rows) == 2
        for row in rows:
            assert row["kind"] == "loglikelihood_rolling" or row["questions"]
            assert row["continuations"] or row["generation"]
            assert row["references"]


@pytest.mark.parametrize(
    ("name", "file", "num_fewshot"), [(name, *of) for name, of in PACKAGE.items()]
)
def test_the_requests_are_those_of_the_harness(repository, name, file, num_fewshot):
    compare(repository, name, name, file, num_fewshot)


@pytest.mark.parametrize(
    ("name", "file", "num_fewshot"), [(name, *of) for name, of in PRESET.items()]
)
def test_the_leaderboards_requests_are_those_of_the_harness(repository, name, file, num_fewshot):
    compare(repository, "open_llm_leaderboard_v1", name, file, num_fewshot)


def compare(repository, benchmark: str, name: str, file: str, num_fewshot: int | None) -> None:
    if file.startswith("humaneval/"):
        # Importing its Python needs the network.
        theirs = yaml.load(loader.read(f"lm_eval/{file}"), Loader=_NoFunctions)
    found = resolution.resolve(
        {"name": benchmark, "num_fewshot": num_fewshot if benchmark == name else None},
        [repository / "config/tasks"],
    ).tasks
    (task,) = [task for task in found if task.name == name]
    rows = documents(task)
    built = build(task, rows)
    if file.startswith("humaneval/"):
        for key in ("doc_to_text", "doc_to_target", "unsafe_code", "dataset_path"):
            assert task.settings[key] == theirs[key]
        return
    if "train" not in rows and not file.startswith(("bbh", "ceval", "mmlu")):
        rows |= {split: rows[next(iter(rows))] for split in ("train", "validation")}
    # As in lm-eval's openllm.yaml.
    of_leaderboard = benchmark != name and num_fewshot and "::" not in name
    keys = {"fewshot_split": "train"} if of_leaderboard else {}
    theirs = reference(loader.locate(f"lm_eval/{file}"), rows, num_fewshot, **keys)
    theirs.set_fewshot_seed(SEED)
    theirs.build_all_requests(limit=5)
    assert _compare_requests(theirs, built, None, False, False) >= 5
    if name not in ("truthfulqa_mc2",) and not name.startswith(("bbh_cot", "wmt")):
        _compare_answers(theirs, built)


class _NoFunctions(yaml.SafeLoader):
    pass


_NoFunctions.add_constructor("!function", lambda loader, node: node.value)


@pytest.mark.skipif(not DATA, reason="SNAKEVAL_DATA does not name the folder of real data sets")
@pytest.mark.parametrize(
    ("benchmark", "leaf", "splits"),
    [
        (
            "mmlu",
            "mmlu::stem::anatomy",
            lambda: {
                s: [{**row, "subject": "anatomy"} for row in mmlu(s, "anatomy")]
                for s in ("dev", "test")
            },
        ),
        (
            "ceval",
            "ceval::humanities::law",
            lambda: {s: table(f"ceval/{s}/law_{s}.csv") for s in ("dev", "val")},
        ),
        ("arc_challenge", None, lambda: {"test": arc("arc/ARC-Challenge-Test.jsonl")}),
        ("hellaswag", None, lambda: {"validation": lines("hellaswag/hellaswag_val.jsonl")}),
        ("truthfulqa_mc1", None, lambda: {"validation": truthfulqa()}),
        ("truthfulqa_mc2", None, lambda: {"validation": truthfulqa()}),
        ("winogrande", None, lambda: {"validation": lines("winogrande/dev.jsonl")}),
        ("piqa", None, lambda: {"validation": piqa()}),
        (
            "gsm8k",
            None,
            lambda: {"train": lines("gsm8k/train.jsonl"), "test": lines("gsm8k/test.jsonl")},
        ),
        ("math", "math::algebra", lambda: {"test": math()}),
        ("bbh", "bbh::object_counting", lambda: {"test": bbh("object_counting")}),
        ("bbh_cot", "bbh_cot::dyck_languages", lambda: {"test": bbh("dyck_languages")}),
        ("humaneval", None, lambda: {"test": list(gzipped("humaneval/HumanEval.jsonl.gz"))}),
        ("mrpc", None, lambda: {"validation": mrpc()}),
        ("sst2", None, lambda: {"validation": sst2()}),
    ],
)
def test_real_documents(leaves, benchmark, leaf, splits):
    task = next(task for task in leaves[benchmark] if task.name == (leaf or benchmark))
    rows = splits()
    assert len(build(task, rows, limit=None)) == len(rows[task.dataset["splits"][0]])


def gzipped(name):
    import gzip
    import json
    from pathlib import Path

    return map(json.loads, gzip.decompress(Path(DATA, name).read_bytes()).decode().splitlines())


def test_the_second_leaderboard_is_published_with_the_harness(repository):
    found = resolution.resolve(
        {"name": "open_llm_leaderboard_v2"}, [repository / "config/tasks", "lm_eval"]
    )
    assert len(found.tasks) == 24 + 3 + 1 + 7 + 1 + 3


def test_the_table_lists_protocol_source_and_version_of_every_file(repository):
    page = GENERATED["ready-tasks"]().partition("## The demo")[0]
    files = [
        file
        for file in (repository / "config" / "tasks").rglob("*.yaml")
        if "demo" not in file.parts
    ]
    assert len(files) == len(BENCHMARKS) + 1
    for file in files:
        keys = yaml.safe_load(file.read_text(encoding="utf-8"))
        name, metadata = keys.get("group") or keys["task"], keys["metadata"]
        assert file.read_text().startswith("# ")
        row = (
            f"| `{name}` | {metadata['protocol']} | {metadata['source']} | {metadata['version']} |"
        )
        assert row in page, row
    assert len(re.findall(r"^\| `\w+` \| .* \| .* \| \d\.\d \|$", page, re.MULTILINE)) == len(files)

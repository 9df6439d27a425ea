"""Public data sets as the hub serves them, and the package's tasks that read them.

The files are in the folder that SNAKEVAL_DATA names.
"""

import csv
import json
import os
from functools import cache
from pathlib import Path

DATA = os.environ.get("SNAKEVAL_DATA", "")


def lines(name: str) -> list[dict]:
    return [json.loads(line) for line in Path(DATA, name).read_text(encoding="utf-8").splitlines()]


def table(name: str, columns: list[str] | None = None) -> list[dict]:
    with Path(DATA, name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, fieldnames=columns))


def mmlu(split: str, subject: str) -> list[dict]:
    rows = table(f"mmlu/{split}/{subject}_{split}.csv", ["question", "A", "B", "C", "D", "answer"])
    return [
        {
            "question": row["question"],
            "choices": [row[letter] for letter in "ABCD"],
            "answer": "ABCD".index(row["answer"]),
        }
        for row in rows
    ]


def arc(name: str) -> list[dict]:
    return [
        {
            "id": row["id"],
            "question": row["question"]["stem"],
            "choices": {
                key: [choice[key] for choice in row["question"]["choices"]]
                for key in ("text", "label")
            },
            "answerKey": row["answerKey"],
        }
        for row in lines(name)
    ]


def truthfulqa() -> list[dict]:
    def both(targets: dict[str, int]) -> dict[str, list]:
        return {"choices": list(targets), "labels": list(targets.values())}

    rows = json.loads(Path(DATA, "truthfulqa/mc_task.json").read_text(encoding="utf-8"))
    return [
        {
            "question": row["question"],
            **{key: both(row[key]) for key in ("mc1_targets", "mc2_targets")},
        }
        for row in rows
    ]


def piqa() -> list[dict]:
    labels = Path(DATA, "piqa/valid-labels.lst").read_text().split()
    return [
        {**row, "label": int(label)}
        for row, label in zip(lines("piqa/valid.jsonl"), labels, strict=True)
    ]


def bbh(subtask: str) -> list[dict]:
    return json.loads(Path(DATA, f"bbh/bbh/{subtask}.json").read_text(encoding="utf-8"))["examples"]


def sst2() -> list[dict]:
    rows = [
        line.rsplit("\t", 1)
        for line in Path(DATA, "glue_sst2/dev.tsv").read_text(encoding="utf-8").splitlines()
    ]
    return [{"sentence": text, "label": int(label)} for text, label in rows]


def mrpc() -> list[dict]:
    lines = (
        Path(DATA, "glue_mrpc/msr_paraphrase_test.txt")
        .read_text(encoding="utf-8-sig")
        .splitlines()[1:]
    )
    rows = [line.split("\t") for line in lines]
    return [
        {"sentence1": row[3], "sentence2": row[4], "label": int(row[0]), "idx": n}
        for n, row in enumerate(rows)
    ]


def math() -> list[dict]:
    return [
        {key: row[key] for key in ("problem", "level", "type", "solution")}
        for row in lines("competition_math/test.jsonl")
    ]


@cache
def wikitext() -> list[dict]:
    return [
        {"page": "\n\n = Page = \n\n" + page}
        for page in Path(DATA, "wikitext2/valid.txt")
        .read_text(encoding="utf-8")[:60000]
        .split("\n = ")
    ]


def crows() -> list[dict]:
    return [
        {**row, "stereo_antistereo": int(row["stereo_antistereo"] == "antistereo"), "bias_type": 3}
        for row in table("crows_pairs/crows_pairs_anonymized.csv")
    ]


REAL = {  # a file of the package: its documents by split, examples asked for
    "lm_eval/gsm8k/gsm8k.yaml": (
        lambda: {"train": lines("gsm8k/train.jsonl"), "test": lines("gsm8k/test.jsonl")},
        None,
    ),
    "lm_eval/gsm8k/gsm8k-cot.yaml": (
        lambda: {"train": lines("gsm8k/train.jsonl"), "test": lines("gsm8k/test.jsonl")},
        None,
    ),
    "lm_eval/hellaswag/hellaswag.yaml": (
        lambda: {
            "train": lines("hellaswag/hellaswag_val.jsonl")[:100],
            "validation": lines("hellaswag/hellaswag_val.jsonl")[100:],
        },
        10,
    ),
    "lm_eval/mmlu/default/mmlu_anatomy.yaml": (
        lambda: {"dev": mmlu("dev", "anatomy"), "test": mmlu("test", "anatomy")},
        5,
    ),
    "lm_eval/mmlu/continuation/mmlu_anatomy.yaml": (
        lambda: {"dev": mmlu("dev", "anatomy"), "test": mmlu("test", "anatomy")},
        2,
    ),
    "lm_eval/mmlu/generative/mmlu_anatomy.yaml": (
        lambda: {"dev": mmlu("dev", "anatomy"), "test": mmlu("test", "anatomy")},
        2,
    ),
    "lm_eval/mmlu/flan_n_shot/loglikelihood/mmlu_anatomy.yaml": (
        lambda: {"dev": mmlu("dev", "anatomy"), "test": mmlu("test", "anatomy")},
        3,
    ),
    "lm_eval/arc/arc_challenge.yaml": (
        lambda: {
            "train": arc("arc/ARC-Challenge-Dev.jsonl")[:90],
            "validation": arc("arc/ARC-Challenge-Dev.jsonl")[90:],
            "test": arc("arc/ARC-Challenge-Test.jsonl"),
        },
        25,
    ),
    "lm_eval/winogrande/default.yaml": (
        lambda: {
            "train": lines("winogrande/train_xs.jsonl"),
            "validation": lines("winogrande/dev.jsonl"),
        },
        5,
    ),
    "lm_eval/piqa/piqa.yaml": (lambda: {"train": piqa()[:100], "validation": piqa()[100:]}, 3),
    "lm_eval/truthfulqa/truthfulqa_mc1.yaml": (
        lambda: {"validation": truthfulqa()[150:]},
        None,
    ),  # soon some with an empty choice
    "lm_eval/truthfulqa/truthfulqa_mc2.yaml": (lambda: {"validation": truthfulqa()[150:]}, None),
    "lm_eval/bbh/cot_fewshot/date_understanding.yaml": (
        lambda: {"test": bbh("date_understanding")},
        None,
    ),
    "lm_eval/bbh/fewshot/boolean_expressions.yaml": (
        lambda: {"test": bbh("boolean_expressions")},
        None,
    ),
    "lm_eval/bbh/zeroshot/word_sorting.yaml": (lambda: {"test": bbh("word_sorting")}, None),
    "lm_eval/glue/sst2/default.yaml": (
        lambda: {"train": sst2()[:100], "validation": sst2()[100:]},
        4,
    ),
    "lm_eval/glue/mrpc/default.yaml": (
        lambda: {"train": mrpc()[:100], "validation": mrpc()[100:]},
        4,
    ),
    "lm_eval/crows_pairs/crows_pairs_english.yaml": (lambda: {"test": crows()}, None),
    "lm_eval/ceval/ceval-valid_accountant.yaml": (
        lambda: {
            "dev": table("ceval/dev/accountant_dev.csv"),
            "val": table("ceval/val/accountant_val.csv"),
        },
        5,
    ),
    "lm_eval/wikitext/wikitext.yaml": (
        lambda: {"train": wikitext(), "validation": wikitext(), "test": wikitext()},
        None,
    ),
    "lm_eval/leaderboard/math/math_algebra.yaml": (
        lambda: {"train": math()[:50], "test": math()[50:]},
        None,
    ),
    "lm_eval/minerva_math/minerva_math_algebra.yaml": (
        lambda: {"train": math()[:50], "test": math()[50:]},
        None,
    ),
    "lm_eval/hendrycks_math/hendrycks_math_algebra.yaml": (
        lambda: {"train": math()[:50], "test": math()[50:]},
        None,
    ),
}

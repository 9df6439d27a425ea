"""Synthetic results folders for the tests of the report: any number of models, tasks and documents, with everything odd that data can hold.

`python tests/report_run.py FOLDER --models 10 --tasks 60 --documents 167` writes one and its report.
"""

import argparse
import itertools
import json
import math
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from snakeval.files import parquet
from snakeval.schemas.model import FORECAST, NUMERICS, RESPONSES, SCORES, TIMINGS, TOKENS
from snakeval.schemas.run import COMPARISONS, HEALTH, PREFLIGHT, SCORE_TABLE, TARGETS
from snakeval.schemas.task import REQUESTS

HOSTILE = [
    "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">",
    "</script></pre></td></table><!-- <b>never closed",
    "right to left \u202egnirts lautca\u202c and zero\u200bwidth\u2060joined\ufeff text",
    "NUL \x00 bell \x07 escape \x1b[31m and a lone carriage return \r end",
    "{{ 7 * 7 }} ${7*7} `backticks` \\u003c 'single' \"double\" & &amp; ]]> --> \u2028 line separator",
    "=cmd|' /C calc'!A0",
]
KINDS = ("choice", "generation", "answer", "last_word", "perplexity")
METRICS = {  # kind -> (filter, metric, higher is better, chance, primary)
    "choice": [("none", "acc", True, 0.25, True), ("none", "acc_norm", True, 0.25, False)],
    "generation": [
        ("strict-match", "exact_match", True, None, True),
        ("flexible-extract", "exact_match", True, None, False),
    ],
    "answer": [("none", "exact_match", True, None, False), ("none", "f1", True, None, True)],
    "last_word": [("none", "acc", True, None, True), ("none", "perplexity", False, None, False)],
    "perplexity": [("none", "word_perplexity", False, None, True)],
}
RULES = [
    ["datasets", "requests"],
    ["requests", "tokens"],
    ["models", "tokens"],
    ["tokens", "calls"],
    ["calls", "scores"],
]
RULES += [
    ["requests", "scores"],
    ["requests", "tables"],
    ["scores", "tables"],
    ["tables", "report"],
]
NAMES = {
    "choice": "boolean",
    "generation": "arithmetic",
    "answer": "passages",
    "last_word": "last_word",
    "perplexity": "unseen_text",
}


def make(
    folder: Path,
    *,
    models: int = 2,
    tasks: int = 7,
    documents: int = 40,
    hostile: bool = False,
    seed: int = 7,
) -> dict:
    """Write a results folder under `folder`; give the settings that `report.write` takes."""
    rng = np.random.default_rng(seed)
    names = ["small", "large"] if models == 2 else [f"model-{i:02d}" for i in range(models)]
    ability = dict(zip(names, np.linspace(-0.4, 0.9, models) if models > 1 else [0.3], strict=True))
    scores, health, timings, values = [], [], [], {}
    for benchmark, leaves in _benchmarks(tasks).items():
        requests = pa.concat_tables(
            [_requests(task, kind, documents, rng, hostile) for task, kind, _ in leaves]
        )
        parquet.write(requests, folder / "requests" / f"{benchmark}.parquet", REQUESTS)
        difficulty = rng.normal(size=requests.num_rows)
        for model in names:
            tokens, responses, table = _answers(
                model, requests, leaves, ability[model], difficulty, rng, hostile
            )
            parquet.write(tokens, folder / "tokens" / model / f"{benchmark}.parquet", TOKENS)
            parquet.write(
                responses, folder / "responses" / model / f"{benchmark}.parquet", RESPONSES
            )
            parquet.write(table, folder / "scores" / model / f"{benchmark}.parquet", SCORES)
            health += _health(model, benchmark, tokens, responses, table)
            timings.append(
                _timing(
                    model,
                    benchmark,
                    tokens,
                    responses,
                    first=benchmark == next(iter(_benchmarks(tasks))),
                )
            )
            for row in table.select(
                ["task", "filter", "metric", "value", "statistics"]
            ).to_pylist():
                point = row["value"] if row["value"] is not None else row["statistics"][0]
                values.setdefault(
                    (benchmark, row["task"], row["filter"], row["metric"]), {}
                ).setdefault(model, []).append(point)
        scores += _score_rows(benchmark, leaves, names, values)
    _write(scores, folder / "tables/scores.parquet", SCORE_TABLE)
    _write(_comparisons(values), folder / "tables/comparisons.parquet", COMPARISONS)
    _write(health, folder / "tables/health.parquet", HEALTH)
    _write(timings, folder / "tables/efficiency.parquet", TIMINGS)
    _write(
        _findings(names, list(_benchmarks(tasks).items())),
        folder / "tables/preflight.parquet",
        PREFLIGHT,
    )
    _write(
        [_numerics(line) for line in timings if line["model"] != names[0]],
        folder / "tables/numerics.parquet",
        NUMERICS,
    )
    _write([_forecast(line) for line in timings], folder / "tables/forecast.parquet", FORECAST)
    _write(_published(scores), folder / "tables/targets.parquet", TARGETS)
    scoring = {
        "seed": seed,
        "benchmarks": {
            benchmark: _scoring(leaves) for benchmark, leaves in _benchmarks(tasks).items()
        },
        "groups": _groups(tasks),
    }
    return scoring | {
        "title": "A synthetic run",
        "models": names,
        "tasks": list(_benchmarks(tasks)),
        "provenance": _provenance(names),
    }


def _benchmarks(tasks: int) -> dict[str, list[tuple[str, str, str | None]]]:
    """Benchmark -> its leaves (task, kind, parent group); from seven tasks on, one benchmark is a group, and a nested one from forty on."""
    plan: dict[str, list[tuple[str, str, str | None]]] = {}
    subjects = 0 if tasks < 7 else 2 if tasks < 40 else 20
    for i in range(tasks - subjects):
        kind = KINDS[i % len(KINDS)]
        name = NAMES[kind] if i < len(KINDS) else f"{NAMES[kind]}_{i // len(KINDS) + 1}"
        plan[name] = [(name, kind, None)]
    if subjects:
        areas = (
            ["subjects"] if subjects < 20 else ["humanities", "social_sciences", "stem", "other"]
        )
        plan["subjects"] = [
            (f"subjects_{i:02d}", "choice", areas[i % len(areas)]) for i in range(subjects)
        ]
    return plan


def _scoring(leaves: list[tuple[str, str, str | None]]) -> dict[str, dict]:
    """Task -> its settings as far as the tables need them."""
    shared = {"process_results": None, "num_fewshot": 2, "version": "1"}
    outputs = {
        "choice": "multiple_choice",
        "last_word": "loglikelihood",
        "perplexity": "loglikelihood_rolling",
    }
    return {
        task: shared
        | {
            "output_type": outputs.get(kind, "generate_until"),
            "metric_list": [
                {"metric": metric}
                | ({} if metric.endswith("perplexity") else {"aggregation": "mean"})
                for metric in dict.fromkeys(metric for _, metric, *_ in METRICS[kind])
            ],
            "filter_list": [
                {"name": name, "filter": []}
                for name in dict.fromkeys(name for name, *_ in METRICS[kind])
            ],
            "primary_metric": next(metric for _, metric, _, _, primary in METRICS[kind] if primary),
        }
        for task, kind, _ in leaves
    }


def _groups(tasks: int) -> dict[str, list[dict]]:
    """Benchmark -> its groups, outer before inner."""
    metrics = [
        {"metric": "acc", "filter_list": None, "aggregation": "mean", "weight_by_size": True}
    ]
    groups = {}
    for benchmark, leaves in _benchmarks(tasks).items():
        members: dict[str, list[str]] = {}
        for task, _, parent in leaves:
            if parent is not None:
                members.setdefault(parent, []).append(task)
        if len(members) > 1:
            members = {benchmark: list(members), **members}
        groups[benchmark] = [
            {"name": name, "members": inside, "metrics": metrics}
            for name, inside in members.items()
        ]
    return groups


def _requests(
    task: str, kind: str, documents: int, rng: np.random.Generator, hostile: bool
) -> pa.Table:
    rows = []
    for doc in range(documents):
        a, b = (int(x) for x in rng.integers(2, 90, 2))
        odd = HOSTILE[doc] if hostile and doc < len(HOSTILE) else ""
        question = {
            "choice": f"Question: which of the four is the sum of {a} and {b}? {odd}\nAnswer:",
            "generation": f"Question: Mia has {a} pears and buys {b} more. How many pears has she? {odd}\nAnswer:",
            "answer": f"Passage: The town of Lund has {a} bridges and {b} mills. {odd}\nQuestion: how many bridges are there?\nAnswer:",
            "last_word": f"Tom put the {a} marbles into the red bag. Later he looked for the {odd}",
            "perplexity": "",
        }[kind]
        choices = [f"{a + b + d} {odd}" for d in (0, 1, 10, -1)] if kind == "choice" else []
        gold = int(rng.integers(0, 4)) if choices else 0
        choices[0:1], choices[gold : gold + 1] = choices[gold : gold + 1], choices[0:1]
        continuations = choices or {
            "last_word": ["marbles"],
            "perplexity": [f"The {a} old mills of the {b} towns. " * 9 + odd],
        }.get(kind, [])
        shots = (
            [(f"Question: what is {n} and {n}?\nAnswer:", f"{2 * n}") for n in (3, 8)]
            if kind in ("choice", "generation", "answer")
            else []
        )
        preamble = (
            [
                {
                    "role": "system",
                    "text": "Answer the question.",
                    "delimiter": "\n\n",
                    "document": None,
                }
            ]
            if shots
            else []
        )
        for n, (user, assistant) in enumerate(shots):
            preamble.append({"role": "user", "text": user, "delimiter": " ", "document": n})
            preamble.append(
                {"role": "assistant", "text": assistant, "delimiter": "\n\n", "document": n}
            )
        rows.append(
            {
                "task": task,
                "doc_id": doc,
                "kind": {
                    "choice": "multiple_choice",
                    "last_word": "loglikelihood",
                    "perplexity": "loglikelihood_rolling",
                }.get(kind, "generate_until"),
                "preamble": preamble,
                "questions": [] if kind == "perplexity" else [question],
                "question_delimiter": "",
                "gen_prefix": None,
                "continuations": [
                    {"question": -1 if kind == "perplexity" else 0, "text": text}
                    for text in continuations
                ],
                "target_delimiter": " ",
                "chat_target_delimiter": "",
                "choices": choices,
                "gold": [gold] if choices else [],
                "references": [choices[gold]]
                if choices
                else ["marbles"]
                if kind == "last_word"
                else [str(a if kind == "answer" else a + b)],
                "segments": [],
                "generation": _generation() if kind in ("generation", "answer") else None,
                "cluster": f"passage {doc % 6}" if kind == "answer" else None,
                "document": json.dumps({"question": question, "a": a, "b": b}, ensure_ascii=False),
            }
        )
    return pa.Table.from_pylist(rows, schema=REQUESTS)


def _generation() -> dict:
    settings = {
        "until": ["\n\n", "Question:"],
        "max_new_tokens": 64,
        "do_sample": False,
        "temperature": 0.0,
        "top_p": 1.0,
    }
    return settings | {"top_k": 0, "repetition_penalty": 1.0, "samples": 1, "seed": 1234}


def _answers(
    model, requests, leaves, ability, difficulty, rng, hostile
) -> tuple[pa.Table, pa.Table, pa.Table]:
    kinds = {task: kind for task, kind, _ in leaves}
    tokens, responses, scores = [], [], []
    for request, hard in zip(requests.to_pylist(), difficulty, strict=True):
        kind = kinds[request["task"]]
        key = {"model": model, "task": request["task"], "doc_id": request["doc_id"]}
        prompt = _prompt(request, chat=model in ("large", "model-01"))
        right = bool(rng.normal() * 0.7 < ability - 0.6 * hard)
        conts = (
            []
            if kind in ("generation", "answer")
            else [[7, 8, 9][: 1 + i % 3] for i in range(len(request["continuations"]))]
        )
        cut, empty = (
            kind == "generation" and rng.random() < 0.05,
            kind == "generation" and rng.random() < 0.02,
        )
        refused = kind == "answer" and request["doc_id"] == 11
        truncated = int(rng.integers(1, 400)) if request["doc_id"] % 17 == 3 else 0
        odd = HOSTILE[request["doc_id"]] if hostile and request["doc_id"] < len(HOSTILE) else ""
        if hostile and request["doc_id"] == len(HOSTILE):
            odd = "a very long answer " * 55_000
        lls = [
            -float(x) for x in rng.gamma(2.0, 2.0 + len(request["references"][0]) % 2, len(conts))
        ]
        texts, reasons = [], []
        if kind == "choice":
            best = (
                request["gold"][0] if right else (request["gold"][0] + 1 + int(rng.integers(3))) % 4
            )
            top = int(np.argmax(lls))
            lls[best], lls[top] = lls[top], lls[best]
        if kind in ("generation", "answer"):
            answer = request["references"][0] if right else str(int(rng.integers(200)))
            text = (
                ""
                if empty
                else f"There are some, and then some more. {odd} #### {answer}"
                if kind == "generation"
                else f"{answer}{odd}"
            )
            texts = [
                text[:30] + " and so on" * 12
                if cut
                else "I'm sorry, but I can't say."
                if refused
                else text
            ]
            reasons = ["length" if cut else "stop"]
            right = right and not cut and not empty and not refused
        tokens.append(
            key
            | {
                "kind": request["kind"],
                "prompts": [prompt],
                "contexts": [list(range(20 + request["doc_id"] % 50))],
                "continuations": [{"context": 0, "ids": ids} for ids in conts],
                "token_types": None,
                "offsets": None,
                "passage": None,
                "generation": request["generation"],
                "dropped_shots": int(truncated > 300),
                "truncated_tokens": truncated,
            }
        )
        responses.append(
            key
            | {
                "kind": request["kind"],
                "loglikelihoods": lls,
                "greedy": [right] * len(lls),
                "n_tokens": [len(ids) for ids in conts] or [64 if cut else len(texts[0].split())],
                "texts": texts,
                "finish_reasons": reasons,
            }
        )
        found = kind != "generation" or not (cut or empty)
        for name, metric, _, _, primary in METRICS[kind]:
            value: float | None = float(right)
            if metric == "f1" and not right:
                value = float(rng.choice([0.0, 0.0, 0.4, 2 / 3]))
            if metric == "acc_norm" and rng.random() < 0.1:
                value = 1.0 - float(right)
            statistics = None
            if metric.endswith("perplexity"):
                value, statistics = None, [lls[0], 1.0 if metric == "perplexity" else 9.0]
            prediction = (
                None
                if kind == "perplexity"
                else request["choices"][best]
                if kind == "choice"
                else (texts or ["marbles"])[0][-40:]
            )
            if not found and primary:
                prediction = "[invalid]"
            row = {
                "filter": name,
                "metric": metric,
                "value": value,
                "statistics": statistics,
                "item": None,
            }
            row |= {
                "prediction": prediction,
                "extracted": found or not primary,
                "cluster": request["cluster"],
            }
            scores.append(key | row)
    return (
        pa.Table.from_pylist(tokens, schema=TOKENS),
        pa.Table.from_pylist(responses, schema=RESPONSES),
        pa.Table.from_pylist(scores, schema=SCORES),
    )


def _prompt(request: dict, chat: bool) -> str:
    turns = [
        *request["preamble"],
        {"role": "user", "text": "".join(request["questions"]), "delimiter": ""},
    ]
    if chat:
        return (
            "".join(f"<|im_start|>{t['role']}\n{t['text']}<|im_end|>\n" for t in turns)
            + "<|im_start|>assistant\n"
        )
    return "<s>" + "".join(t["text"] + t["delimiter"] for t in turns)


def _health(
    model: str, benchmark: str, tokens: pa.Table, responses: pa.Table, scores: pa.Table
) -> list[dict]:
    counts: dict[str, dict] = {}
    for token, response in zip(tokens.to_pylist(), responses.to_pylist(), strict=True):
        empty = dict.fromkeys(
            [name for name in HEALTH.names if name not in ("model", "benchmark", "task")], 0
        )
        row = counts.setdefault(
            token["task"], {"model": model, "benchmark": benchmark, "task": token["task"]} | empty
        )
        row["n"] += 1
        row["truncated"] += token["truncated_tokens"] > 0
        row["dropped_shots"] += token["dropped_shots"] > 0
        row["cut_answers"] += "length" in response["finish_reasons"]
        row["empty_answers"] += "" in response["texts"]
        row["refusals"] += any("sorry" in text for text in response["texts"])
        row["repeating"] += any(
            text.endswith((" and so on" * 8, "a very long answer " * 8))
            for text in response["texts"]
        )
    failed = {(row["task"], row["doc_id"]) for row in scores.to_pylist() if not row["extracted"]}
    for task, _ in failed:
        counts[task]["extraction_failed"] += 1
    return list(counts.values())


def _timing(model: str, benchmark: str, tokens: pa.Table, responses: pa.Table, first: bool) -> dict:
    prompt = sum(len(ids) for contexts in tokens["contexts"].to_pylist() for ids in contexts)
    generated = sum(
        sum(n)
        for n, t in zip(
            responses["n_tokens"].to_pylist(), responses["texts"].to_pylist(), strict=True
        )
        if t
    )
    speed = 9_000 if model in ("small", "model-00") else 2_500
    return {
        "model": model,
        "benchmark": benchmark,
        "identity": f"identity of {model}",
        "engine": "causal/packed"
        if speed > 5_000
        else "causal/padded (attention of another kind <b>)",
        "device": "a processor <with brackets>",
        "precision": "bfloat16, gptq 4 bit" if model == "small" else "float32",
        "requests": tokens.num_rows,
        "duplicates": min(2, tokens.num_rows // 2),
        "from_store": tokens.num_rows // 5,
        "prompt_tokens": prompt,
        "stored_tokens": prompt // 5,
        "asked_alone": 0,
        "computed_tokens": int(prompt * 0.8),
        "generated_tokens": generated,
        "flops": 2e6 * (prompt + generated),
        "peak_flops": 1e11,
        "load_seconds": 1.5 if first else 0.0,
        "prefill_seconds": prompt * 0.8 / speed,
        "decode_seconds": generated * 30 / speed,
        "seconds": (prompt * 0.8 + generated * 30) / speed,
        "peak_bytes": 900_000_000 if speed > 5_000 else 2_100_000_000,
        "energy_joules": None if model in ("small", "model-00") else 0.4 * prompt,
    }


def _findings(models: list[str], benchmarks: list[tuple[str, list]]) -> list[dict]:
    """One of a single model, and one that holds for all and for two tasks of a benchmark."""
    (benchmark, leaves), (name, inside) = benchmarks[0], benchmarks[-1]
    shared = {"severity": "warning", "of": 40}
    own = {
        "model": models[-1],
        "benchmark": benchmark,
        "task": leaves[0][0],
        "check": "special tokens",
        "documents": 2,
        "example": 1,
    }
    found = [
        shared
        | own
        | {"message": "text of documents <b>holds</b> </td> special tokens; look at them"}
    ]
    both = {
        "model": None,
        "benchmark": name,
        "check": "duplicate documents",
        "documents": 3,
        "example": None,
        "message": "look at the data",
    }
    return found + [shared | both | {"task": task} for task, _, _ in inside[:2]]


def _numerics(timing: dict) -> dict:
    counts = {
        "documents": 16,
        "loglikelihoods": 64,
        "decisions": 16,
        "flipped_decisions": 1,
        "texts": 4,
        "changed_texts": 0,
    }
    changes = {"largest_change": 0.03125, "largest_change_per_token": 0.015625}
    return {"model": timing["model"], "benchmark": timing["benchmark"]} | counts | changes


def _forecast(timing: dict) -> dict:
    tokens = timing["prompt_tokens"]
    known = {
        "documents": timing["requests"],
        "requests": timing["requests"],
        "prompt_tokens": tokens,
        "scored_tokens": tokens // 9,
    }
    sizes = {
        "parameters": None,
        "weights_bytes": 800_000_000,
        "cache_numbers": None,
        "memory_bytes": None,
        "seconds": None,
    }
    sizes |= {"gpus": 0, "threads": 1}
    if timing["model"] not in ("small", "model-00"):
        sizes |= {
            "parameters": 200_000_000,
            "cache_numbers": 8192,
            "memory_bytes": 1_000_000_000,
            "seconds": 2 * timing["seconds"],
        }
    return (
        {
            "model": timing["model"],
            "benchmark": timing["benchmark"],
            "generated_tokens": 640,
            "longest": 90,
        }
        | known
        | sizes
    )


def _score_rows(benchmark, leaves, models, values) -> list[dict]:
    rows, members = [], {}
    for task, kind, parent in leaves:
        for name, metric, higher, chance, primary in METRICS[kind]:
            base = {
                "benchmark": benchmark,
                "task": task,
                "parent": parent,
                "is_group": False,
                "filter": name,
                "metric": metric,
            }
            base |= {
                "num_fewshot": 2,
                "version": "1",
                "higher_is_better": higher,
                "chance": chance,
                "primary": primary,
            }
            for model in models:
                points = np.array(values[benchmark, task, name, metric][model])
                rows.append(base | {"model": model} | _estimate(points, metric))
        members.setdefault(parent, []).append((task, kind))
    if len(members) > 1:
        members = {**members, benchmark: [leaf[:2] for leaf in leaves]}
    for group, inside in members.items():
        if group is None:
            continue
        for model in models:
            points = np.concatenate(
                [values[benchmark, task, "none", "acc"][model] for task, _ in inside]
            )
            values[benchmark, group, "none", "acc"] = values.get(
                (benchmark, group, "none", "acc"), {}
            ) | {model: list(points)}
            row = {
                "benchmark": benchmark,
                "task": group,
                "parent": benchmark if group != benchmark else None,
                "is_group": True,
                "filter": "none",
            }
            row |= {
                "metric": "acc",
                "num_fewshot": 2,
                "version": None,
                "higher_is_better": True,
                "chance": 0.25,
                "primary": True,
            }
            rows.append(row | {"model": model} | _estimate(points, "acc"))
    keys: dict[tuple, list[dict]] = {}
    for row in rows:
        keys.setdefault((row["task"], row["filter"], row["metric"]), []).append(row)
    for group_rows in keys.values():
        for row in group_rows:
            sign = 1 if row["higher_is_better"] else -1
            better = sum(
                sign * (o["ci_low"] if sign > 0 else o["ci_high"])
                > sign * (row["ci_high"] if sign > 0 else row["ci_low"])
                for o in group_rows
            )
            worse = sum(
                sign * (o["ci_high"] if sign > 0 else o["ci_low"])
                < sign * (row["ci_low"] if sign > 0 else row["ci_high"])
                for o in group_rows
            )
            alone = len(models) == 1
            row |= {
                "rank_low": None if alone else 1 + better,
                "rank_high": None if alone else len(models) - worse,
            }
    return rows


def _estimate(points: np.ndarray, metric: str) -> dict:
    mean, stderr = (
        float(points.mean()),
        float(points.std(ddof=1) / math.sqrt(len(points))) if len(points) > 1 else None,
    )
    half = 1.96 * (stderr or 0.0)
    low, high = (
        (mean - half, mean + half)
        if metric.endswith("perplexity")
        else (max(mean - half, 0.0), min(mean + half, 1.0))
    )
    if metric.endswith("perplexity"):
        mean, low, high, stderr = (
            math.exp(-mean / 4),
            math.exp(-high / 4),
            math.exp(-low / 4),
            math.exp(-mean / 4) * (stderr or 0) / 4,
        )
    return {
        "n": len(points),
        "value": mean,
        "stderr": stderr,
        "ci_low": low,
        "ci_high": high,
        "ci_method": "t",
    }


def _published(scores: list[dict]) -> list[dict]:
    """One figure that is met and one of a model that is not there."""
    line = next(line for line in scores if line["primary"])
    met = {
        name: line[name]
        for name in (
            "model",
            "benchmark",
            "task",
            "filter",
            "metric",
            "value",
            "ci_low",
            "ci_high",
            "n",
        )
    }
    shared = {"percent": False, "tolerance": 0.01, "source": "a <paper>", "target": line["value"]}
    absent = dict.fromkeys(met) | {"model": "absent", "task": line["task"]}
    return [
        shared
        | met
        | {
            "target_n": line["n"],
            "delta": 0.0,
            "status": "regenerated",
            "reason": "within 0.01",
            "note": None,
        },
        shared
        | absent
        | {
            "target_n": None,
            "delta": None,
            "status": "no score",
            "reason": "the run has no such model",
            "note": "a note",
        },
    ]


def _comparisons(values: dict) -> list[dict]:
    rows = []
    for (benchmark, task, name, metric), by_model in values.items():
        for a, b in itertools.combinations(by_model, 2):
            gap = np.array(by_model[a]) - np.array(by_model[b])
            log = metric.endswith("perplexity")
            gap = -gap / 4 if log else gap
            difference = float(gap.mean())
            spread = float(gap.std(ddof=1) / math.sqrt(len(gap))) if len(gap) > 1 else 0.0
            binary = bool(np.isin(np.array([by_model[a], by_model[b]]), (0.0, 1.0)).all())
            p = math.erfc(abs(difference) / (spread or 1e9) / math.sqrt(2))
            rows.append(
                {
                    "benchmark": benchmark,
                    "task": task,
                    "filter": name,
                    "metric": metric,
                    "model_a": a,
                    "model_b": b,
                    "n": len(gap),
                }
                | {
                    "difference": difference,
                    "ci_low": difference - 1.96 * spread,
                    "ci_high": difference + 1.96 * spread,
                }
                | {
                    "only_a": int((gap > 0).sum()) if binary else None,
                    "only_b": int((gap < 0).sum()) if binary else None,
                }
                | {
                    "p_bh": p,
                    "effect": difference / (spread * math.sqrt(len(gap))) if spread else None,
                    "detectable": 2.8 * spread or None,
                }
                | {
                    "p": p,
                    "test": "mcnemar-exact" if binary else "permutation",
                    "scale": "log" if log else "score",
                }
            )
    adjusted = 0.0
    for place, row in enumerate(sorted(rows, key=lambda r: r["p"])):
        adjusted = max(adjusted, min(1.0, row["p"] * (len(rows) - place)))
        row["p_holm"] = adjusted
    return rows


def _provenance(models: list[str]) -> dict:
    return {
        "finished": "2026-01-05T10:20:30+00:00",
        "versions": {
            "python": "3.11.2",
            "snakeval": "0.1.0",
            "torch": "2.13.0",
            "transformers": "5.23.0",
        },
        "repository": {
            "commit": "0123456789abcdef0123456789abcdef01234567",
            "dirty": True,
            "changed": ["workflow/rules/<b>.smk"],
        },
        "hardware": {
            "system": "Linux 6.1",
            "processor": "a processor <with brackets>",
            "cores": 2,
            "memory_bytes": 16 << 30,
            "gpus": [],
        },
        "seeds": {"run": 1234, "few-shot": 1234},
        "configuration": "models:\n  small:\n    source: demo:small  # <script>alert(1)</script>\n",
        "models": [
            {
                "model": m,
                "source": f"demo:{m}",
                "revision": None,
                "digest": "ab" * 32,
                "settings": {"dtype": ("float32", "bfloat16", "float16")[i % 3]},
            }
            for i, m in enumerate(models)
        ],
        "data": [
            {
                "dataset": "synthetic/boolean",
                "source": "generator",
                "revision": None,
                "digest": "cd" * 32,
            }
        ],
        "rules": RULES,
        "command": "snakemake --cores 2",
        "fingerprint": "ef" * 32,
    }


def _write(rows: list[dict], path: Path, schema: pa.Schema) -> None:
    parquet.write(pa.Table.from_pylist(rows, schema=schema), path, schema)


def main() -> None:
    from snakeval.report.page import write_page

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    for name, value in (("models", 2), ("tasks", 7), ("documents", 40)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--hostile", action="store_true")
    options = vars(parser.parse_args())
    folder = options.pop("folder")
    kept = folder / "settings.json"
    if not kept.exists():
        settings = make(folder, **options)
        kept.write_text(json.dumps(settings))
    start = time.perf_counter()
    write_page(folder, json.loads(kept.read_text()), folder / "report/index.html")
    print(f"report in {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()

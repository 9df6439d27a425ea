"""Tables of synthetic runs: scores, comparisons, health and all others that the report reads."""

import itertools
import math

import numpy as np
import pyarrow as pa

from builders.report_documents import METRICS, OUTPUT_TYPES, Leaf
from snakeval.schemas.run import HEALTH
from snakeval.tasks.scoring_settings import ScoringSettings

RULES = [
    *(["datasets", "requests"], ["requests", "tokens"], ["models", "tokens"]),
    *(["tokens", "calls"], ["calls", "scores"], ["requests", "scores"]),
    *(["requests", "tables"], ["scores", "tables"], ["tables", "report"]),
]
FAST = ("small", "model-00")

Values = dict[tuple[str, str, str, str], dict[str, list[float]]]
"""(benchmark, task, filter, metric) -> model -> the documents' values."""


def scoring(leaves: list[Leaf]) -> dict[str, ScoringSettings]:
    """Task -> its settings as far as the tables need them."""
    return {
        task: ScoringSettings(
            task=task,
            num_fewshot=2,
            version="1",
            output_type=OUTPUT_TYPES.get(kind, "generate_until"),
            metric_list=[
                {"metric": metric}
                | ({} if metric.endswith("perplexity") else {"aggregation": "mean"})
                for metric in dict.fromkeys(metric for _, metric, *_ in METRICS[kind])
            ],
            filter_list=[
                {"name": name, "filter": []}
                for name in dict.fromkeys(name for name, *_ in METRICS[kind])
            ],
            primary_metric=next(metric for _, metric, _, _, primary in METRICS[kind] if primary),
        )
        for task, kind, _ in leaves
    }


def groups(benchmarks: dict[str, list[Leaf]]) -> dict[str, list[dict]]:
    """Benchmark -> its groups, outer before inner."""
    metric = {"metric": "acc", "filter_list": None, "aggregation": "mean", "weight_by_size": True}
    found = {}
    for benchmark, leaves in benchmarks.items():
        members: dict[str, list[str]] = {}
        for task, _, parent in leaves:
            if parent is not None:
                members.setdefault(parent, []).append(task)
        if len(members) > 1:
            members = {benchmark: list(members), **members}
        found[benchmark] = [
            {"name": name, "members": inside, "metrics": [metric]}
            for name, inside in members.items()
        ]
    return found


def health(
    model: str, benchmark: str, tokens: pa.Table, responses: pa.Table, scores: pa.Table
) -> list[dict]:
    """HEALTH rows of a model and benchmark."""
    counts: dict[str, dict] = {}
    for token, response in zip(tokens.to_pylist(), responses.to_pylist(), strict=True):
        key = {"model": model, "benchmark": benchmark, "task": token["task"]}
        row = counts.setdefault(token["task"], dict.fromkeys(HEALTH.names, 0) | key)
        row["n"] += 1
        row["truncated"] += token["truncated_tokens"] > 0
        row["dropped_shots"] += token["dropped_shots"] > 0
        row["cut_answers"] += "length" in response["finish_reasons"]
        row["empty_answers"] += "" in response["texts"]
        row["refusals"] += any("sorry" in text for text in response["texts"])
        ends = (" and so on" * 8, "a very long answer " * 8)
        row["repeating"] += any(text.endswith(ends) for text in response["texts"])
    failed = {(row["task"], row["doc_id"]) for row in scores.to_pylist() if not row["extracted"]}
    for task, _ in failed:
        counts[task]["extraction_failed"] += 1
    return list(counts.values())


def timing(model: str, benchmark: str, tokens: pa.Table, responses: pa.Table, first: bool) -> dict:
    """A TIMINGS row; the model is loaded in the first benchmark."""
    prompt = sum(len(ids) for contexts in tokens["contexts"].to_pylist() for ids in contexts)
    answered = responses.select(["n_tokens", "texts"]).to_pylist()
    generated = sum(sum(row["n_tokens"]) for row in answered if row["texts"])
    speed = 9_000 if model in FAST else 2_500
    slow = "causal/padded (attention of another kind <b>)"
    return {
        "model": model,
        "benchmark": benchmark,
        "identity": f"identity of {model}",
        "engine": "causal/packed" if model in FAST else slow,
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


def findings(models: list[str], benchmarks: list[tuple[str, list[Leaf]]]) -> list[dict]:
    """PREFLIGHT rows: one of a model and task, one of two tasks of a benchmark."""
    (benchmark, leaves), (name, inside) = benchmarks[0], benchmarks[-1]
    shared = {"severity": "warning", "of": 40}
    own = {
        "model": models[-1],
        "benchmark": benchmark,
        "task": leaves[0][0],
        "check": "special tokens",
        "documents": 2,
        "example": 1,
        "message": "text of documents <b>holds</b> </td> special tokens; look at them",
    }
    both = {
        "model": None,
        "benchmark": name,
        "check": "duplicate documents",
        "documents": 3,
        "example": None,
        "message": "look at the data",
    }
    return [shared | own, *(shared | both | {"task": task} for task, _, _ in inside[:2])]


def numerics(timing: dict) -> dict:
    """A NUMERICS row."""
    return {
        "model": timing["model"],
        "benchmark": timing["benchmark"],
        "documents": 16,
        "loglikelihoods": 64,
        "decisions": 16,
        "flipped_decisions": 1,
        "texts": 4,
        "changed_texts": 0,
        "largest_change": 0.03125,
        "largest_change_per_token": 0.015625,
    }


def forecast(timing: dict) -> dict:
    """A FORECAST row; of the fast model little is known."""
    known = timing["model"] not in FAST
    return {
        "model": timing["model"],
        "benchmark": timing["benchmark"],
        "documents": timing["requests"],
        "requests": timing["requests"],
        "prompt_tokens": timing["prompt_tokens"],
        "scored_tokens": timing["prompt_tokens"] // 9,
        "generated_tokens": 640,
        "longest": 90,
        "weights_bytes": 800_000_000,
        "gpus": 0,
        "threads": 1,
        "parameters": 200_000_000 if known else None,
        "cache_numbers": 8192 if known else None,
        "memory_bytes": 1_000_000_000 if known else None,
        "seconds": 2 * timing["seconds"] if known else None,
    }


def score_rows(benchmark: str, leaves: list[Leaf], models: list[str], values: Values) -> list[dict]:
    """SCORE_TABLE rows of a benchmark; the values of its groups are added to `values`."""
    rows, members = [], {}
    for task, kind, parent in leaves:
        for name, metric, higher, chance, primary in METRICS[kind]:
            own = {"task": task, "parent": parent, "is_group": False, "version": "1"}
            how = {"filter": name, "metric": metric, "higher_is_better": higher}
            shared = own | how | {"chance": chance, "primary": primary}
            of_models = values[benchmark, task, name, metric]
            rows += [shared | _estimate(model, of_models[model], metric) for model in models]
        members.setdefault(parent, []).append((task, kind))
    if len(members) > 1:
        members = {**members, benchmark: [leaf[:2] for leaf in leaves]}
    for group, inside in members.items():
        if group is None:
            continue
        parent = benchmark if group != benchmark else None
        own = {"task": group, "parent": parent, "is_group": True, "version": None}
        how = {"filter": "none", "metric": "acc", "higher_is_better": True}
        shared = own | how | {"chance": 0.25, "primary": True}
        of_group = values.setdefault((benchmark, group, "none", "acc"), {})
        for model in models:
            parts = [values[benchmark, task, "none", "acc"][model] for task, _ in inside]
            of_group[model] = list(np.concatenate(parts))
            rows.append(shared | _estimate(model, of_group[model], "acc"))
    rows = [row | {"benchmark": benchmark, "num_fewshot": 2} for row in rows]
    return [row | _ranks(row, _rivals(row, rows)) for row in rows]


def _rivals(row: dict, rows: list[dict]) -> list[dict]:
    keys = ("task", "filter", "metric")
    return [other for other in rows if all(other[key] == row[key] for key in keys)]


def _ranks(row: dict, rivals: list[dict]) -> dict:
    """The ranks that intervals leave possible; None where there is one model."""
    if len(rivals) == 1:
        return {"rank_low": None, "rank_high": None}

    def ends(each: dict) -> tuple[float, float]:
        ordered = (each["ci_low"], each["ci_high"])
        return ordered if row["higher_is_better"] else (-ordered[1], -ordered[0])

    low, high = ends(row)
    better = sum(ends(other)[0] > high for other in rivals)
    worse = sum(ends(other)[1] < low for other in rivals)
    return {"rank_low": 1 + better, "rank_high": len(rivals) - worse}


def _estimate(model: str, values: list[float], metric: str) -> dict:
    """Mean and normal interval; of perplexities of the exponential."""
    points = np.array(values)
    mean, n = float(points.mean()), len(points)
    stderr = float(points.std(ddof=1) / math.sqrt(n)) if n > 1 else None
    half = 1.96 * (stderr or 0.0)
    low, high = max(mean - half, 0.0), min(mean + half, 1.0)
    if metric.endswith("perplexity"):
        low, high = (math.exp(-end / 4) for end in (mean + half, mean - half))
        mean = math.exp(-mean / 4)
        stderr = mean * (stderr or 0) / 4
    interval = {"ci_low": low, "ci_high": high, "ci_method": "t"}
    return {"model": model, "n": n, "value": mean, "stderr": stderr} | interval


def published(scores: list[dict]) -> list[dict]:
    """TARGETS rows: a figure that is met, and one of a model that is not there."""
    line = next(line for line in scores if line["primary"])
    names = ("model", "benchmark", "task", "filter", "metric", "value", "ci_low", "ci_high", "n")
    met = {name: line[name] for name in names}
    shared = {"percent": False, "tolerance": 0.01, "source": "a <paper>", "target": line["value"]}
    absent = dict.fromkeys(met) | {"model": "absent", "task": line["task"], "target_n": None}
    met |= {"target_n": line["n"], "delta": 0.0, "status": "regenerated"}
    absent |= {"delta": None, "status": "no score", "reason": "the run has no such model"}
    return [
        shared | met | {"reason": "within 0.01", "note": None},
        shared | absent | {"note": "a note"},
    ]


def comparisons(values: Values) -> list[dict]:
    """COMPARISONS of all pairs of models."""
    rows = [
        {"benchmark": benchmark, "task": task, "filter": name, "metric": metric}
        | {"model_a": a, "model_b": b}
        | _compared(np.array(by_model[a]), np.array(by_model[b]), metric.endswith("perplexity"))
        for (benchmark, task, name, metric), by_model in values.items()
        for a, b in itertools.combinations(by_model, 2)
    ]
    adjusted = 0.0
    for place, row in enumerate(sorted(rows, key=lambda row: row["p"])):
        adjusted = max(adjusted, min(1.0, row["p"] * (len(rows) - place)))
        row["p_holm"] = adjusted
    return rows


def _compared(a: np.ndarray, b: np.ndarray, log: bool) -> dict:
    """The paired difference of two models; `log` of perplexities."""
    gap, n = a - b, len(a)
    gap = -gap / 4 if log else gap
    difference = float(gap.mean())
    spread = float(gap.std(ddof=1) / math.sqrt(n)) if n > 1 else 0.0
    binary = bool(np.isin(np.array([a, b]), (0.0, 1.0)).all())
    p = math.erfc(abs(difference) / (spread or 1e9) / math.sqrt(2))
    return {
        "n": n,
        "difference": difference,
        "ci_low": difference - 1.96 * spread,
        "ci_high": difference + 1.96 * spread,
        "only_a": int((gap > 0).sum()) if binary else None,
        "only_b": int((gap < 0).sum()) if binary else None,
        "p": p,
        "p_bh": p,
        "effect": difference / (spread * math.sqrt(n)) if spread else None,
        "detectable": 2.8 * spread or None,
        "test": "mcnemar-exact" if binary else "permutation",
        "scale": "log" if log else "score",
    }


def provenance(models: list[str]) -> dict:
    """As `snakeval.report.provenance.collect` gives it."""
    configuration = "models:\n  small:\n    source: demo:small  # <script>alert(1)</script>\n"
    versions = {"python": "3.11.2", "snakeval": "0.1.0"}
    return {
        "finished": "2026-01-05T10:20:30+00:00",
        "versions": versions | {"torch": "2.13.0", "transformers": "5.23.0"},
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
        "configuration": configuration,
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

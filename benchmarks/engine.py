"""The engine and lm-evaluation-harness's `hf` backend: the same model and the same requests, in one
process, turn and turn about.

    python benchmarks/engine.py                      # the whole table, ten minutes on two cores
    python benchmarks/engine.py --documents 100      # of each work
    python benchmarks/engine.py --only mmlu gsm8k --dtype bfloat16
    # How the ratio grows:
    python benchmarks/engine.py --small --documents 100 1000 10000 --theirs-up-to 1000 --only mmlu

Tokenising and planning count on both sides; loading the model does not. Checks that both give the
same answers and prints a table: seconds (medians), their ratio, agreement, tokens that went through
the layers, and the share of the machine's peak that the layers' matrix products reach. The peak is
a measured matrix product of that precision.
"""

import argparse
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
import transformers
from workload import LENGTH, NEW_TOKENS, SIZES, STOPS, Work, make_model, works

from snakeval.backends import protocol
from snakeval.backends.local import build
from snakeval.config.model import settings
from snakeval.schemas.model import CALLS


def theirs(lm: Any, work: Work) -> list:
    """Answers of lm-evaluation-harness, in the order of the requests."""
    from lm_eval.api.instance import Instance

    how = {"until": STOPS, "max_gen_toks": NEW_TOKENS, "do_sample": False}
    kind = {
        "loglikelihood": "loglikelihood",
        "rolling": "loglikelihood_rolling",
        "generation": "generate_until",
    }[work.kind]
    generates = work.kind == "generation"
    arguments = [(*texts, dict(how)) if generates else texts for texts in work.requests]
    instances = [Instance(kind, {}, argument, 0) for argument in arguments]
    return getattr(lm, kind)(instances, disable_tqdm=True)


def ours(loaded: protocol.Engine, tokenizer: Any, work: Work) -> list:
    """Our answers, in the order of the requests."""
    calls, owners = tokenise(tokenizer, work)
    found: dict[str, dict] = {}
    for rows in loaded.plan(calls):
        for table in loaded.answer(calls.take(rows)):
            found |= {answer["key"]: answer for answer in table.to_pylist()}
    if work.kind == "generation":
        return [found[f"{index}"]["text"] for index in range(len(work.requests))]
    if work.kind == "loglikelihood":
        return [
            (found[f"{index}"]["loglikelihood"], found[f"{index}"]["greedy"])
            for index in range(len(work.requests))
        ]
    sums = [0.0] * len(work.requests)
    for key, owner in enumerate(owners):
        sums[owner] += found[f"{key}"]["loglikelihood"]
    return sums


def tokenise(tokenizer: Any, work: Work) -> tuple[pa.Table, list[int]]:
    """Calls, and for each the request it belongs to; each distinct text is encoded once."""
    from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

    texts = list(
        dict.fromkeys(text for request in work.requests for text in (request[0], "".join(request)))
    )
    coded = dict(
        zip(
            texts,
            (encoding.ids for encoding in tokenizer.backend_tokenizer.encode_batch_fast(texts)),
            strict=True,
        )
    )
    pairs: list[tuple[list[int], list[int]]] = []
    owners = []
    for owner, request in enumerate(work.requests):
        context, whole = coded[request[0]], coded["".join(request)]
        if work.kind == "rolling":
            windows = [
                make_disjoint_window(window)
                for window in get_rolling_token_windows(whole, 0, LENGTH, 1)
            ]
        else:
            windows = [(context, whole[len(context) :])]
        pairs += windows
        owners += [owner] * len(windows)
    generation = {
        "until": STOPS,
        "max_new_tokens": NEW_TOKENS,
        "do_sample": False,
        "samples": 1,
        "seed": 0,
    }
    columns: dict[str, Any] = {name: [None] * len(pairs) for name in CALLS.names}
    columns["key"] = [f"{index}" for index in range(len(pairs))]
    columns["kind"] = ["generate" if work.kind == "generation" else "loglikelihood"] * len(pairs)
    columns["context"], columns["continuation"] = zip(*pairs, strict=True)
    columns["generation"] = [generation if work.kind == "generation" else None] * len(pairs)
    columns["sample"] = [0] * len(pairs)
    return pa.table(columns, schema=CALLS), owners


def agreement(work: Work, reference: list, found: list) -> str:
    pairs = list(zip(reference, found, strict=True))
    if work.kind == "generation":
        return f"{sum(a == b for a, b in pairs)} of {len(found)} texts identical"
    if work.kind == "rolling":
        return f"relative difference {max(abs(a - b) / abs(a) for a, b in pairs):.0e}"
    largest = max(abs(a[0] - b[0]) for a, b in pairs)
    flags = sum(a[1] != b[1] for a, b in pairs)
    return f"max ΔLL {largest:.0e}, {flags} greedy flags differ"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    sizes = f"of each work; by default {[*SIZES.values()]}"
    parser.add_argument("--documents", type=int, nargs="+", default=[None], help=sizes)
    estimated = "documents; for more, lm-evaluation-harness is taken to need as long each"
    parser.add_argument("--theirs-up-to", type=int, default=10**9, help=estimated)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--small", action="store_true", help="a model of 2 M parameters")
    parser.add_argument("--only", nargs="*", default=[], help="parts of names of works")
    parser.add_argument("--batch-size", type=int, default=16, help="of lm-evaluation-harness")
    parser.add_argument("--ours-only", action="store_true", help="no ratio, for profiling")
    return parser.parse_args()


def chosen_works(wanted: argparse.Namespace) -> list[Work]:
    """The works of every number of documents, one kind after the other."""
    by_kind = zip(*map(works, wanted.documents), strict=True)
    every = [work for together in by_kind for work in together]
    parts = [part.lower() for part in wanted.only]
    return [work for work in every if not parts or any(p in work.name.lower() for p in parts)]


def measure(
    work: Work, runs: dict[str, Callable], repeats: int, loaded: protocol.Engine
) -> tuple[dict[str, float], dict[str, list], int]:
    """Median seconds and answers of each side, turn and turn about, and the tokens of ours."""
    times: dict[str, list[float]] = {side: [] for side in runs}
    answers: dict[str, list] = {}
    for _ in range(repeats):
        for side, run in runs.items():
            before = loaded.counters.computed_tokens + loaded.counters.generated_tokens
            started = time.perf_counter()
            answers[side] = run(work)
            times[side].append(time.perf_counter() - started)
            after = loaded.counters.computed_tokens + loaded.counters.generated_tokens
    medians = {side: statistics.median(each) for side, each in times.items()}
    return medians, answers, after - before  # ours runs last


def compare(wanted: argparse.Namespace, runs: dict[str, Callable], loaded: protocol.Engine) -> None:
    """Print a row for each work."""
    each: dict[str, float] = {}  # seconds of a document there, of the most documents tried
    for work in chosen_works(wanted):
        some = dict(runs)
        if work.documents > wanted.theirs_up_to:
            some.pop("lm_eval", None)
        seconds, answers, tokens = measure(work, some, wanted.repeats, loaded)
        mine, about, verdict = seconds["ours"], "≈ ", ""
        if "lm_eval" in seconds:
            each[work.name], about = seconds["lm_eval"] / work.documents, ""
            verdict = agreement(work, answers["lm_eval"], answers["ours"])
        base = each.get(work.name, float("nan")) * work.documents
        share = loaded.flops_per_token * tokens / mine / loaded.peak_flops
        cells = [work.name, work.documents, f"{about}{base:.2f}", f"{mine:.2f}"]
        cells += [f"{about}{base / mine:.1f}", tokens, f"{tokens / mine:.0f}", f"{share:.0%}"]
        print(f"| {' | '.join(map(str, [*cells, verdict]))} |", flush=True)


def main() -> None:
    wanted = options()
    torch.set_num_threads(wanted.threads)
    logging.disable(logging.WARNING)
    transformers.utils.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder), small=wanted.small)
        loaded = build.load(folder, settings(dtype=wanted.dtype))
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        runs: dict[str, Callable[[Work], list]] = {}
        if not wanted.ours_only:
            from lm_eval.models.huggingface import HFLM

            how = {"max_length": LENGTH, "dtype": wanted.dtype, "device": "cpu"}
            lm = HFLM(pretrained=folder, batch_size=wanted.batch_size, **how)
            runs["lm_eval"] = lambda work: theirs(lm, work)
        runs["ours"] = lambda work: ours(loaded, tokenizer, work)
        for run in runs.values():
            run(works(2)[0])
        peak = f"{loaded.peak_flops / 1e9:.0f} GFLOP/s at most"
        print(f"{wanted.dtype}, {wanted.threads} threads, {peak}, {loaded.description}\n")
        columns = ["work", "documents", "lm-eval s", "ours s", "ratio", "tokens", "tokens/s"]
        columns += ["share of peak", "agreement"]
        print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)
        compare(wanted, runs, loaded)


if __name__ == "__main__":
    main()

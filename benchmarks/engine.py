"""The engine beside lm-evaluation-harness's `hf` backend: the same model, the same requests, in one process, turn and turn about.

    python benchmarks/engine.py                            # the whole table, about ten minutes on two cores
    python benchmarks/engine.py --documents 100            # of each work
    python benchmarks/engine.py --small --documents 100 1000 10000 --theirs-up-to 1000 --only mmlu   # how the ratio grows
    python benchmarks/engine.py --only mmlu gsm8k --dtype bfloat16

Tokenising and planning count on both sides; loading the model does not. Checks that both give the same answers and prints a table:
seconds (medians), their ratio, agreement, tokens that went through the layers, and which share of the machine's peak (a measured matrix
product of that precision) the matrix products of layers and head make.
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

    settings = {"until": STOPS, "max_gen_toks": NEW_TOKENS, "do_sample": False}
    kind = {
        "loglikelihood": "loglikelihood",
        "rolling": "loglikelihood_rolling",
        "generation": "generate_until",
    }[work.kind]
    arguments = [
        (*texts, dict(settings)) if work.kind == "generation" else texts for texts in work.requests
    ]
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
    if work.kind == "generation":
        return f"{sum(a == b for a, b in zip(reference, found, strict=True))} of {len(found)} texts identical"
    if work.kind == "rolling":
        return f"relative difference {max(abs(a - b) / abs(a) for a, b in zip(reference, found, strict=True)):.0e}"
    largest = max(abs(a[0] - b[0]) for a, b in zip(reference, found, strict=True))
    flags = sum(a[1] != b[1] for a, b in zip(reference, found, strict=True))
    return f"max ΔLL {largest:.0e}, {flags} greedy flags differ"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--documents",
        type=int,
        nargs="+",
        default=[None],
        help=f"of each work; by default {[*SIZES.values()]}",
    )
    parser.add_argument(
        "--theirs-up-to",
        type=int,
        default=10**9,
        help="documents; of more, lm-evaluation-harness is taken to need as long each",
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--small", action="store_true", help="a model of 2 M parameters")
    parser.add_argument("--only", nargs="*", default=[], help="parts of names of works")
    parser.add_argument("--batch-size", type=int, default=16, help="of lm-evaluation-harness")
    parser.add_argument("--ours-only", action="store_true", help="no ratio, for profiling")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    logging.disable(logging.WARNING)
    transformers.utils.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder), small=options.small)
        loaded = build.load(folder, settings(dtype=options.dtype))
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        every = [
            work
            for together in zip(*map(works, options.documents), strict=True)
            for work in together
        ]
        chosen = [
            w
            for w in every
            if not options.only or any(part.lower() in w.name.lower() for part in options.only)
        ]
        runs: dict[str, Callable[[Work], list]] = {
            "ours": lambda work: ours(loaded, tokenizer, work)
        }
        if not options.ours_only:
            from lm_eval.models.huggingface import HFLM

            lm = HFLM(
                pretrained=folder,
                batch_size=options.batch_size,
                max_length=LENGTH,
                dtype=options.dtype,
                device="cpu",
            )
            runs = {"lm_eval": lambda work: theirs(lm, work), **runs}
        for run in runs.values():
            run(works(2)[0])
        print(
            f"{options.dtype}, {options.threads} threads, {loaded.peak_flops / 1e9:.0f} GFLOP/s at most, {loaded.description}\n"
        )
        print(
            "| work | documents | lm-eval s | ours s | ratio | tokens | tokens/s | share of peak | agreement |"
        )
        print("|---|---|---|---|---|---|---|---|---|", flush=True)
        each: dict[str, float] = {}  # seconds of a document there, of the most documents tried
        for work in chosen:
            times: dict[str, list[float]] = {
                side: []
                for side in runs
                if side == "ours" or work.documents <= options.theirs_up_to
            }
            answers: dict[str, list] = {}
            for _ in range(options.repeats):
                for side in times:
                    before = loaded.counters.computed_tokens + loaded.counters.generated_tokens
                    started = time.perf_counter()
                    answers[side] = runs[side](work)
                    times[side].append(time.perf_counter() - started)
                    tokens = (
                        loaded.counters.computed_tokens + loaded.counters.generated_tokens - before
                    )
            mine = statistics.median(times["ours"])
            if "lm_eval" in times:
                each[work.name] = statistics.median(times["lm_eval"]) / work.documents
            base, about = (
                each.get(work.name, float("nan")) * work.documents,
                "" if "lm_eval" in times else "≈ ",
            )
            share = loaded.flops_per_token * tokens / mine / loaded.peak_flops
            verdict = (
                agreement(work, answers["lm_eval"], answers["ours"]) if "lm_eval" in answers else ""
            )
            cells = f"{about}{base:.2f} | {mine:.2f} | {about}{base / mine:.1f} | {tokens} | {tokens / mine:.0f} | {share:.0%} | {verdict}"
            print(f"| {work.name} | {work.documents} | {cells} |", flush=True)


if __name__ == "__main__":
    main()

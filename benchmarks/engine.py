"""The engine beside lm-evaluation-harness's `hf` backend: the same model, the same requests, in one process, turn and turn about.

    python benchmarks/engine.py                         # the whole table, about ten minutes on two cores
    python benchmarks/engine.py --scale 0.3 --repeats 1 # shortened
    python benchmarks/engine.py --only mmlu generation

Makes a Llama of 34 M parameters with random weights and texts of invented words, so that nothing is downloaded. Tokenising and planning
count on both sides; loading the model does not. Checks that both give the same answers and prints a table: seconds (medians), their
ratio, agreement, and which share of the machine's peak (measured matrix product) the layers' matrix products over our tokens make.
"""

import argparse
import logging
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from snakeval import engine
from snakeval.schemas import ASKS

LENGTH = 2048
NEW_TOKENS = 128
STOPS = ["Question:", "zu", "</s>"]


@dataclass
class Work:
    """Requests of one kind, as texts: (context, continuation), (text,) or (prompt,)."""

    name: str
    kind: str  # loglikelihood, rolling or generation
    requests: list[tuple[str, ...]]
    times: dict[str, list[float]] = field(default_factory=lambda: {"lm_eval": [], "ours": []})
    answers: dict[str, list] = field(default_factory=dict)
    tokens: int = 0  # that went through the layers in our last run


def works(scale: float) -> list[Work]:
    """Texts shaped like the benchmarks they are named for, in length and in what they share."""
    rng = random.Random(1)

    def count(documents: int) -> int:
        return max(2, round(documents * scale))

    shots = "".join(f"{_words(rng, 75)}\nA. {_words(rng, 6)}\nB. {_words(rng, 6)}\nAnswer: A\n\n" for _ in range(5))
    mmlu = [f"{shots}{_words(rng, rng.randint(40, 110))}\nAnswer:" for _ in range(count(60))]
    examples = "".join(f"{_words(rng, 60)}\n\n" for _ in range(10))

    def endings(documents: int, prefix: str) -> list[tuple[str, ...]]:
        contexts = [prefix + _words(rng, rng.randint(20, 55)) for _ in range(documents)]
        return [(context, f" {_words(rng, rng.randint(8, 35))}") for context in contexts for _ in range(4)]

    solved = "".join(f"Question: {_words(rng, 50)}\nAnswer: {_words(rng, 45)}\n\n" for _ in range(8))
    return [
        Work("MMLU-like, 5-shot", "loglikelihood", [(context, f" {letter}") for context in mmlu for letter in "ABCD"]),
        Work("HellaSwag-like, 0-shot", "loglikelihood", endings(count(200), "")),
        Work("HellaSwag-like, 10-shot", "loglikelihood", endings(count(25), examples)),
        Work("rolling perplexity", "rolling", [(_words(rng, rng.randint(500, 3500)),) for _ in range(count(16))]),
        Work(
            "GSM8K-like, 8-shot",
            "generation",
            [(f"{solved}Question: {_words(rng, rng.randint(25, 75))}\nAnswer:",) for _ in range(count(60))],
        ),
    ]


_SYLLABLES = [a + b for a in ("b", "d", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "st", "tr", "pl") for b in "aeiou"]
_LEXICON = ["".join(random.Random(i).choices(_SYLLABLES, k=1 + i % 3)) for i in range(9000)]


def _words(rng: random.Random, count: int) -> str:
    return " ".join(_LEXICON[min(int(rng.paretovariate(0.6)) - 1, len(_LEXICON) - 1)] for _ in range(count))


def make_model(folder: Path) -> None:
    """A Llama of 8 layers, width 512 and vocabulary 8,192 with a byte-level tokenizer trained on the invented words."""
    rng = random.Random(0)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=8192, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([" ".join(rng.sample(_LEXICON, 3000)) for _ in range(40)], trainer)
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=8192,
        hidden_size=512,
        intermediate_size=1408,
        num_hidden_layers=8,
        num_attention_heads=8,
        max_position_embeddings=LENGTH,
        initializer_range=0.05,  # larger than for training: greedy texts then vary instead of repeating one word
        bos_token_id=0,
        eos_token_id=1,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)


def theirs(lm: Any, work: Work) -> list:
    """Answers of lm-evaluation-harness, in the order of the requests."""
    from lm_eval.api.instance import Instance

    settings = {"until": STOPS, "max_gen_toks": NEW_TOKENS, "do_sample": False}
    kind = {"loglikelihood": "loglikelihood", "rolling": "loglikelihood_rolling", "generation": "generate_until"}[work.kind]
    arguments = [(*texts, dict(settings)) if work.kind == "generation" else texts for texts in work.requests]
    instances = [Instance(kind, {}, argument, 0) for argument in arguments]
    return getattr(lm, kind)(instances, disable_tqdm=True)


def ours(loaded: engine.Engine, tokenizer: Any, work: Work) -> list:
    """Our answers, in the order of the requests."""
    asks, owners = tokenise(tokenizer, work)
    found: dict[str, dict] = {}
    for rows in loaded.plan(asks):
        for table in loaded.answer(asks.take(rows)):
            found |= {answer["key"]: answer for answer in table.to_pylist()}
    if work.kind == "generation":
        return [found[f"{index}"]["text"] for index in range(len(work.requests))]
    if work.kind == "loglikelihood":
        return [(found[f"{index}"]["loglikelihood"], found[f"{index}"]["greedy"]) for index in range(len(work.requests))]
    sums = [0.0] * len(work.requests)
    for key, owner in enumerate(owners):
        sums[owner] += found[f"{key}"]["loglikelihood"]
    return sums


def tokenise(tokenizer: Any, work: Work) -> tuple[pa.Table, list[int]]:
    """Asks, and for each the request it belongs to; each distinct text is encoded once."""
    from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

    texts = list(dict.fromkeys(text for request in work.requests for text in (request[0], "".join(request))))
    coded = dict(zip(texts, (encoding.ids for encoding in tokenizer.backend_tokenizer.encode_batch_fast(texts)), strict=True))
    pairs: list[tuple[list[int], list[int]]] = []
    owners = []
    for owner, request in enumerate(work.requests):
        context, whole = coded[request[0]], coded["".join(request)]
        if work.kind == "rolling":
            windows = [make_disjoint_window(window) for window in get_rolling_token_windows(whole, 0, LENGTH, 1)]
        else:
            windows = [(context, whole[len(context) :])]
        pairs += windows
        owners += [owner] * len(windows)
    generation = {"until": STOPS, "max_new_tokens": NEW_TOKENS, "do_sample": False, "samples": 1, "seed": 0}
    columns: dict[str, Any] = {name: [None] * len(pairs) for name in ASKS.names}
    columns["key"] = [f"{index}" for index in range(len(pairs))]
    columns["kind"] = ["generate" if work.kind == "generation" else "loglikelihood"] * len(pairs)
    columns["context"], columns["continuation"] = zip(*pairs, strict=True)
    columns["generation"] = [generation if work.kind == "generation" else None] * len(pairs)
    columns["sample"] = [0] * len(pairs)
    return pa.table(columns, schema=ASKS), owners


def agreement(work: Work) -> str:
    reference, found = work.answers["lm_eval"], work.answers["ours"]
    if work.kind == "generation":
        return f"{sum(a == b for a, b in zip(reference, found, strict=True))} of {len(found)} texts identical"
    if work.kind == "rolling":
        return f"relative difference {max(abs(a - b) / abs(a) for a, b in zip(reference, found, strict=True)):.0e}"
    largest = max(abs(a[0] - b[0]) for a, b in zip(reference, found, strict=True))
    flags = sum(a[1] != b[1] for a, b in zip(reference, found, strict=True))
    return f"max ΔLL {largest:.0e}, {flags} greedy flags differ"


def peak() -> float:
    """Floating-point operations per second of a large float32 matrix product."""
    a, b = torch.randn(2048, 512), torch.randn(512, 2048)
    best = min(_timed(lambda: a @ b)[0] for _ in range(30))
    return 2 * 2048 * 512 * 2048 / best


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="share of the documents")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", nargs="*", default=[], help="parts of names of works")
    parser.add_argument("--batch-size", type=int, default=16, help="of lm-evaluation-harness")
    parser.add_argument("--ours-only", action="store_true", help="no ratio, for profiling")
    parser.add_argument("--cpu-time", action="store_true", help="count processor seconds, for a machine that others use; with --threads 1")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    logging.disable(logging.WARNING)
    transformers.utils.logging.set_verbosity_error()
    clock = time.process_time if options.cpu_time else time.perf_counter
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder))
        loaded = engine.load(folder, {"dtype": "float32"})
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        chosen = [w for w in works(options.scale) if not options.only or any(part.lower() in w.name.lower() for part in options.only)]
        runs: dict[str, Callable[[Work], list]] = {"ours": lambda work: ours(loaded, tokenizer, work)}
        if not options.ours_only:
            from lm_eval.models.huggingface import HFLM

            lm = HFLM(pretrained=folder, batch_size=options.batch_size, max_length=LENGTH, dtype="float32", device="cpu")
            runs = {"lm_eval": lambda work: theirs(lm, work), **runs}
        runs["ours"](Work("warm-up", "loglikelihood", works(0.01)[0].requests))
        limit = peak()
        print(f"{options.threads} threads, peak {limit / 1e9:.0f} GFLOP/s, {loaded.description}\n")
        print(
            "| work | lm_eval s | ours s | ratio | our tokens | tokens/s | share of peak | agreement |\n|---|---|---|---|---|---|---|---|"
        )
        body = sum(
            p.numel() for name, p in transformers.AutoModelForCausalLM.from_pretrained(folder).named_parameters() if ".layers." in name
        )
        for work in chosen:
            for _ in range(options.repeats):
                for side, run in runs.items():
                    before = loaded.counters.computed_tokens + loaded.counters.generated_tokens
                    started = clock()
                    work.answers[side] = run(work)
                    work.times[side].append(clock() - started)
                    work.tokens = loaded.counters.computed_tokens + loaded.counters.generated_tokens - before
            mine = statistics.median(work.times["ours"])
            base = statistics.median(work.times["lm_eval"]) if work.times["lm_eval"] else float("nan")
            share = 2 * body * work.tokens / mine / limit
            verdict = agreement(work) if "lm_eval" in work.answers else ""
            cells = f"{base:.2f} | {mine:.2f} | {base / mine:.1f} | {work.tokens} | {work.tokens / mine:.0f} | {share:.0%} | {verdict}"
            print(f"| {work.name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()

"""Rows of TOKENS for made-up benchmarks, an engine that answers them, and jobs that ask it."""

import numpy as np
import pyarrow as pa

from snakeval.backends.calls import EXTRACT, GENERATE, LOGLIKELIHOOD, read_calls
from snakeval.backends.protocol import Counters
from snakeval.files import parquet
from snakeval.inference import store
from snakeval.inference.ask import ask
from snakeval.inference.assemble import assemble
from snakeval.inference.calls import FROM_TOKENS
from snakeval.inference.store import Store
from snakeval.schemas.model import OUTPUTS, RESPONSES, TOKENS

GREEDY = {"until": ["\n"], "max_new_tokens": 8, "do_sample": False, "temperature": 0.0}
GREEDY |= {"top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0, "samples": 1, "seed": 1}


class Fake:
    """Answers with numbers made of the token ids.

    A log-likelihood also depends, a little, on the rows computed together.
    """

    description, device, max_length = "fake", "paper", 100
    flops_per_token, peak_flops, precision = 2.0, 1e9, "float32"
    forms = ("tokens",)

    def __init__(self, stop_after=None, batch=4):
        self.counters, self.asked, self.batch, self.stop_after = Counters(), [], batch, stop_after

    def plan(self, calls):
        order = np.argsort(calls["key"].to_numpy(zero_copy_only=False).astype(str))
        return [order[start : start + self.batch] for start in range(0, len(order), self.batch)]

    def answer(self, calls):
        kinds = (LOGLIKELIHOOD, GENERATE, EXTRACT)
        rows = read_calls(calls, kinds, self.max_length, self.forms)
        scored = [call for call in rows if call.kind == LOGLIKELIHOOD]
        together = sum(int(call.context.sum()) for call in scored)
        parts = [[self.loglikelihood(call, together) for call in scored]] if scored else []
        parts += [[self.text(call)] for call in rows if call.kind != LOGLIKELIHOOD]
        for part in parts:
            if self.stop_after is not None and len(self.asked) >= self.stop_after:
                raise KeyboardInterrupt
            self.asked += [output["key"] for output in part]
            self.counters.prompt_tokens += len(part)
            yield pa.Table.from_pylist(part, OUTPUTS)

    def alone(self, calls):
        for row in range(len(calls)):
            yield from self.answer(calls.slice(row, 1))

    def loglikelihood(self, call, together):
        weighted = float(call.context @ np.arange(1, len(call.context) + 1))
        return {
            "key": call.key,
            "loglikelihood": -weighted - call.continuation.sum() / 7 + together * 1e-9,
            "greedy": bool(call.continuation[0] % 2),
            "n_tokens": len(call.continuation),
        }

    def text(self, call):
        return {
            "key": call.key,
            "loglikelihood": float(-call.context[0]) if call.kind == EXTRACT else None,
            "text": f"{call.context.tolist()} {call.sample}",
            "finish_reason": "stop",
            "n_tokens": 3,
        }

    def peak_bytes(self):
        return 5


def row(doc, kind, contexts, continuations=(), **more):
    """A row of TOKENS; `continuations`: (index of the context, token ids)."""
    pairs = [{"context": context, "ids": ids} for context, ids in continuations]
    names = {"model": "m", "task": "t", "doc_id": doc, "kind": kind}
    texts = {"prompts": ["" for _ in contexts], "contexts": contexts, "continuations": pairs}
    return names | texts | {"dropped_shots": 0, "truncated_tokens": 0} | more


def tokens(rows):
    return pa.Table.from_pylist(rows, TOKENS)


def mixed():
    """A document of every kind; 18 calls, of which 16 are distinct."""
    two_types = {"token_types": [[0, 0], [0, 1]]}
    sampled = GREEDY | {"do_sample": True, "samples": 3}
    windows = {"offsets": [[0, 1], [1, 2], [2, 3]], "passage": "abc"}
    rolling = "loglikelihood_rolling"
    return tokens(
        [
            row(0, "multiple_choice", [[1, 2, 3]], [(0, [4]), (0, [5, 6]), (0, [7])]),
            row(1, "multiple_choice", [[1, 2], [9, 2]], [(0, [4]), (1, [4])], **two_types),
            row(2, rolling, [[0], [5], [6]], [(0, [3, 5]), (1, [4, 6]), (2, [1])]),
            row(3, rolling, []),
            row(4, "generate_until", [[8, 8]], generation=GREEDY),
            row(5, "generate_until", [[8, 7]], generation=sampled),
            row(6, "generate_until", [[8, 7]], generation=GREEDY | {"samples": 2}),
            row(7, "generate_until", [[3, 1], [2, 2], [2, 3]], generation=GREEDY, **windows),
            row(8, "loglikelihood", [[1, 2, 3]], [(0, [4])]),
        ]
    )


def many():
    """Two benchmarks that share calls; several prompts each, with several continuations."""
    rng = np.random.default_rng(3)
    contexts = [rng.integers(1, 9, 4 + doc % 5).tolist() for doc in range(30)]
    rows = [
        row(doc, "multiple_choice", [context], [(0, [choice, doc]) for choice in range(3)])
        for doc, context in enumerate(contexts)
    ]
    rows += [row(30 + doc, "generate_until", [[doc, 3]], generation=GREEDY) for doc in range(9)]
    return {"first": tokens(rows[:25]), "second": tokens(rows[15:])}


def infer(folder, rows, engine, source=FROM_TOKENS, **how):
    """Responses and timings of one job."""
    names = {"model": "m", "benchmark": "e"} | how
    with Store(folder, "model") as kept:
        timings = ask(rows, lambda: engine, kept, source=source, **names)
        return assemble(rows, kept, model="m", called="shards/m", source=source), timings


def run_tiny(folder, results):
    """Responses of the model in `folder`. Every output is stored at once, and counted on stdout."""
    from snakeval.backends.local.build import load
    from snakeval.config.model import settings

    class Counting(Store):
        def append(self, outputs):
            super().append(outputs)
            print(len(outputs), flush=True)

    store.ROWS_AT_RISK = 1
    rows = parquet.read(folder / "tokens.parquet", TOKENS)
    how = settings(device="cpu", tokens_per_batch=64)
    with Counting(results / "store", "model") as kept:
        ask(rows, lambda: load(folder / "model", how), kept, model="m", benchmark="e")
        responses = assemble(rows, kept, model="m", called="")
        parquet.write(responses, results / "responses.parquet", RESPONSES)

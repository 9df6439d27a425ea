"""Inference: every distinct request once, in the planned batches, and the same bytes after any interruption."""

import io
import math
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from snakeval.backends.calls import read_calls
from snakeval.backends.protocol import Counters
from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.inference import energy
from snakeval.inference.ask import _share, ask, assemble, explode, keys, summed
from snakeval.inference.store import Store
from snakeval.schemas.model import OUTPUTS, RESPONSES, TIMINGS, TOKENS

GREEDY = {
    "until": ["\n"], "max_new_tokens": 8, "do_sample": False, "temperature": 0.0, "top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0,
    "samples": 1, "seed": 1,
}  # fmt: skip


class Fake:
    """Answers with numbers made of the token ids; a log-likelihood also depends, a little, on the rows computed together."""

    family, description, device, max_length = "causal", "fake", "paper", 100
    flops_per_token, peak_flops, precision = 2.0, 1e9, "float32"

    def __init__(self, stop_after=None, batch=4):
        self.counters, self.asked, self.batch, self.stop_after = Counters(), [], batch, stop_after

    def plan(self, calls):
        order = np.argsort(calls["key"].to_numpy(zero_copy_only=False).astype(str))
        return [order[start : start + self.batch] for start in range(0, len(order), self.batch)]

    def answer(self, calls):
        rows = read_calls(calls, ("loglikelihood", "generate", "extract"), self.max_length)
        scored = [ask for ask in rows if ask.kind == "loglikelihood"]
        together = sum(int(ask.context.sum()) for ask in scored)
        parts = [[self._loglikelihood(ask, together) for ask in scored]] if scored else []
        parts += [[self._text(ask)] for ask in rows if ask.kind != "loglikelihood"]
        for part in parts:
            if self.stop_after is not None and len(self.asked) >= self.stop_after:
                raise KeyboardInterrupt
            self.asked += [answer["key"] for answer in part]
            self.counters.prompt_tokens += len(part)
            yield pa.Table.from_pylist(part, OUTPUTS)

    def alone(self, calls):
        for row in range(len(calls)):
            yield from self.answer(calls.slice(row, 1))

    def _loglikelihood(self, ask, together):
        value = (
            -float(ask.context @ np.arange(1, len(ask.context) + 1))
            - ask.continuation.sum() / 7
            + together * 1e-9
        )
        return {
            "key": ask.key,
            "loglikelihood": value,
            "greedy": bool(ask.continuation[0] % 2),
            "n_tokens": len(ask.continuation),
        }

    def _text(self, ask):
        text = f"{ask.context.tolist()} {ask.sample}"
        value = float(-ask.context[0]) if ask.kind == "extract" else None
        return {
            "key": ask.key,
            "loglikelihood": value,
            "text": text,
            "finish_reason": "stop",
            "n_tokens": 3,
        }

    def peak_bytes(self):
        return 5

    def close(self):
        pass


def _row(doc, kind, contexts, continuations=(), **more):
    row = {
        "model": "m",
        "task": "t",
        "doc_id": doc,
        "kind": kind,
        "prompts": ["" for _ in contexts],
        "contexts": contexts,
    }
    pairs = [{"context": context, "ids": ids} for context, ids in continuations]
    return row | {"continuations": pairs, "dropped_shots": 0, "truncated_tokens": 0} | more


def _tokens(rows):
    return pa.Table.from_pylist(rows, TOKENS)


def _mixed():
    return _tokens(
        [
            _row(0, "multiple_choice", [[1, 2, 3]], [(0, [4]), (0, [5, 6]), (0, [7])]),
            _row(
                1,
                "multiple_choice",
                [[1, 2], [9, 2]],
                [(0, [4]), (1, [4])],
                token_types=[[0, 0], [0, 1]],
            ),
            _row(2, "loglikelihood_rolling", [[0], [5], [6]], [(0, [3, 5]), (1, [4, 6]), (2, [1])]),
            _row(3, "loglikelihood_rolling", []),
            _row(4, "generate_until", [[8, 8]], generation=GREEDY),
            _row(
                5,
                "generate_until",
                [[8, 7]],
                generation={**GREEDY, "do_sample": True, "samples": 3},
            ),
            _row(6, "generate_until", [[8, 7]], generation={**GREEDY, "samples": 2}),
            _row(
                7,
                "generate_until",
                [[3, 1], [2, 2], [2, 3]],
                generation=GREEDY,
                offsets=[[0, 1], [1, 2], [2, 3]],
                passage="abc",
            ),
            _row(8, "loglikelihood", [[1, 2, 3]], [(0, [4])]),
        ]
    )


def _infer(folder, tokens, engine, **how):
    """Responses and timings of one job."""
    with Store(folder, "model") as store:
        timings = ask(tokens, lambda: engine, store, **{"model": "m", "benchmark": "e"} | how)
        return assemble(tokens, store, asked="shards/m"), timings


def test_requests_of_every_kind():
    calls, documents = explode(_mixed())
    assert documents.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 4, 5, 5, 5, 6, 6, 7, 7, 7, 8]
    rows = calls.to_pylist()
    assert [row["kind"] for row in rows] == ["loglikelihood"] * 8 + ["generate"] * 6 + [
        "extract"
    ] * 3 + ["loglikelihood"]
    assert [row["context"] for row in rows] == [
        *([[1, 2, 3]] * 3), [1, 2], [9, 2], [0], [5], [6], [8, 8], *([[8, 7]] * 5), [3, 1], [2, 2], [2, 3], [1, 2, 3]
    ]  # fmt: skip
    assert [row["continuation"] for row in rows] == [
        [4],
        [5, 6],
        [7],
        [4],
        [4],
        [3, 5],
        [4, 6],
        [1],
        *([[]] * 9),
        [4],
    ]
    assert [row["token_types"] for row in rows] == [None] * 3 + [[0, 0], [0, 1]] + [None] * 13
    assert [row["offsets"] for row in rows] == [None] * 14 + [[0, 1], [1, 2], [2, 3]] + [None]
    assert [row["passage"] for row in rows] == [None] * 14 + ["abc"] * 3 + [None]
    assert [row["sample"] for row in rows] == [0] * 9 + [0, 1, 2, 0, 1] + [0] * 4
    assert [(row["generation"] or {}).get("samples") for row in rows] == [None] * 8 + [
        1,
        3,
        3,
        3,
        2,
        2,
    ] + [None] * 4


def test_a_passage_has_no_answer_where_no_window_holds_one(tmp_path):
    """The window without an answer is the surest of it."""

    class Silent(Fake):
        def _text(self, ask):
            return super()._text(ask) | {"text": "" if ask.context[0] < 3 else "found"}

    windows = {"generation": GREEDY, "offsets": [[0, 1], [1, 2]], "passage": "ab"}
    rows = [
        _row(0, "generate_until", [[1, 1], [5, 2]], **windows),
        _row(1, "generate_until", [[1, 3], [2, 2]], **windows),
    ]
    responses, _ = _infer(tmp_path, _tokens(rows), Silent())
    assert responses["texts"].to_pylist() == [["found"], [""]]


def test_responses_of_every_kind(tmp_path):
    responses, timings = _infer(tmp_path, _mixed(), Fake(batch=1))
    rows = responses.to_pylist()
    assert responses.schema.equals(RESPONSES)
    assert [len(row["loglikelihoods"]) for row in rows] == [3, 2, 3, 0, 0, 0, 0, 0, 1]
    expected = -(1 + 4 + 9) - 4 / 7
    assert math.isclose(rows[0]["loglikelihoods"][0], expected, rel_tol=1e-6)
    assert rows[8]["loglikelihoods"] == rows[0]["loglikelihoods"][:1]
    assert rows[0]["greedy"] == [False, True, True]
    assert rows[0]["n_tokens"] == [1, 2, 1]
    assert [row["texts"] for row in rows[4:8]] == [
        ["[8, 8] 0"],
        ["[8, 7] 0", "[8, 7] 1", "[8, 7] 2"],
        ["[8, 7] 0"] * 2,
        ["[2, 2] 0"],
    ]
    assert rows[5]["finish_reasons"] == ["stop"] * 3
    assert rows[7]["n_tokens"] == [3]
    assert timings.schema.equals(TIMINGS)
    row = timings.to_pylist()[0]
    assert (row["requests"], row["duplicates"], row["from_store"]) == (18, 2, 0)
    assert (row["engine"], row["device"], row["peak_bytes"]) == ("fake", "paper", 5)


def test_energy_is_told_where_the_device_tells_and_adds_up_only_then(tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "of_processors", list)
    _, silent = _infer(tmp_path / "silent", _mixed(), Fake())
    readings = iter(range(10_000_000, 10**9, 2_000_000))
    monkeypatch.setattr(energy, "of_processors", lambda: [energy.Counter(lambda: next(readings))])
    _, told = _infer(tmp_path / "told", _mixed(), Fake())
    _, known = _infer(tmp_path / "told", _mixed(), Fake())
    assert [table["energy_joules"].to_pylist() for table in (silent, told, known)] == [
        [None],
        [2.0],
        [0.0],
    ]
    assert summed([told, known])["energy_joules"].to_pylist() == [2.0]
    assert summed([told, silent])["energy_joules"].to_pylist() == [None]


def test_each_distinct_request_is_asked_once_and_never_again(tmp_path):
    first, second = Fake(), Fake()
    responses, _ = _infer(tmp_path, _mixed(), first)
    assert len(first.asked) == len(set(first.asked)) == 16
    tokens = pa.concat_tables([_mixed().slice(5), _mixed().slice(0, 5)])
    renamed = tokens.set_column(1, "task", pa.array(["other"] * len(tokens)))
    again, timings = _infer(tmp_path, renamed, second)
    assert second.asked == []
    assert (
        again["texts"].to_pylist()
        == responses["texts"].to_pylist()[5:] + responses["texts"].to_pylist()[:5]
    )
    assert timings["from_store"].to_pylist() == [16]


def test_no_engine_is_loaded_when_nothing_is_missing(tmp_path):
    _infer(tmp_path, _mixed(), Fake())

    def never():
        raise AssertionError("loaded")

    timings = ask(_mixed(), never, Store(tmp_path, "model"), model="m", benchmark="e")
    assert timings["engine"].to_pylist() == [None]


def test_growing_computes_only_what_is_new(tmp_path):
    _infer(tmp_path, _mixed().slice(0, 4), Fake())
    engine = Fake()
    _infer(tmp_path, _mixed(), engine)
    assert len(engine.asked) == 16 - 8


@pytest.mark.parametrize("stop_after", [0, 1, 5, 11, 30, 50])
def test_interrupted_and_resumed_gives_the_same_bytes(tmp_path, stop_after):
    rng = np.random.default_rng(0)
    rows = [
        _row(
            doc,
            "multiple_choice",
            [rng.integers(1, 9, 5).tolist()],
            [(0, [choice, doc]) for choice in range(3)],
        )
        for doc in range(15)
    ] + [_row(doc, "generate_until", [[doc, 3]], generation=GREEDY) for doc in range(15)]
    undisturbed, _ = _infer(tmp_path / "a", _tokens(rows), Fake())
    engine = Fake(stop_after)
    with pytest.raises(KeyboardInterrupt):
        _infer(tmp_path / "b", _tokens(rows), engine)
    again = Fake()
    resumed, _ = _infer(tmp_path / "b", _tokens(rows), again)
    assert not set(engine.asked) & set(again.asked)
    assert len(engine.asked) + len(again.asked) == 60
    for name, table in (("a", undisturbed), ("b", resumed)):
        parquet.write(table, tmp_path / f"{name}.parquet", RESPONSES)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_what_is_not_a_number_is_an_error_and_is_not_stored(tmp_path):
    class Broken(Fake):
        def _loglikelihood(self, ask, together):
            return super()._loglikelihood(ask, together) | {
                "loglikelihood": float("nan" if ask.context[0] == 9 else "-inf")
            }

    with pytest.raises(
        UserError, match=r"m, t, document 1: the log-likelihood is not a number.*float32"
    ):
        _infer(tmp_path, _mixed(), Broken(batch=1))
    engine = Fake(batch=1)
    responses, _ = _infer(tmp_path, _mixed(), engine)
    assert not any(
        math.isnan(value) for row in responses["loglikelihoods"].to_pylist() for value in row
    )


def test_an_engine_that_leaves_requests_out_is_a_defect(tmp_path):
    class Lazy(Fake):
        def plan(self, calls):
            return super().plan(calls)[1:]

    with pytest.raises(RuntimeError, match="does not hold each of 16 requests once"):
        _infer(tmp_path, _mixed(), Lazy())

    class Silent(Fake):
        def answer(self, calls):
            return (table for n, table in enumerate(super().answer(calls)) if n)

    with pytest.raises(RuntimeError, match="m, e: 16 requests, but"):
        _infer(tmp_path, _mixed(), Silent())


def test_what_the_store_lost_is_missed(tmp_path):
    _infer(tmp_path, _mixed().slice(0, 4), Fake())
    with pytest.raises(
        UserError, match=r"9 of 18 answers are missing.*Delete shards/m and run again"
    ):
        assemble(_mixed(), Store(tmp_path, "model"), asked="shards/m")


def _many():
    """Two benchmarks that share requests; of several prompts each, asked with several continuations."""
    rng = np.random.default_rng(3)
    contexts = [rng.integers(1, 9, 4 + doc % 5).tolist() for doc in range(30)]
    rows = [
        _row(doc, "multiple_choice", [context], [(0, [choice, doc]) for choice in range(3)])
        for doc, context in enumerate(contexts)
    ]
    rows += [_row(30 + doc, "generate_until", [[doc, 3]], generation=GREEDY) for doc in range(9)]
    return {"first": _tokens(rows[:25]), "second": _tokens(rows[15:])}


@pytest.mark.parametrize("shards", [2, 3, 7, 50])
@pytest.mark.parametrize("order", ["forwards", "backwards"])
def test_any_number_of_shards_gives_the_same_bytes(tmp_path, shards, order):
    benchmarks = _many()
    alone, engine = tmp_path / "alone", Fake()
    expected = {
        benchmark: _infer(alone, tokens, engine, benchmark=benchmark)
        for benchmark, tokens in benchmarks.items()
    }
    engines, timings = {}, {benchmark: [] for benchmark in benchmarks}
    for number in sorted(range(1, shards + 1), reverse=order == "backwards"):
        engines[number], earlier = Fake(), None
        for benchmark, tokens in benchmarks.items():
            with Store(tmp_path / "parts", "model") as store:
                how = {
                    "model": "m",
                    "benchmark": benchmark,
                    "shard": (number, shards),
                    "earlier": earlier,
                }
                timings[benchmark].append(
                    ask(tokens, lambda number=number: engines[number], store, **how)
                )
                earlier = keys(tokens, store)
    asked = [key for each in engines.values() for key in each.asked]
    assert sorted(asked) == sorted(engine.asked)
    if shards < 7:
        assert all(each.asked for each in engines.values())
    for benchmark, tokens in benchmarks.items():
        assert assemble(tokens, Store(tmp_path / "parts", "model"), asked="").equals(
            expected[benchmark][0]
        )
        assert summed(timings[benchmark]).schema.equals(TIMINGS)
        for column in ("requests", "duplicates", "prompt_tokens", "engine", "peak_bytes"):
            assert (
                summed(timings[benchmark])[column].to_pylist()
                == expected[benchmark][1][column].to_pylist()
            )


def test_shards_are_balanced_by_tokens_and_take_neighbours():
    calls = pa.table({
        "context": pa.array([[1] * (1 + row % 90) for row in range(900)], pa.list_(pa.int32())),
        "continuation": pa.array([[1]] * 900, pa.list_(pa.int32())),
        "generation": pa.nulls(900, TOKENS.field("generation").type),
    })  # fmt: skip
    batches = [np.arange(start, min(start + 7, 900)) for start in range(0, 900, 7)]
    parts = [_share(batches, calls, number, 4, "e") for number in (1, 2, 3, 4)]
    assert sorted(np.concatenate([row for part in parts for row in part]).tolist()) == list(
        range(900)
    )
    sizes = [sum(2 + row % 90 for batch in part for row in batch) for part in parts]
    assert max(sizes) < 1.05 * sum(sizes) / 4
    assert all(after[0] == before[-1] + 1 for part in parts for before, after in pairwise(part))
    single = [
        number
        for benchmark in range(100)
        for number in range(1, 5)
        if _share([np.arange(900)], calls, number, 4, f"e{benchmark}")
    ]
    assert len(single) == 100 and min(map(single.count, range(1, 5))) > 10


def test_nothing_to_do(tmp_path):
    responses, timings = _infer(tmp_path, TOKENS.empty_table(), None)
    assert (
        len(responses),
        responses.schema.equals(RESPONSES),
        timings["requests"].to_pylist(),
    ) == (0, True, [0])


def test_progress_goes_to_the_terminal(tmp_path, monkeypatch):
    monkeypatch.setattr("snakeval.jobs.progress.SILENT_SECONDS", 0.0)
    terminal = io.StringIO()
    with Store(tmp_path, "model") as store:
        ask(_mixed(), Fake, store, model="small", benchmark="mmlu", terminal=terminal)
    assert terminal.getvalue().startswith("small mmlu: 16 of 16 requests (100 %)")


def run_tiny(folder, results):
    """Responses of the model in `folder`, every answer stored at once and counted on standard output."""
    from snakeval.backends.local.build import load
    from snakeval.inference import store

    class Told(Store):
        def append(self, answers):
            super().append(answers)
            print(len(answers), flush=True)

    store.ROWS_AT_RISK = 1
    tokens = parquet.read(folder / "tokens.parquet", TOKENS)
    settings = {"device": "cpu", "tokens_per_batch": 64}
    with Told(results / "store", "model") as kept:
        ask(tokens, lambda: load(folder / "model", settings), kept, model="m", benchmark="e")
        parquet.write(assemble(tokens, kept, asked=""), results / "responses.parquet", RESPONSES)


def _killed_run(folder, results, stop_after):
    """How many answers a process got that was killed with -9 after so many tables of them."""
    code = "import sys; from pathlib import Path; from test_ask import run_tiny; run_tiny(*map(Path, sys.argv[1:]))"
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", code, folder, results],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    answers = sum(int(process.stdout.readline()) for _ in range(stop_after))
    process.kill()
    assert process.wait() == -signal.SIGKILL
    return answers


def test_a_real_model_killed_with_9_and_run_again_gives_the_same_bytes(
    tmp_path, monkeypatch, capsys
):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
    }
    LlamaForCausalLM(
        LlamaConfig(vocab_size=100, bos_token_id=0, eos_token_id=1, **sizes)
    ).save_pretrained(tmp_path / "model")
    vocabulary = Tokenizer(
        models.WordLevel({f"w{number}": number for number in range(100)}, unk_token="w2")
    )
    PreTrainedTokenizerFast(
        tokenizer_object=vocabulary, bos_token="w0", eos_token="w1"
    ).save_pretrained(tmp_path / "model")
    rng = np.random.default_rng(0)
    header = rng.integers(2, 100, 12).tolist()
    questions = [header + rng.integers(2, 100, 1 + doc % 5).tolist() for doc in range(20)]
    answers = [[(0, [choice + 3, doc + 2]) for choice in range(4)] for doc in range(20)]
    rows = [_row(doc, "multiple_choice", [questions[doc]], answers[doc]) for doc in range(20)]
    rows += [
        _row(doc, "generate_until", [rng.integers(2, 100, 3 + doc % 4).tolist()], generation=GREEDY)
        for doc in range(10)
    ]
    parquet.write(_tokens(rows), tmp_path / "tokens.parquet", TOKENS)
    monkeypatch.setattr("snakeval.inference.store.ROWS_AT_RISK", 1)
    run_tiny(tmp_path, tmp_path / "a")
    assert sum(map(int, capsys.readouterr().out.split())) == 90
    before = _killed_run(tmp_path, tmp_path / "b", stop_after=3)
    assert not (tmp_path / "b" / "responses.parquet").exists()
    run_tiny(tmp_path, tmp_path / "b")
    assert 0 < sum(map(int, capsys.readouterr().out.split())) <= 90 - before
    assert (tmp_path / "a" / "responses.parquet").read_bytes() == (
        tmp_path / "b" / "responses.parquet"
    ).read_bytes()

"""Asking: every distinct call once, in the planned batches, the same bytes after interruption."""

import io
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from builders.benchmark_calls import GREEDY, Fake, infer, mixed, row, run_tiny, tokens
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.inference import energy
from snakeval.inference.ask import ask
from snakeval.inference.assemble import assemble
from snakeval.inference.store import Store
from snakeval.inference.timings import summed
from snakeval.schemas.model import RESPONSES, TIMINGS, TOKENS


def test_a_passage_has_no_answer_where_no_window_has_one(tmp_path):
    """The window without an answer is the surest one."""

    class Silent(Fake):
        def text(self, call):
            return super().text(call) | {"text": "" if call.context[0] < 3 else "found"}

    windows = {"generation": GREEDY, "offsets": [[0, 1], [1, 2]], "passage": "ab"}
    rows = [
        row(0, "generate_until", [[1, 1], [5, 2]], **windows),
        row(1, "generate_until", [[1, 3], [2, 2]], **windows),
    ]
    responses, _ = infer(tmp_path, tokens(rows), Silent())
    assert responses["texts"].to_pylist() == [["found"], [""]]


def test_responses_of_every_kind(tmp_path):
    responses, timings = infer(tmp_path, mixed(), Fake(batch=1))
    rows = responses.to_pylist()
    assert responses.schema.equals(RESPONSES)
    assert [len(row["loglikelihoods"]) for row in rows] == [3, 2, 3, 0, 0, 0, 0, 0, 1]
    expected = -(1 + 4 + 9) - 4 / 7
    assert math.isclose(rows[0]["loglikelihoods"][0], expected, rel_tol=1e-6)
    assert rows[8]["loglikelihoods"] == rows[0]["loglikelihoods"][:1]
    assert rows[0]["greedy"] == [False, True, True]
    assert rows[0]["n_tokens"] == [1, 2, 1]
    samples = [f"[8, 7] {sample}" for sample in range(3)]
    texts = [["[8, 8] 0"], samples, ["[8, 7] 0"] * 2, ["[2, 2] 0"]]
    assert [row["texts"] for row in rows[4:8]] == texts
    assert rows[5]["finish_reasons"] == ["stop"] * 3
    assert rows[7]["n_tokens"] == [3]
    assert timings.schema.equals(TIMINGS)
    spent = timings.to_pylist()[0]
    assert (spent["requests"], spent["duplicates"], spent["from_store"]) == (18, 2, 0)
    assert (spent["engine"], spent["device"], spent["peak_bytes"]) == ("fake", "paper", 5)


def test_energy_is_given_where_the_device_counts_it_and_adds_up_only_then(tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "of_processors", list)
    _, silent = infer(tmp_path / "silent", mixed(), Fake())
    readings = iter(range(10_000_000, 10**9, 2_000_000))
    monkeypatch.setattr(energy, "of_processors", lambda: [energy.Counter(lambda: next(readings))])
    _, counted = infer(tmp_path / "counted", mixed(), Fake())
    _, known = infer(tmp_path / "counted", mixed(), Fake())
    found = [table["energy_joules"].to_pylist() for table in (silent, counted, known)]
    assert found == [[None], [2.0], [0.0]]
    assert summed([counted, known])["energy_joules"].to_pylist() == [2.0]
    assert summed([counted, silent])["energy_joules"].to_pylist() == [None]


def test_each_distinct_call_is_asked_once_and_never_again(tmp_path):
    first, second = Fake(), Fake()
    responses, _ = infer(tmp_path, mixed(), first)
    assert len(first.asked) == len(set(first.asked)) == 16
    moved = pa.concat_tables([mixed().slice(5), mixed().slice(0, 5)])
    renamed = moved.set_column(1, "task", pa.array(["other"] * len(moved)))
    again, timings = infer(tmp_path, renamed, second)
    assert second.asked == []
    texts = responses["texts"].to_pylist()
    assert again["texts"].to_pylist() == texts[5:] + texts[:5]
    assert timings["from_store"].to_pylist() == [16]


def test_no_engine_is_loaded_when_nothing_is_missing(tmp_path):
    infer(tmp_path, mixed(), Fake())

    def never():
        raise AssertionError("loaded")

    timings = ask(mixed(), never, Store(tmp_path, "model"), model="m", benchmark="e")
    assert timings["engine"].to_pylist() == [None]


def test_a_larger_benchmark_computes_only_what_is_new(tmp_path):
    infer(tmp_path, mixed().slice(0, 4), Fake())
    engine = Fake()
    infer(tmp_path, mixed(), engine)
    assert len(engine.asked) == 16 - 8


@pytest.mark.parametrize("stop_after", [0, 1, 5, 11, 30, 50])
def test_interrupted_and_resumed_gives_the_same_bytes(tmp_path, stop_after):
    rng = np.random.default_rng(0)
    prompts = [rng.integers(1, 9, 5).tolist() for _ in range(15)]
    rows = [
        row(doc, "multiple_choice", [prompt], [(0, [choice, doc]) for choice in range(3)])
        for doc, prompt in enumerate(prompts)
    ]
    rows += [row(doc, "generate_until", [[doc, 3]], generation=GREEDY) for doc in range(15)]
    undisturbed, _ = infer(tmp_path / "a", tokens(rows), Fake())
    engine = Fake(stop_after)
    with pytest.raises(KeyboardInterrupt):
        infer(tmp_path / "b", tokens(rows), engine)
    again = Fake()
    resumed, _ = infer(tmp_path / "b", tokens(rows), again)
    assert not set(engine.asked) & set(again.asked)
    assert len(engine.asked) + len(again.asked) == 60
    for name, table in (("a", undisturbed), ("b", resumed)):
        parquet.write(table, tmp_path / f"{name}.parquet", RESPONSES)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_a_log_likelihood_that_is_not_a_number_is_an_error_and_is_not_stored(tmp_path):
    class Broken(Fake):
        def loglikelihood(self, call, together):
            value = float("nan" if call.context[0] == 9 else "-inf")
            return super().loglikelihood(call, together) | {"loglikelihood": value}

    expected = r"m, t, document 1: the log-likelihood is not a number.*float32"
    with pytest.raises(UserError, match=expected):
        infer(tmp_path, mixed(), Broken(batch=1))
    responses, _ = infer(tmp_path, mixed(), Fake(batch=1))
    found = responses["loglikelihoods"].to_pylist()
    assert not any(math.isnan(value) for values in found for value in values)


def test_an_engine_that_leaves_calls_out_is_a_defect(tmp_path):
    class Lazy(Fake):
        def plan(self, calls):
            return super().plan(calls)[1:]

    with pytest.raises(RuntimeError, match="does not hold each of 16 requests once"):
        infer(tmp_path, mixed(), Lazy())

    class Silent(Fake):
        def answer(self, calls):
            return (table for n, table in enumerate(super().answer(calls)) if n)

    with pytest.raises(RuntimeError, match="m, e: 16 requests, but"):
        infer(tmp_path, mixed(), Silent())


def test_outputs_that_the_store_lost_are_missed(tmp_path):
    infer(tmp_path, mixed().slice(0, 4), Fake())
    expected = r"9 of 18 outputs are missing.*Delete shards/m and run again"
    with pytest.raises(UserError, match=expected):
        assemble(mixed(), Store(tmp_path, "model"), model="m", called="shards/m")


def test_nothing_to_do(tmp_path):
    responses, timings = infer(tmp_path, TOKENS.empty_table(), None)
    assert len(responses) == 0 and responses.schema.equals(RESPONSES)
    assert timings["requests"].to_pylist() == [0]


def test_progress_goes_to_the_terminal(tmp_path, monkeypatch):
    monkeypatch.setattr("snakeval.jobs.progress.SILENT_SECONDS", 0.0)
    terminal = io.StringIO()
    with Store(tmp_path, "model") as store:
        ask(mixed(), Fake, store, model="small", benchmark="mmlu", terminal=terminal)
    assert terminal.getvalue().startswith("small mmlu: 16 of 16 requests (100 %)")


def _killed_run(folder, results, stop_after):
    """How many outputs a process got that was killed with -9 after `stop_after` tables of them."""
    code = (
        "import sys; from pathlib import Path; from builders.benchmark_calls import run_tiny; "
        "run_tiny(*map(Path, sys.argv[1:]))"
    )
    path = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    command = [sys.executable, "-c", code, folder, results]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    outputs = sum(int(process.stdout.readline()) for _ in range(stop_after))
    process.kill()
    assert process.wait() == -signal.SIGKILL
    return outputs


def _save_tiny_model(folder):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    sizes |= {"num_attention_heads": 2, "max_position_embeddings": 64}
    config = LlamaConfig(vocab_size=100, bos_token_id=0, eos_token_id=1, **sizes)
    LlamaForCausalLM(config).save_pretrained(folder)
    words = models.WordLevel({f"w{number}": number for number in range(100)}, unk_token="w2")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(words), bos_token="w0", eos_token="w1"
    )
    tokenizer.save_pretrained(folder)


def test_a_real_model_killed_with_9_and_run_again_gives_the_same_bytes(
    tmp_path, monkeypatch, capsys
):
    _save_tiny_model(tmp_path / "model")
    rng = np.random.default_rng(0)
    header = rng.integers(2, 100, 12).tolist()
    questions = [header + rng.integers(2, 100, 1 + doc % 5).tolist() for doc in range(20)]
    answers = [[(0, [choice + 3, doc + 2]) for choice in range(4)] for doc in range(20)]
    rows = [row(doc, "multiple_choice", [questions[doc]], answers[doc]) for doc in range(20)]
    prompts = [rng.integers(2, 100, 3 + doc % 4).tolist() for doc in range(10)]
    rows += [
        row(doc, "generate_until", [prompt], generation=GREEDY)
        for doc, prompt in enumerate(prompts)
    ]
    parquet.write(tokens(rows), tmp_path / "tokens.parquet", TOKENS)
    monkeypatch.setattr("snakeval.inference.store.ROWS_AT_RISK", 1)
    run_tiny(tmp_path, tmp_path / "a")
    assert sum(map(int, capsys.readouterr().out.split())) == 90
    before = _killed_run(tmp_path, tmp_path / "b", stop_after=3)
    assert not (tmp_path / "b" / "responses.parquet").exists()
    run_tiny(tmp_path, tmp_path / "b")
    assert 0 < sum(map(int, capsys.readouterr().out.split())) <= 90 - before
    files = [tmp_path / folder / "responses.parquet" for folder in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()

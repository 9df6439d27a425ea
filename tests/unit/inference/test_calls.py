"""Calls of documents: as token ids, as text and as chat turns, through the store and shards."""

import numpy as np
import pyarrow as pa
import pytest
from builders.benchmark_calls import GREEDY, infer, mixed

from snakeval.backends.calls import (
    GENERATE,
    LOGLIKELIHOOD,
    TEXT,
    TURNS,
    Output,
    read_calls,
    write_outputs,
)
from snakeval.backends.protocol import Counters
from snakeval.errors import UserError
from snakeval.files import benchmark_files, parquet
from snakeval.inference.ask import ask, ask_benchmarks
from snakeval.inference.assemble import assemble
from snakeval.inference.calls import from_requests, from_tokens, of_requests
from snakeval.inference.store import Store, keys
from snakeval.schemas.model import CALLS, TIMINGS
from snakeval.schemas.task import REQUESTS


class Server:
    """Answers text and turns with what was said: a stand-in for a model behind a server."""

    description, device, max_length = "server", "elsewhere", 10**9
    flops_per_token, peak_flops, precision = 0.0, 1.0, "unknown"
    forms = (TEXT, TURNS)

    def __init__(self):
        self.counters, self.asked = Counters(), []

    def plan(self, calls):
        read_calls(calls, (LOGLIKELIHOOD, GENERATE), self.max_length, self.forms)
        order = np.argsort(calls["key"].to_numpy(zero_copy_only=False).astype(str))
        return [order[start : start + 3] for start in range(0, len(order), 3)]

    def answer(self, calls):
        for call in read_calls(calls, (LOGLIKELIHOOD, GENERATE), self.max_length, self.forms):
            self.asked.append(call.key)
            yield write_outputs([self._output(call)])

    def alone(self, calls):
        yield from self.answer(calls)

    def _output(self, call):
        if call.kind == LOGLIKELIHOOD:
            value = -len(call.text) - len(call.continuation_text) / 8
            return Output(call.key, len(call.continuation_text), value, True)
        turns = call.turns or [{"role": "text", "text": call.text}]
        said = "|".join(f"{turn['role']}: {turn['text']}" for turn in turns)
        return Output(call.key, 5, text=f"{said} #{call.sample}", finish_reason="stop")

    def peak_bytes(self):
        return 0


def _request(doc, kind="generate_until", question="2+2?", task="sums", **more):
    system = {"role": "system", "text": "Add.", "delimiter": "\n", "document": None}
    shot = {"role": "user", "text": "1+1?", "delimiter": " ", "document": 0}
    answer = {"role": "assistant", "text": "2", "delimiter": "\n", "document": 0}
    names = {"task": task, "doc_id": doc, "kind": kind, "document": "{}", "segments": []}
    prompt = {"preamble": [system, shot, answer], "questions": [question]}
    prompt |= {"question_delimiter": " ", "continuations": [], "target_delimiter": " "}
    rest = {"chat_target_delimiter": "", "choices": [], "gold": [], "references": []}
    generation = GREEDY if kind == "generate_until" else None
    return names | prompt | rest | {"generation": generation} | more


def _table(*rows):
    return pa.Table.from_pylist(list(rows), REQUESTS)


def _choice(doc=0, **more):
    pieces = [{"question": 0, "text": text} for text in ("four", "five")]
    columns = {"continuations": pieces, "question_delimiter": ""} | more
    return _request(doc, "multiple_choice", **columns)


def test_calls_of_every_kind():
    calls, documents = from_tokens(mixed())
    assert documents.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 4, 5, 5, 5, 6, 6, 7, 7, 7, 8]
    rows = calls.to_pylist()
    kinds = ["loglikelihood"] * 8 + ["generate"] * 6 + ["extract"] * 3 + ["loglikelihood"]
    assert [row["kind"] for row in rows] == kinds
    contexts = [*[[1, 2, 3]] * 3, [1, 2], [9, 2], [0], [5], [6], [8, 8], *[[8, 7]] * 5]
    contexts += [[3, 1], [2, 2], [2, 3], [1, 2, 3]]
    assert [row["context"] for row in rows] == contexts
    continuations = [[4], [5, 6], [7], [4], [4], [3, 5], [4, 6], [1], *[[]] * 9, [4]]
    assert [row["continuation"] for row in rows] == continuations
    assert [row["token_types"] for row in rows] == [None] * 3 + [[0, 0], [0, 1]] + [None] * 13
    assert [row["offsets"] for row in rows] == [None] * 14 + [[0, 1], [1, 2], [2, 3]] + [None]
    assert [row["passage"] for row in rows] == [None] * 14 + ["abc"] * 3 + [None]
    assert [row["sample"] for row in rows] == [0] * 9 + [0, 1, 2, 0, 1] + [0] * 4
    samples = [(row["generation"] or {}).get("samples") for row in rows]
    assert samples == [None] * 8 + [1, 3, 3, 3, 2, 2] + [None] * 4
    assert all(row["text"] is row["continuation_text"] is row["turns"] is None for row in rows)


def test_a_text_to_generate_for_is_the_plain_prompt_once_per_sample():
    requests = _table(_request(0), _request(1, generation=GREEDY | {"samples": 2}))
    calls, documents = from_requests(requests, system_prompt="Be brief.")
    assert documents.tolist() == [0, 1, 1]
    rows = calls.to_pylist()
    assert rows[0]["text"] == "Be brief.\nAdd.1+1? 2\n2+2? "
    assert [row["sample"] for row in rows] == [0, 0, 1]
    assert [row["kind"] for row in rows] == ["generate"] * 3
    assert all(row["context"] == row["continuation"] == [] for row in rows)
    assert all(row["turns"] is None for row in rows)


@pytest.mark.parametrize("multiturn", [True, False])
def test_a_chat_has_a_turn_for_each_message(multiturn):
    requests = _table(_request(0, gen_prefix="It is"))
    calls, _ = from_requests(requests, chat=True, fewshot_as_multiturn=multiturn)
    (call,) = calls.to_pylist()
    shots = [("user", "1+1?"), ("assistant", "2"), ("user", "2+2?")]
    users = shots if multiturn else [("user", "1+1? 2\n2+2?")]
    expected = [("system", "Add."), *users, ("assistant", "It is")]
    assert [(turn["role"], turn["text"]) for turn in call["turns"]] == expected
    assert call["text"] is None and call["context"] == []


def test_a_continuation_is_scored_after_its_text():
    rolling = {"questions": [], "continuations": [{"question": -1, "text": "A page."}]}
    requests = _table(
        _choice(),
        _choice(1, question_delimiter=" \n"),
        _request(2, "loglikelihood_rolling", **rolling),
    )
    calls, documents = from_requests(requests)
    assert documents.tolist() == [0, 0, 1, 1, 2]
    prompt = "Add.1+1? 2\n2+2?"
    assert [(row["text"], row["continuation_text"]) for row in calls.to_pylist()] == [
        (prompt, " four"),
        (prompt, " five"),
        (prompt, " \n four"),  # white space at the end of a context belongs to the continuation
        (prompt, " \n five"),
        ("", "A page."),
    ]
    assert calls["generation"].null_count == 5


def test_log_likelihoods_cannot_be_asked_in_a_chat():
    with pytest.raises(UserError, match=r"^sums: it scores log-likelihoods.*Set `chat: false`"):
        from_requests(_table(_choice()), chat=True)


def _keyed(**columns):
    empty = {"kind": "generate", "context": [], "continuation": [], "sample": 0}
    (key,) = keys(pa.Table.from_pylist([empty | columns], CALLS), "model", "").to_pylist()
    return key


def test_keys_cover_text_and_turns():
    def turns(*pairs):
        return _keyed(turns=[{"role": role, "text": text} for role, text in pairs])

    different = [
        _keyed(),
        _keyed(text=""),
        _keyed(text="a"),
        _keyed(text="ab"),
        _keyed(text="a", continuation_text=""),
        _keyed(text="a", continuation_text="b"),
        turns(),
        turns(("user", "a")),
        turns(("system", "a")),
        turns(("user", "a"), ("user", "")),
        turns(("user", "a"), ("assistant", "b")),
    ]
    assert len(set(different)) == len(different)
    assert turns(("user", "a")) == turns(("user", "a"))


def test_calls_of_token_ids_have_the_keys_they_had_before_text_was_a_form():
    """The first digits of the keys that these calls had without columns for text and turns."""
    found = keys(from_tokens(mixed())[0], "model", "tokenizer").to_pylist()
    expected = "525f664a dd393245 0b638626 bf2c3756 b28f9eeb c7ee511f 79b0a493 c55129af d6db5a1f"
    expected += " 5423a5af 85744166 f88b80a8 8f470716 8f470716 8aea4807 8448cfc8 04c82989 525f664a"
    assert [key[:8] for key in found] == expected.split()


def _mixed_requests(chat):
    requests = [_request(doc, question=f"{doc}+2?") for doc in range(7)]
    sampled = GREEDY | {"do_sample": True, "samples": 3}
    requests += [_request(7, question="0+2?", generation=sampled)]
    return _table(*requests, *([] if chat else [_choice(8), _choice(9)]))


@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize("shards", [1, 3])
def test_a_model_without_a_tokenizer_answers_text_and_chats(tmp_path, chat, shards):
    requests, source = _mixed_requests(chat), of_requests(chat=chat, system_prompt="Be brief.")
    who = {"model": "m", "benchmark": "sums", "source": source}
    engines = [Server() for _ in range(shards)]
    with Store(tmp_path, "model") as store:
        for number, engine in enumerate(engines, 1):
            ask(requests, lambda engine=engine: engine, store, shard=(number, shards), **who)
        responses = assemble(requests, store, model="m", called="", source=source).to_pylist()
    asked = [key for engine in engines for key in engine.asked]
    expected = 7 + 3 if chat else 7 + 3 + 2  # both choice documents have the same content
    assert len(asked) == len(set(asked)) == expected
    said = "Be brief.\nAdd."
    if chat:
        text = f"system: {said}|user: 1+1?|assistant: 2|user: 3+2? #0"
    else:
        text = f"text: {said}1+1? 2\n3+2?  #0"
        loglikelihood = -len(f"{said}1+1? 2\n2+2?") - 5 / 8
        assert responses[8]["loglikelihoods"] == responses[9]["loglikelihoods"]
        assert responses[8]["loglikelihoods"] == [loglikelihood] * 2
        assert responses[8]["greedy"] == [True, True] and responses[8]["texts"] == []
    assert responses[3]["texts"] == [text]
    assert (responses[3]["model"], responses[3]["task"], responses[3]["doc_id"]) == ("m", "sums", 3)
    assert [sample[-2:] for sample in responses[7]["texts"]] == ["#0", "#1", "#2"]
    again = Server()
    repeated, timings = infer(tmp_path, requests, again, source, benchmark="sums")
    assert again.asked == [] and repeated.to_pylist() == responses
    assert timings["from_store"].to_pylist() == [expected]


def test_benchmarks_of_requests_are_asked_as_those_of_tokens_are(tmp_path):
    parquet.write(_mixed_requests(True), tmp_path / "requests" / "sums.parquet", REQUESTS)
    files = {"sums": tmp_path / "requests" / "sums.parquet"}
    benchmark_files.write_list(tmp_path / "index.parquet", files)
    engine, output = Server(), tmp_path / "calls.parquet"
    for _ in range(2):
        with Store(tmp_path / "store", "model") as store:
            ask_benchmarks(
                *(tmp_path / "index.parquet", output, tmp_path / "calls", ["made of this"]),
                *(lambda: engine, store),
                model="m",
                shard=(1, 1),
                source=of_requests(chat=True),
            )
        assert benchmark_files.read(output, "sums", TIMINGS)["requests"].to_pylist() == [10]
    assert len(engine.asked) == 10


def test_an_engine_refuses_a_form_that_it_does_not_take(tmp_path):
    class TextOnly(Server):
        forms = (TEXT,)

    with pytest.raises(ValueError, match=r"^call [0-9a-f]{64}: is sent as turns, but .* text$"):
        infer(tmp_path, _table(_request(0)), TextOnly(), of_requests(chat=True))
    with pytest.raises(ValueError, match=r"is sent as tokens, but this engine takes text, turns"):
        infer(tmp_path, mixed(), Server())

"""Each planted fault is found, and nothing is found in clean requests."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from builders.scoring_tables import EMPTY_REQUEST, settings

from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.preflight import documents, findings, forecast, prompts, rehearsal
from snakeval.sandbox.execution import Runner
from snakeval.schemas.model import FORECAST
from snakeval.schemas.run import PREFLIGHT
from snakeval.schemas.task import REQUESTS
from snakeval.tokens.encode import Encoder, encode_requests

GENERATION = {
    "until": ["\n\n"], "max_new_tokens": 8, "do_sample": False, "temperature": 0.0, "top_p": 1.0,
    "top_k": 0, "repetition_penalty": 1.0, "samples": 1, "seed": 0,
}  # fmt: skip
SCORING = {"t": settings("multiple_choice", ["acc"])}


def choice(question, **changes):
    """A document with two choices."""
    choices = changes.pop("choices", ["yes", "no"])
    row = {"questions": [question], "choices": choices, "gold": [0], "references": [choices[0]]}
    return {
        "kind": "multiple_choice",
        **row,
        "continuations": [{"question": 0, "text": text} for text in choices],
    } | changes


def written(question, references=("blue",), **changes):
    """A document whose answer is generated."""
    return {
        "kind": "generate_until",
        "questions": [question],
        "references": list(references),
        "generation": GENERATION,
    } | changes


def table(*rows, task="t"):
    return pa.Table.from_pylist(
        [EMPTY_REQUEST | {"task": task, "doc_id": number} | row for number, row in enumerate(rows)],
        REQUESTS,
    )


def shot(question, answer):
    turns = [("user", question, " "), ("assistant", answer, "\n\n")]
    return [
        {"role": role, "text": text, "delimiter": delimiter, "document": 3}
        for role, text, delimiter in turns
    ]


def system(text):
    return [{"role": "system", "text": text, "delimiter": "\n", "document": None}]


def checks(found):
    return [(finding.check, finding.documents, finding.of, finding.example) for finding in found]


CLEAN = table(
    choice("Is the sky blue?", preamble=system("Answer.") + shot("Is grass red?", "no")),
    choice("Is snow black?", gold=[1], references=["no"]),
    written("What is the colour of the sky?", preamble=shot("Of grass?", "green")),
    {
        "kind": "loglikelihood_rolling",
        "questions": [],
        "continuations": [{"question": -1, "text": "A text.\n\nAnd more."}],
        "references": ["A text."],
    },
)


# documents

FAULTS = {
    "duplicate": (
        [choice("Is it?"), choice("Is it not?"), choice("Is it?")],
        [("duplicate", 1, 3, 2)],
    ),
    "the same question with another answer": (
        [choice("Is it?"), choice("Is it?", choices=["no", "yes"])],
        [],
    ),
    "few-shot example": (
        [
            choice("Is it?", preamble=shot("Is it?", "yes")),
            choice("Is it not?", preamble=shot("Is it?", "yes")),
        ],
        [("few_shot_leak", 1, 2, 0)],
    ),
    "few-shot example with another answer": ([choice("Is it?", preamble=shot("Is it?", "no"))], []),
    "blank continuation": (
        [choice("Is it?"), choice("Is it not?", choices=["yes", " \n"])],
        [("blank_continuation", 1, 2, 1)],
    ),
    "a right choice that the data set hides": (
        [choice("Is it?", gold=[-1]), choice("Is he?", gold=[])],
        [("no_right_choice", 2, 2, 0)],
    ),
    "no right choice": ([choice("Is it?", gold=[-100])], [("no_right_choice", 1, 1, 0)]),
    "stop string in the answer": (
        [written("What?", ["red\n\nand blue"]), written("Who?")],
        [("stop_in_reference", 1, 2, 0)],
    ),
    "stop string in one of two answers": ([written("What?", ["red\n\nand blue", "red"])], []),
    "stop string around the answer": ([written("What?", ["\n\nred\n\n"])], []),
}


@pytest.mark.parametrize(("rows", "expected"), FAULTS.values(), ids=FAULTS)
def test_faults_of_documents(rows, expected):
    assert checks(documents.check(table(*rows), "e", SCORING)) == expected


def test_clean_documents():
    assert documents.check(CLEAN, "e", SCORING) == []
    assert documents.check(CLEAN.slice(0, 0), "e", SCORING) == []


@pytest.mark.parametrize(
    "own", [{"unsafe_code": True}, {"process_results": {"!function": "utils.score"}}]
)
def test_references_that_are_not_answers_may_contain_stop_strings(own):
    scoring = {"t": replace(SCORING["t"], **own)}
    assert documents.check(table(written("Write.", ["a\n\nb"])), "e", scoring) == []


def test_a_task_that_scores_itself_needs_no_right_choice():
    own = {"t": replace(SCORING["t"], process_results={"!function": "utils.score"})}
    assert documents.check(table(choice("Is it?", gold=[])), "e", own) == []


def test_each_task_has_its_own_findings():
    tables = [table(choice("Is it?"), choice("Is it?"), task=task) for task in ("a", "b")] + [
        table(choice("Is it?"), task="c")
    ]
    found = documents.check(pa.concat_tables(tables), "e", {})
    assert [(finding.task, finding.documents, finding.of) for finding in found] == [
        ("a", 1, 2),
        ("b", 1, 2),
    ]


# rehearsal


def rehearse(rows, runner=None, allow_functions=True, **how):
    scoring = {"t": replace(settings(rows[0]["kind"], ["acc"]), **how)}
    return rehearsal.check(
        table(*rows), "e", scoring, allow_functions=allow_functions, runner=runner
    )


@pytest.mark.parametrize(
    ("rows", "how", "message"),
    [
        (
            [choice("Is it?")] * 3,
            {"metric_list": [{"metric": "akk"}]},
            "answers cannot be scored: t: metric akk",
        ),
        (
            [written("Which?")],
            {"metric_list": [{"metric": "bleu", "tokenize": "nope"}]},
            "answers cannot be scored: KeyError: 'nope'. Check the options of metrics and filters",
        ),
        (
            [written("Which?")],
            {"metric_list": [{"metric": "exact_match", "regexes_to_ignore": 5}]},
            "answers cannot be scored: TypeError: 'int' object is not iterable. Check the options",
        ),
        (
            [written("What?")],
            {"metric_list": [{"metric": "exact_match", "ignore_cas": True}]},
            "ignore_cas",
        ),
        (
            [written("What?")],
            {
                "metric_list": [{"metric": "exact_match"}],
                "filter_list": [{"name": "n", "filter": [{"function": "regx"}]}],
            },
            "regx",
        ),
        (
            [written("What?")],
            {"metric_list": [{"metric": "no_such/metric", "hf_evaluate": True}]},
            "scoring downloads nothing",
        ),
        ([written("What?")], {"metric_list": [{"metric": "pass@2"}]}, "Raise `repeats`"),
        (
            [written("What?")],
            {"metric_list": [{"metric": "tests_passed"}], "unsafe_code": True},
            "Set allow_code: sandbox to permit it",
        ),
    ],
)
def test_faults_of_scoring(rows, how, message):
    (found,) = rehearse([row | {"doc_id": number} for number, row in enumerate(rows)], **how)
    assert (found.check, found.severity, found.documents, found.of, found.example) == (
        "scoring",
        "error",
        len(rows),
        len(rows),
        None,
    )
    assert message in found.message


def test_scoring_that_works():
    assert rehearse([choice("Is it?"), choice("Is it not?")]) == []
    assert (
        rehearse(
            [written("What?", generation=GENERATION | {"samples": 3})],
            metric_list=[{"metric": "pass@2"}],
        )
        == []
    )
    rolling = {
        "kind": "loglikelihood_rolling",
        "questions": [],
        "continuations": [{"question": -1, "text": "A text."}],
    }
    assert rehearse([rolling], metric_list=[{"metric": "word_perplexity"}]) == []


def test_programs_are_rehearsed():
    try:
        Runner().check()
    except UserError as error:
        pytest.skip(str(error))
    row, how = (
        written("Write.", ["assert True"]),
        {"metric_list": [{"metric": "tests_passed"}], "unsafe_code": True},
    )
    assert rehearse([row], Runner(), **how) == []


# prompts


@pytest.fixture(scope="module")
def tokenizer(repository):
    from transformers import AutoTokenizer

    return lambda **options: AutoTokenizer.from_pretrained(
        repository / "resources" / "demo" / "tiny", local_files_only=True, **options
    )


def look(requests, tokenizer, *, begin=True, **settings):
    """Findings of a tokenizer with these settings. `begin`: it puts BOS before every text."""
    from tokenizers.processors import TemplateProcessing

    bos = [("<s>", tokenizer.bos_token_id)]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A" if begin else "$A", special_tokens=bos
    )
    encoder = Encoder(tokenizer, "causal", **({"max_length": 512} | settings))
    encoded = encode_requests(requests, encoder, model="m")
    cuts = [(0, 1), (1, len(requests))]  # the workflow reads a large benchmark in parts
    seen = [prompts.observe(requests.slice(*cut), encoded.slice(*cut), encoder) for cut in cuts]
    found = prompts.check(pa.concat_tables(seen), encoder, model="m", benchmark="e")
    assert found == prompts.check(
        prompts.observe(requests, encoded, encoder), encoder, model="m", benchmark="e"
    )
    return found


TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
    "{% endfor %}<|im_start|>assistant\n"
)


def test_clean_prompts(tokenizer):
    assert look(CLEAN, tokenizer()) == []
    assert look(CLEAN, tokenizer(), begin=False) == []
    assert look(CLEAN, tokenizer(), begin=False, add_bos=True) == []
    chat = tokenizer()
    chat.chat_template = TEMPLATE
    assert look(CLEAN, chat, chat=True) == []


def test_bos_twice(tokenizer):
    rows = [choice("Is it?"), choice("<s><s>Is it not?")]
    assert checks(look(table(*rows), tokenizer())) == [("bos_doubled", 1, 2, 1)]
    (found,) = look(table(rows[1], rows[1] | {"gold": [1]}), tokenizer())
    assert found.severity == "error"


def test_bos_missing(tokenizer):
    assert checks(look(table(choice("Is it?")), tokenizer(), add_bos=False)) == [
        ("bos_missing", 1, 1, 0)
    ]
    assert checks(look(table(choice("Is it?"), choice("<s>Is it?")), tokenizer(), begin=False)) == [
        ("bos_missing", 1, 2, 0)
    ]


def test_chat_template_twice_or_unused(tokenizer):
    chat = tokenizer()
    chat.chat_template = TEMPLATE
    rows = [
        choice("Is it?"),
        choice("<|im_start|>user\nIs it not?"),
        choice("Or?", preamble=shot("[INST] Is it? [/INST]", "yes")),
    ]
    (found,) = look(table(*rows), chat, chat=True)
    assert checks([found]) == [("chat_twice", 2, 3, 1)] and found.severity == "warning"
    (found,) = look(table(*rows[1:]), chat, chat=True)
    assert found.severity == "error"
    assert checks(look(table(*rows), chat)) == [("chat_unused", 3, 3, 0)]


def test_prompts_that_do_not_fit(tokenizer):
    long, shots = choice("Is it? " * 40), choice("Is it?", preamble=shot("Was it? " * 40, "no"))
    assert checks(look(table(choice("Is it?"), long), tokenizer(), max_length=64)) == [
        ("truncated", 1, 2, 1)
    ]
    assert checks(look(table(shots), tokenizer(), max_length=64, on_overflow="drop_shots")) == [
        ("dropped_shots", 1, 1, 0)
    ]
    short = table(written("What?", generation=GENERATION | {"max_new_tokens": 100}))
    assert checks(look(short, tokenizer(), max_length=64)) == [("short_answer", 1, 1, 0)]


def test_no_requests_give_no_findings(tokenizer):
    assert look(CLEAN.slice(0, 0), tokenizer()) == []


# findings


def finding(**changes):
    values = {
        "model": "m",
        "benchmark": "e",
        "task": "e",
        "check": "c",
        "severity": "warning",
        "documents": 2,
        "of": 3,
        "example": 7,
        "message": "correct it",
    }
    return findings.Finding(**values | changes)


def test_lines_show_how_many_where_and_what_to_do():
    rows = findings.table(
        [finding(), finding(model=None, severity="error", check="b", example=None)]
    )
    assert findings.lines(rows) == [
        "error: e: b: 2 of 3 documents: correct it",
        "warning: m, e: c: 2 of 3 documents, first 7: correct it",
    ]
    many = findings.table([finding(task=f"t{number}") for number in range(5)])
    assert findings.lines(many) == [
        "warning: m, e (t0, t1, t2 and 2 more): c: 10 of 15 documents, first 7: correct it"
    ]


def test_errors_stop_and_warnings_do_not(tmp_path):
    parquet.write(findings.table([finding()]), tmp_path / "warning.parquet", PREFLIGHT)
    parquet.write(
        findings.table([finding(severity="error")]), tmp_path / "error.parquet", PREFLIGHT
    )
    assert len(findings.stop_on_errors([tmp_path / "warning.parquet"])) == 1
    with pytest.raises(UserError) as stopped:
        findings.stop_on_errors([tmp_path / "warning.parquet", tmp_path / "error.parquet"])
    assert (
        str(stopped.value) == "preflight found errors that would ruin the run:\n"
        "error: m, e: c: 2 of 3 documents, first 7: correct it"
    )


# forecast


def test_counts_are_those_of_the_tokens(tokenizer, repository):
    encoder = Encoder(tokenizer(), "causal", 512)
    encoded = encode_requests(CLEAN, encoder, model="m")
    folder = repository / "resources" / "demo" / "tiny"
    counts = [forecast.count(encoded.slice(0, 1)), forecast.count(encoded.slice(1))]
    load = forecast.load(counts, folder, model="m", benchmark="e")
    rows = encoded.to_pylist()
    assert load["documents"] == 4 and load["requests"] == 2 + 2 + 1 + 1
    assert load["prompt_tokens"] == sum(len(context) for row in rows for context in row["contexts"])
    assert load["scored_tokens"] == sum(
        len(piece["ids"]) for row in rows for piece in row["continuations"]
    )
    assert load["generated_tokens"] == 8
    assert load["weights_bytes"] == (folder / "model.safetensors").stat().st_size
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, tie_word_embeddings=False)
    saved = {id(parameter): parameter.numel() for parameter in model.parameters()}
    assert load["parameters"] <= sum(saved.values()) and load["parameters"] == sum(
        np.prod(shape) for shape in shapes_in(folder).values()
    )
    cache = model(input_ids=__import__("torch").tensor([[1, 2, 3]]), use_cache=True).past_key_values
    assert load["cache_numbers"] * 3 == sum(
        layer.keys.numel() + layer.values.numel() for layer in cache.layers
    )


def shapes_in(folder: Path):
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", "np") as file:
        return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118


def test_time_and_memory_follow_from_the_devices():
    row = {
        "model": "m",
        "benchmark": "e",
        "documents": 1,
        "requests": 1,
        "prompt_tokens": 900,
        "scored_tokens": 100,
        "generated_tokens": 64,
    }
    row |= {
        "longest": 1000,
        "parameters": 10**9,
        "weights_bytes": 2 * 10**9,
        "cache_numbers": 10**5,
        "memory_bytes": None,
        "seconds": None,
    }
    row |= {"gpus": None, "threads": None}
    loads = pa.Table.from_pylist([row], FORECAST)

    def of(dtype="auto", gpus=0, threads=1):
        (found,) = forecast.forecast(
            loads, {"m": dtype}, {"m": {"gpus": gpus, "threads": threads}}
        ).to_pylist()
        assert (found["gpus"], found["threads"]) == (gpus, threads)
        return found["seconds"], found["memory_bytes"]

    assert of(threads=2) == (pytest.approx(2e9 * 1064 / 5e10), (10**9 + 10**8) * 2)
    assert of(gpus=1)[0] == pytest.approx(2e12 / 1e14 + 2e9 / 1e12)
    assert of(dtype="float32")[1] == (10**9 + 10**8) * 4
    unknown = pa.Table.from_pylist([row | {"parameters": None}], FORECAST)
    assert forecast.forecast(unknown, {"m": "auto"}, {"m": {"gpus": 0, "threads": 1}})[
        "seconds"
    ].to_pylist() == [None]

"""Documents become requests: parts of a prompt, few-shot examples, errors that name a document."""

import json
from collections import Counter

import pyarrow as pa
import pytest

from snakeval.errors import UserError
from snakeval.files import parquet
from snakeval.prompts import turns
from snakeval.requests.build import build_requests
from snakeval.schemas.columns import NO_GOLD
from snakeval.schemas.task import REQUESTS
from snakeval.tasks import resolution

TASK = """\
task: t
dataset_path: d
training_split: train
test_split: test
output_type: multiple_choice
doc_to_text: "Q: {{question}}"
doc_to_target: answer
doc_to_choice: choices
"""
GENERATE = TASK.replace("multiple_choice", "generate_until").replace("doc_to_choice: choices\n", "")


def documents(count: int, start: int = 0) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "question": f"is it {n}?",
                "choices": ["yes", f"no {n}"],
                "answer": n % 2,
                "passage": f"p{n // 2}",
            }
            for n in range(start, start + count)
        ]
    )


@pytest.fixture
def build(tmp_path):
    """A function from a task file, or one with changes, and splits to rows of REQUESTS."""

    def _build(text, *, splits=None, module="", overrides=None, num_fewshot=None, **options):
        (tmp_path / "t.yaml").write_text(text, encoding="utf-8")
        (tmp_path / "own.py").write_text(module, encoding="utf-8")
        benchmark = {"name": "t", "num_fewshot": num_fewshot, "overrides": overrides or {}}
        (task,) = resolution.resolve(benchmark, [tmp_path]).tasks
        splits = splits or {"train": documents(12, 100), "test": documents(6)}
        table = build_requests(task.request_settings(), splits, **options)
        assert table.schema == REQUESTS
        return table.to_pylist()

    return _build


def error(build, *arguments, **options):
    with pytest.raises(UserError) as caught:
        build(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_choice(build):
    row = build(TASK)[1]
    assert row | {"document": None} == {
        "task": "t",
        "doc_id": 1,
        "kind": "multiple_choice",
        "preamble": [],
        "questions": ["Q: is it 1?"],
        "question_delimiter": "",
        "gen_prefix": None,
        "continuations": [{"question": 0, "text": "yes"}, {"question": 0, "text": "no 1"}],
        "target_delimiter": " ",
        "chat_target_delimiter": "",
        "choices": ["yes", "no 1"],
        "gold": [1],
        "references": ["no 1"],
        "segments": [],
        "generation": None,
        "cluster": None,
        "document": None,
    }
    assert json.loads(row["document"]) == documents(6).to_pylist()[1]


def test_generation(build):
    row = build(
        GENERATE + "generation_kwargs: {until: [x], temperature: 0.5}\nrepeats: 4\n", seed=7
    )[0]
    assert row["continuations"] == [] and row["choices"] == [] and row["gold"] == []
    assert row["references"] == ["0"]
    assert row["generation"] == {
        "until": ["x"],
        "max_new_tokens": 256,
        "do_sample": True,
        "temperature": 0.5,
        "top_p": 1.0,
        "top_k": 0,
        "repetition_penalty": 1.0,
        "samples": 4,
        "seed": 7,
    }


def test_loglikelihood_and_rolling(build):
    text = GENERATE.replace("generate_until", "loglikelihood").replace(
        "doc_to_target: answer", "doc_to_target: '{{\" \" + passage}}'"
    )
    row = build(text)[0]
    assert row["continuations"] == [{"question": 0, "text": " p0"}]
    assert (row["target_delimiter"], row["references"], row["generation"]) == ("", [" p0"], None)
    row = build(text.replace("loglikelihood", "loglikelihood_rolling"), num_fewshot=2)[0]
    assert (row["questions"], row["preamble"]) == ([], [])
    assert row["continuations"] == [{"question": -1, "text": " p0"}]


def test_a_text_that_only_looks_like_a_list_stays_a_text(build):
    for text in ("[sic]", "[{[1]: 2}]"):
        assert build(GENERATE, overrides={"doc_to_target": f"{{{{{text!r}}}}}"})[0][
            "references"
        ] == [text]


def test_contexts_that_vary(build):
    keys = {
        "doc_to_text": "{{answer}}",
        "doc_to_target": "passage",
        "metric_list": [{"metric": "acc_mutual_info"}],
    }
    row = build(TASK, overrides=keys, num_fewshot=1)[1]
    assert row["questions"] == ["yes", "no 1"]
    assert row["continuations"] == [
        {"question": 0, "text": "p0"},
        {"question": 1, "text": "p0"},
        {"question": -1, "text": "yes"},
        {"question": -1, "text": "no 1"},
    ]
    assert row["gold"] == [1] and row["references"] == ["p0"] and row["choices"] == ["yes", "no 1"]
    assert row["preamble"][1]["text"].startswith("p5")


def test_our_own_columns(build):
    keys = {"cluster": "passage", "encoder_inputs": ["question", "{{passage}} of {{answer}}"]}
    rows = build(TASK, overrides=keys)
    assert [row["cluster"] for row in rows] == ["p0", "p0", "p1", "p1", "p2", "p2"]
    assert rows[3]["segments"] == ["is it 3?", "p1 of 1"]


@pytest.mark.parametrize(
    ("prefix", "question_delimiter", "chat_delimiter"),
    [("So", " ", " "), ("So ", " ", ""), (" So", "", " "), ("\n", "", "")],
)
def test_the_start_of_the_answer(build, prefix, question_delimiter, chat_delimiter):
    row = build(TASK, overrides={"gen_prefix": prefix}, num_fewshot=1)[0]
    assert (row["gen_prefix"], row["question_delimiter"], row["chat_target_delimiter"]) == (
        prefix,
        question_delimiter,
        chat_delimiter,
    )
    assert row["preamble"][1]["text"].startswith(prefix)


def test_a_right_answer_that_is_not_among_the_choices(build):
    assert {row["gold"][0] for row in build(TASK, overrides={"doc_to_target": "passage"})} == {
        NO_GOLD
    }
    assert build(TASK, overrides={"doc_to_target": "{{[1, 5]}}"})[0]["gold"] == [1, NO_GOLD]


@pytest.mark.parametrize(
    "target", [-(2**40), -(10**30), 10**30, "9" * 5000, "[" + "-" * 100_000 + "1]"]
)
def test_a_right_answer_out_of_every_range(build, target):
    assert build(TASK, overrides={"doc_to_target": target})[0]["gold"] == [NO_GOLD]


def test_a_question_of_thousands_of_digits(build):
    assert build(TASK, overrides={"doc_to_text": "7" * 5000})[0]["questions"] == ["7" * 5000]


# few-shot examples


def shots(row):
    return [turn["document"] for turn in row["preamble"] if turn["role"] == "user"]


def test_examples_carry_their_row_and_delimiters(build):
    row = build(TASK, num_fewshot=1, overrides={"description": "Answer. "})[0]
    system, user, assistant = row["preamble"]
    assert (system["role"], system["text"], system["delimiter"], system["document"]) == (
        "system",
        "Answer. ",
        "",
        None,
    )
    shown = documents(12, 100).to_pylist()[user["document"]]
    assert (user["text"], user["delimiter"]) == (f"Q: {shown['question']}", " ")
    assert (assistant["text"], assistant["delimiter"]) == (
        shown["choices"][shown["answer"]],
        "\n\n",
    )
    assert (
        turns.plain(row)[0] == f"Answer. Q: {shown['question']} {assistant['text']}\n\nQ: is it 0?"
    )


@pytest.mark.parametrize("sampler", ["hash", "lm_eval", "first_n"])
def test_a_prompt_does_not_depend_on_the_limit(build, sampler):
    keys = {"fewshot_config": {"sampler": sampler}}
    everything = build(TASK, num_fewshot=3, overrides=keys)
    assert build(TASK, num_fewshot=3, overrides=keys, limit=2) == everything[:2]


def test_a_prompt_by_hash_depends_only_on_document_task_and_seed(build):
    test = documents(6)
    backwards = test.take(list(range(5, -1, -1)))
    there = {row["document"]: row["preamble"] for row in build(TASK, num_fewshot=3)}
    back = {
        row["document"]: row["preamble"]
        for row in build(
            TASK, num_fewshot=3, splits={"train": documents(12, 100), "test": backwards}
        )
    }
    assert there == back
    assert [shots(row) for row in build(TASK, num_fewshot=3, seed=2)] != [
        shots(row) for row in build(TASK, num_fewshot=3, seed=3)
    ]
    assert len({tuple(shots(row)) for row in build(TASK, num_fewshot=3)}) > 1


def test_more_examples_by_hash_begin_with_the_fewer(build):
    for few, more in zip(build(TASK, num_fewshot=2), build(TASK, num_fewshot=5), strict=True):
        assert shots(more)[:2] == shots(few)
        assert len(set(shots(more))) == 5


def test_examples_by_hash_are_drawn_evenly(build):
    rows = build(TASK, num_fewshot=2, splits={"train": documents(10, 1000), "test": documents(600)})
    counts = Counter(row for document in rows for row in shots(document))
    assert set(counts) == set(range(10))
    assert all(
        80 < count < 165 for count in counts.values()
    )  # 120 expected, standard deviation below 10


@pytest.mark.parametrize("sampler", ["hash", "lm_eval", "first_n"])
def test_the_evaluated_document_is_never_its_own_example(build, sampler):
    test = pa.concat_tables([documents(4), documents(2)])
    overrides = {"fewshot_split": "test", "fewshot_config": {"sampler": sampler}}
    rows = build(TASK, num_fewshot=2, overrides=overrides, splits={"test": test})
    for row in rows:
        assert json.loads(row["document"])["question"] not in [
            turn["text"][3:] for turn in row["preamble"]
        ]
        assert len(shots(row)) == 2


@pytest.mark.parametrize("sampler", ["hash", "first_n"])
def test_a_document_with_a_nan_is_never_its_own_example(build, sampler):
    test = documents(4).append_column("measured", pa.array([float("nan")] * 4))
    overrides = {"fewshot_split": "test", "fewshot_config": {"sampler": sampler}}
    rows = build(TASK, num_fewshot=3, overrides=overrides, splits={"test": test})
    assert [sorted(shots(row)) for row in rows] == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]


def test_indices_restrict_the_pool(build):
    rows = build(TASK, num_fewshot=2, overrides={"fewshot_config": {"fewshot_indices": [3, 5, 7]}})
    assert {row for document in rows for row in shots(document)} == {3, 5, 7}
    message = error(
        build, TASK, num_fewshot=2, overrides={"fewshot_config": {"fewshot_indices": [3, 12]}}
    )
    assert "fewshot_indices: no row 12. The split has 12 rows" in message


@pytest.mark.parametrize("sampler", ["hash", "lm_eval", "first_n"])
def test_too_few_examples(build, sampler):
    message = error(build, TASK, num_fewshot=13, overrides={"fewshot_config": {"sampler": sampler}})
    assert message == (
        "t: document 0: the split has fewer than 13 other documents for few-shot examples. "
        "Lower num_fewshot or choose a larger fewshot_split."
    )


# functions of the task


MODULE = """
def twice(docs):
    return docs.map(lambda doc: {"question": doc["question"] * 2})

def none(docs):
    return docs.select([])

def fail(doc):
    return doc["nowhere"]
"""


def test_process_docs_changes_prompts_examples_and_the_shown_document(build):
    row = build(TASK + "process_docs: !function own.twice\n", module=MODULE, num_fewshot=1)[0]
    assert row["questions"] == ["Q: is it 0?is it 0?"]
    assert json.loads(row["document"])["question"] == "is it 0?is it 0?"
    assert row["preamble"][0]["text"].count("is it") == 2


def test_functions_run_only_when_allowed(build):
    text = TASK + "process_docs: !function own.twice\n"
    assert (
        "process_docs: !function own.twice is Python. Set `allow_functions: true` to run it."
        in error(build, text, module="raise SystemExit", allow_functions=False)
    )


def test_a_function_that_fails_is_named_with_the_document(build):
    message = error(
        build,
        TASK.replace("doc_to_target: answer", "doc_to_target: !function own.fail"),
        module=MODULE,
    )
    assert (
        "t.yaml:7: t: document 0: doc_to_target: !function own.fail raised KeyError: 'nowhere'"
        in message
    )


def test_no_documents(build):
    assert "split test: no documents" in error(build, TASK, splits={"test": documents(0)})
    assert "split test: no documents" in error(
        build, TASK + "process_docs: !function own.none\n", module=MODULE
    )
    assert "no split 'test'. Use one of dev, train." in error(
        build, TASK, splits={"dev": documents(1), "train": documents(1)}
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "doc_to_text",
            "{{questoin}}",
            "document 0: doc_to_text: 'questoin' is undefined. The document has question, choices",
        ),
        (
            "doc_to_text",
            "questoin",
            "document 0: doc_to_text: no column 'questoin', only question, choices",
        ),
        ("doc_to_text", "{{question", "document 0: doc_to_text: template, line 1: "),
        ("doc_to_text", "{{question + 1}}", "document 0: doc_to_text: template: TypeError"),
        (
            "doc_to_text",
            "{{question.__class__.__mro__}}",
            "document 0: doc_to_text: template: SecurityError",
        ),
        (
            "doc_to_text",
            "choices",
            "document 0: doc_to_text: gave ['yes', 'no 0'], which is not a text",
        ),
        (
            "doc_to_choice",
            "{{choices[0]}}",
            "document 0: doc_to_choice: rendered to 'yes', which is not a list",
        ),
        (
            "doc_to_choice",
            "{{'[{[1]: 2}]'}}",
            "document 0: doc_to_choice: rendered to '[{[1]: 2}]', which is not a list",
        ),
        (
            "doc_to_choice",
            "question",
            "document 0: doc_to_choice: gave 'is it 0?', not a list of choices",
        ),
        ("doc_to_choice", [], "document 0: doc_to_choice: gave no choices"),
        ("cluster", "{{nothing}}", "document 0: cluster: 'nothing' is undefined"),
    ],
)
def test_errors_name_the_document(build, key, value, message):
    found = error(build, TASK, overrides={key: value})
    assert found.startswith(f"t: {message}")


def test_an_error_in_the_file_names_its_line(build, tmp_path):
    message = error(build, TASK.replace("{{question}}", "{{questoin}}"))
    assert message.startswith(
        f"{tmp_path}/t.yaml:6: t: document 0: doc_to_text: 'questoin' is undefined"
    )


def test_an_error_in_an_example_names_its_row(build):
    train = pa.Table.from_pylist([{"question": "x", "choices": ["a"], "answer": 4, "passage": ""}])
    message = error(build, TASK, num_fewshot=1, splits={"train": train, "test": documents(2)})
    assert message.endswith(
        "t.yaml:7: t: document 0: doc_to_target: few-shot example 0: gave 4, "
        "which is not an index of 1 choices. Correct the task or its data."
    )


def test_an_empty_choice_needs_a_delimiter(build):
    overrides = {"doc_to_choice": "{{['a', 'b' if answer == 0 else '']}}"}
    second = build(TASK, overrides=overrides)[1]
    assert [second["target_delimiter"] + piece["text"] for piece in second["continuations"]] == [
        " a",
        " ",
    ]
    message = error(build, TASK, overrides=overrides | {"target_delimiter": ""})
    assert message.startswith(
        "t: document 1: doc_to_choice: an empty text after an empty target_delimiter cannot be "
        "scored"
    )


def test_an_empty_target_of_a_loglikelihood(build):
    text = GENERATE.replace("generate_until", "loglikelihood").replace(
        "doc_to_target: answer", "doc_to_target: ''"
    )
    assert "document 0: doc_to_target: gave an empty text" in error(build, text)


def test_hostile_text_stays_as_it_is(build):
    question = "{{ 7 * 7 }} {% raw %} \u202e </s>\x00 \U0001f600"
    test = pa.Table.from_pylist(
        [{"question": question, "choices": ["{{x}}", "b"], "answer": 0, "passage": ""}]
    )
    row = build(TASK, splits={"test": test})[0]
    assert row["questions"] == ["Q: " + question]
    assert row["choices"] == ["{{x}}", "b"]


def test_more_documents_than_a_chunk_stay_in_order(build, tmp_path):
    rows = build(TASK, splits={"test": documents(2500)})
    assert [row["doc_id"] for row in rows] == list(range(2500))
    parquet.write(pa.Table.from_pylist(rows, schema=REQUESTS), tmp_path / "r.parquet", REQUESTS)
    assert parquet.read(tmp_path / "r.parquet", REQUESTS).to_pylist() == rows


def test_a_custom_data_set_is_passed_to_the_download(build, tmp_path):
    (tmp_path / "own.py").write_text("")
    text = (
        TASK.replace("dataset_path: d", "custom_dataset: !function own.make")
        + "metadata: {length: 5}\ndataset_kwargs: {depth: 2}\n"
    )
    (tmp_path / "t.yaml").write_text(text)
    wanted = resolution.resolve({"name": "t"}, [tmp_path]).tasks[0].dataset
    assert wanted["custom"]["!function"] == "own.make"
    assert wanted["arguments"] == {"length": 5, "depth": 2}
    assert wanted["path"] is None

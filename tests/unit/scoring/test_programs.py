"""Scores of programs: pass@k of tasks of ours and of lm-eval's, run in the sandbox."""

import gzip
import json

import pytest
from builders.scoring_tables import generated, rows, scored, tables, values

from snakeval.errors import UserError
from snakeval.metrics import code_eval
from snakeval.sandbox.execution import Runner
from snakeval.scoring.score import score_task
from snakeval.tasks import resolution

ADD = "assert add(2, 3) == 5"
RIGHT, WRONG = "def add(a, b): return a + b", "def add(a, b): return a - b"


@pytest.fixture(scope="module")
def runner():
    runner = Runner("sandbox", threads=2)
    try:
        runner.check()
    except UserError as error:
        pytest.skip(str(error))
    return runner


def test_pass_at_k_counts_the_programs_that_pass(runner):
    documents = [
        generated([RIGHT, WRONG, RIGHT, WRONG], [ADD]),
        generated([WRONG] * 4, [ADD]),
        generated([RIGHT] * 4, [ADD]),
    ]
    metrics = [
        {"metric": "pass@1", "of": "tests_passed"},
        {"metric": "pass@2", "of": "tests_passed", "seconds": 2},
    ]
    scores = scored("generate_until", documents, metrics, runner, unsafe_code=True)
    assert values(scores, "pass@1") == [0.5, 0.0, 1.0]
    assert values(scores, "pass@2") == [1 - (2 * 1) / (4 * 3), 0.0, 1.0]


def test_a_program_must_pass_every_reference(runner):
    documents = [
        generated([RIGHT], [ADD, "assert add(0, 0) == 0"]),
        generated([RIGHT], [ADD, "assert add(0, 0) == 1"]),
    ]
    scores = scored("generate_until", documents, ["tests_passed"], runner, unsafe_code=True)
    assert values(scores, "tests_passed") == [1.0, 0.0]


@pytest.mark.parametrize(
    ("unsafe", "given", "message"),
    [
        (True, None, "unsafe_code: scoring runs programs .* Set allow_code: sandbox to permit it"),
        (False, Runner(), "tests_passed: it runs programs .* Set unsafe_code: true in the task"),
    ],
)
def test_nothing_is_run_without_consent(unsafe, given, message):
    documents = [generated([RIGHT], [ADD])]
    with pytest.raises(UserError, match=message):
        scored("generate_until", documents, ["tests_passed"], given, unsafe_code=unsafe)


def test_the_prompt_goes_before_the_answer(runner):
    document = json.dumps({"prompt": "def add(a, b):\n"})
    documents = [generated(["    return a + b\n"], [ADD], document=document)]
    pipeline = [{"name": "program", "filter": [{"function": "prepend", "column": "prompt"}]}]
    names, how = ["tests_passed"], {"unsafe_code": True, "filter_list": pipeline}
    scores = scored("generate_until", documents, names, runner, **how)
    assert rows(scores, "tests_passed", "program")["prediction"].to_pylist() == [
        "def add(a, b):\n    return a + b\n"
    ]
    assert values(scores, "tests_passed", "program") == [1.0]
    pipeline[0]["filter"][0]["column"] = "head"
    message = r"filter prepend: document 0 .* has no column 'head'. Name one of prompt"
    with pytest.raises(UserError, match=message):
        scored("generate_until", documents, names, runner, **how)


def test_code_eval_gives_what_evaluate_documents(runner):
    """The example of the metric's card: pass@1 0.5, pass@2 1.0."""
    with code_eval.provided(runner):
        import evaluate

        metric = evaluate.load("code_eval")
    found, outcomes = metric.compute(references=[ADD], predictions=[[WRONG, RIGHT]], k=[1, 2, 3])
    assert found == {"pass@1": 0.5, "pass@2": 1.0}
    assert [(number, outcome["passed"], outcome["result"]) for number, outcome in outcomes[0]] == [
        (0, False, "failed: AssertionError: "),
        (1, True, "passed"),
    ]
    assert evaluate.load.__module__.startswith("evaluate")


@pytest.fixture(scope="module")
def problems(real_data):
    with gzip.open(real_data / "humaneval" / "HumanEval.jsonl.gz") as file:
        return [json.loads(line) for line in file][:20]


@pytest.mark.parametrize("answer", ["right", "wrong"])
@pytest.mark.parametrize("own", [True, False], ids=["ours", "lm_eval"])
def test_humaneval(runner, problems, repository, own, answer):
    folders = [repository / "config" / "tasks"] if own else ["lm_eval"]
    item = {"name": "humaneval", "id": "humaneval", "num_fewshot": None, "limit": None}
    (task,) = resolution.resolve(item | {"overrides": {}}, folders).tasks

    def answered(p):
        text = p["canonical_solution"] if answer == "right" else "    return None\n"
        tests = f"{p['test']}\ncheck({p['entry_point']})"
        return generated([text], [tests], document=json.dumps(p), task="humaneval")

    documents = [answered(problem) for problem in problems]
    requests, responses = tables("generate_until", documents)
    names = responses.schema.get_field_index("task")
    responses = responses.set_column(names, "task", requests["task"])
    scores = score_task(requests, responses, task.scoring_settings(), runner=runner)
    assert set(scores["metric"].to_pylist()) == {"pass@1"}
    assert scores["value"].to_pylist() == [float(answer == "right")] * len(problems)

"""The machine, the modes, and real programs."""

import gzip
import itertools
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from builders.sandboxed import RUN, outcome

from snakeval.errors import UserError
from snakeval.sandbox import launch
from snakeval.sandbox.execution import Runner


def test_where_nothing_isolates_there_is_an_error_with_the_remedy(monkeypatch):
    monkeypatch.setattr(launch, "FLAGS", ("-c", REFUSED))
    with pytest.raises(UserError, match="set allow_code: weak") as refused:
        RUN.check()
    cause = "cannot isolate programs that the model wrote (unshare: Operation not permitted)"
    assert f"{cause}. Allow unprivileged user namespaces" in str(refused.value)


REFUSED = """
import json, sys
sys.path.insert(0, __import__('os').path.dirname(sys.argv[1]) + '/../..')
from snakeval.sandbox import launch, namespaces
def refuse(packages): raise OSError(1, 'unshare: Operation not permitted')
namespaces.enter = refuse
print(json.dumps(launch.main(json.loads(sys.argv[2]))), flush=True)
"""


def test_another_machine_is_refused(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(UserError, match="on Linux on x86_64 or aarch64 only"):
        RUN("", "")


def test_the_weak_mode_runs_as_the_user_and_still_starts_nothing(tmp_path):
    weak = Runner("weak")
    (tmp_path / "file").write_text("seen")
    tmp_path.chmod(0o755)
    assert outcome(f"open({str(tmp_path / 'file')!r}).read()", runner=weak) == "'seen'"
    assert "Error" in outcome("__import__('os').fork()", runner=weak)
    assert "Error" in outcome("__import__('socket').socket()", runner=weak)
    assert "SECRET" not in outcome("dict(__import__('os').environ)", runner=weak)
    folder = outcome("__import__('os').getcwd()", runner=weak).strip("'")
    assert folder.startswith("/tmp") and not Path(folder).exists()


@pytest.fixture(scope="module")
def problems(real_data):
    with gzip.open(real_data / "humaneval" / "HumanEval.jsonl.gz") as file:
        return {problem["task_id"]: problem for problem in map(json.loads, file)}


def checks_of(problem):
    return f"{problem['test']}\ncheck({problem['entry_point']})"


def passed(programs, problems):
    """Which programs, by task, pass the tests of their problem."""

    def run(task):
        return RUN(programs[task], checks_of(problems[task])).passed

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(programs, pool.map(run, programs), strict=True))


def test_humaneval_canonical_solutions_pass(problems):
    programs = {task: p["prompt"] + p["canonical_solution"] for task, p in problems.items()}
    assert all(passed(programs, problems).values())


def test_humaneval_mutations_fail(problems):
    """Solutions that give a wrong answer: the right one in a list, None, or another object."""

    def wrapped(problem):
        name, right = problem["entry_point"], problem["prompt"] + problem["canonical_solution"]
        return f"{right}\n_right = {name}\ndef {name}(*a): return [_right(*a)]"

    def nothing(problem):
        return f"{problem['prompt']}    return None\n"

    def other(problem):
        return f"def {problem['entry_point']}(*a): return object()"

    mutations = itertools.cycle([wrapped, nothing, other])
    programs = {task: next(mutations)(problem) for task, problem in problems.items()}
    assert not any(passed(programs, problems).values())


def test_published_completions_score_as_without_a_sandbox(problems, real_data, tmp_path):
    """Each verdict is that of plain Python. WizardCoder-15B has a published pass@1 of 59.8 %."""
    lines = (real_data / "humaneval" / "wizardcoder_15b_samples.jsonl").read_text().splitlines()
    programs = {record["task_id"]: record["completion"] for record in map(json.loads, lines)}

    def plain(task):
        file = tmp_path / f"{task.replace('/', '-')}.py"
        file.write_text(f"{programs[task]}\n{checks_of(problems[task])}")
        command = [sys.executable, "-S", str(file)]
        try:
            run = subprocess.run(command, capture_output=True, timeout=20, cwd=tmp_path)
        except subprocess.TimeoutExpired:
            return False
        return run.returncode == 0

    ours = passed(programs, problems)
    with ThreadPoolExecutor(2) as pool:
        assert ours == dict(zip(programs, pool.map(plain, programs), strict=True))
    rate, n = sum(ours.values()) / len(ours), len(ours)
    assert abs(rate - 0.598) < 3 * (0.598 * 0.402 / n) ** 0.5

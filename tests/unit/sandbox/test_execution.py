"""Programs that try to get out of the sandbox, or to be called right without being right. They run as whoever runs the tests."""

import ast
import gzip
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from builders.hostile_programs import (
    CLAIMS,
    DAEMON,
    DESCRIPTORS,
    FILL,
    FLOOD,
    FORKS,
    GROW,
    HONEST,
    SEARCH,
    TESTS,
    THREADS,
)

from snakeval.errors import UserError
from snakeval.sandbox import launch
from snakeval.sandbox.confinement import Limits
from snakeval.sandbox.execution import Runner

RUN = Runner()
SHORT = Limits(seconds=0.4)  # by the clock 1.2


@pytest.fixture(scope="module", autouse=True)
def _needs_a_sandbox():
    try:
        RUN.check()
    except UserError as error:
        pytest.skip(str(error))


def outcome(expression, program="", limits=None, runner=RUN):
    """What an expression gives inside the sandbox, as text, or the exception it raises."""
    source = f"{program}\ndef attempt():\n    return repr({expression})"
    return runner(source, "assert False, attempt()", limits).reason.removeprefix("AssertionError: ")


def test_a_right_program_passes_and_a_wrong_one_does_not():
    assert RUN("def add(a, b): return a + b", "assert add(2, 3) == 5").passed
    assert RUN("def add(a, b): return a * b", "assert add(2, 3) == 5").reason == "AssertionError: "
    assert RUN("def add(a, b)", "").reason.startswith("SyntaxError")
    assert RUN("", "assert add(2, 3) == 5").reason == "NameError: name 'add' is not defined"
    assert RUN("x = '\ud800'\0", "").passed is False


# what the program can see


def test_files_of_the_user_are_not_there(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("password")
    secret.chmod(0o644)
    for path in (
        secret,
        "/etc/passwd",
        "/etc/hostname",
        "/proc/self/environ",
        "/sys",
        "/dev/tty",
        __file__,
    ):
        assert "FileNotFoundError" in outcome(f"__import__('os').stat({str(path)!r})"), path
    python = [Path(sys.base_prefix), Path(pytest.__file__)]
    for folder in ("/", "/tmp", Path.home()):  # of the others, what leads to Python alone
        listed = outcome(f"__import__('os').listdir({str(folder)!r})")
        seen = [] if "FileNotFoundError" in listed else ast.literal_eval(listed)
        own = {"/": {"usr", "lib", "lib32", "lib64", "nix", "gnu", "dev", "tmp"}}.get(folder, set())
        assert all(
            name in own or any(path.is_relative_to(Path(folder, name)) for path in python)
            for name in seen
        ), seen


@pytest.mark.parametrize("held", [0, 1100])
def test_no_descriptor_leads_out(held):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    with (
        ExitStack() as files
    ):  # what is handed to the sandbox has numbers above those of files that are open already
        for _ in range(held):
            files.enter_context(Path(os.devnull).open())
        found = ast.literal_eval(outcome("descriptors()", DESCRIPTORS))
    assert [d for d, _ in found[:3]] == [0, 1, 2] and {kind for _, kind in found[:3]} == {
        2
    }  # /dev/null
    assert [kind for _, kind in found[3:]] == [12]  # the socket to the checker


def test_environment_and_arguments_hold_nothing_of_the_user(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "password")
    assert "password" not in outcome("dict(__import__('os').environ)")
    assert outcome("__import__('os').environ.get('HOME')") == "'/tmp'"
    assert outcome("__import__('socket').gethostname()") == "'sandbox'"


def test_no_privileges_are_left():
    assert outcome("__import__('os').geteuid() == 0") == "False"
    for call in ("setuid(0)", "chroot('/tmp')"):
        assert re.match("OSError|PermissionError", outcome(f"__import__('os').{call}"))
    for call in (
        "unshare(0x10000000)",
        "mount(b'none', b'/tmp', b'tmpfs', 0, None)",
        "ptrace(16, 1, 0, 0)",
        "setns(3, 0)",
    ):
        assert outcome(f"__import__('ctypes').CDLL(None).{call}") == "-1", call


# what the program can do


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"])
def test_no_socket(family):
    assert re.match(
        "OSError|PermissionError",
        outcome(f"__import__('socket').socket(__import__('socket').{family})"),
    )


def test_a_server_outside_is_not_reached():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        assert "Error" in outcome(
            f"__import__('urllib.request').request.urlopen('http://127.0.0.1:{server.getsockname()[1]}', timeout=1)"
        )
        with pytest.raises(TimeoutError):
            server.accept()


STARTS = [
    "os.fork()",
    "os.system('true')",
    "os.execv('/usr/bin/true', ['true'])",
    "os.posix_spawn('/usr/bin/true', ['true'], {})",
    "subprocess.run(['true'])",
    "multiprocessing.Process(target=print).start()",
]


@pytest.mark.parametrize("start", STARTS)
def test_no_process_is_started(start):
    found = outcome(start, "import os, subprocess, multiprocessing")
    assert re.match(
        "OSError|PermissionError|FileNotFoundError|(-1|32512)$", found
    )  # the last are what a shell that does not start gives


def test_a_fork_bomb_is_one_process():
    assert outcome("forks", FORKS) == "0"


def test_threads_are_few():
    assert 1 < int(outcome("started", THREADS)) < 64


def test_a_daemon_does_not_stay():
    marker = f"left-behind-{os.getpid()}"
    RUN(DAEMON.replace("MARKER", marker), "")
    assert not processes_with(marker) and not processes_with("sandbox/launch.py")


def processes_with(text):
    found = []
    for benchmark in Path("/proc").glob("[0-9]*"):
        try:
            if (
                text in (benchmark / "cmdline").read_text()
                and int((benchmark / "stat").read_text().rsplit(")")[1].split()[1]) == os.getpid()
            ):
                found.append(benchmark.name)
        except OSError:  # it ended meanwhile
            continue
    return found


def test_memory_is_limited():
    assert outcome("len([0] * 10**10)").startswith("MemoryError")
    assert outcome("grow()", GROW).startswith("MemoryError")
    for shared in ("shmget(0, 1 << 30, 0o1600)", "memfd_create(b'x', 0)", "msgget(0, 0o1600)"):
        assert outcome(f"__import__('ctypes').CDLL(None).{shared}") == "-1"


def test_disk_is_limited():
    assert int(outcome("fill()", FILL)) <= 64 << 20
    assert "OSError" in outcome("[open(str(n), 'w').close() for n in range(5000)]")
    assert "OSError" in outcome(
        "open('large', 'wb', 0).write(bytes(1 << 24)) + open('large', 'ab', 0).write(b'x')"
    )


def test_nothing_else_can_be_written():
    for folder in ("/", "/usr/lib", Path(os.__file__).parent, Path(pytest.__file__).parent, "/dev"):
        assert re.match(
            r"OSError|PermissionError", outcome(f"open({str(Path(folder, 'own.py'))!r}, 'w')")
        ), folder


def test_descriptors_are_limited():
    assert "Too many open files" in outcome("[open('/dev/null') for _ in range(1000)]")


@pytest.mark.parametrize("program", ["while True: pass", "import time\ntime.sleep(100)", "import signal\nsignal.pause()",
                                     "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass",
                                     "x = 10 ** 10 ** 10", "import re\nre.match('(a+)+b', 'a' * 100)"])  # fmt: skip
def test_time_is_limited(program):
    before = time.monotonic()
    assert RUN(program, "", SHORT).reason == "time"
    assert RUN("def f():\n    " + program.replace("\n", "\n    "), "f()", SHORT).reason == "time"
    assert time.monotonic() - before < 30


def test_output_leads_nowhere(capfd):
    assert RUN(FLOOD, "").passed
    assert RUN(FLOOD, "assert False").reason == "AssertionError: "
    assert RUN("answer = input()", "").reason.startswith("EOFError")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "target", ["os.getppid()", "0", "-1", "1", pytest.param(str(os.getpid()), id="the tester")]
)
def test_signals_reach_nobody_else(target):
    survived = []
    previous = signal.signal(signal.SIGUSR1, lambda *_: survived.append("reached"))
    try:
        for number in (signal.SIGKILL, signal.SIGUSR1, signal.SIGSTOP):
            assert RUN(
                f"import os\ntry: os.kill({target}, {int(number)})\nexcept OSError: pass", ""
            ).passed
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert not survived


def test_a_killed_parent_leaves_nothing_running():
    code = "from snakeval.sandbox.execution import Runner\nfrom snakeval.sandbox.confinement import Limits\nprint('go', flush=True)\n"
    code += "Runner()('import time\\ntime.sleep(50)', '', Limits(seconds=20))"
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert parent.stdout.readline() == b"go\n"
    deadline = time.monotonic() + 20
    while not (launcher := children_of(parent.pid)) or not (inside := children_of(launcher[0])):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    parent.kill()
    parent.communicate()
    while any(Path(f"/proc/{pid}").exists() for pid in [*launcher, *inside]):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def children_of(pid):
    try:
        return [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return []


# what the program can claim


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
@pytest.mark.parametrize("mode", ["sandbox", "weak"])
def test_a_verdict_cannot_be_claimed(claim, mode):
    assert not Runner(mode)(claim, TESTS, SHORT).passed


def test_an_iteration_cannot_be_ended_early():
    stop = "def right(x): raise StopIteration"
    assert RUN(stop, "assert all(map(right, [1, 2]))").reason.startswith("RuntimeError")


def test_the_tests_are_not_in_the_hands_of_the_program():
    assert RUN(
        SEARCH, "assert search('53724tnemom') == [], search('53724tnemom')\nassert 'moment42735'"
    ).passed


def test_tests_that_end_the_process_have_not_passed():
    assert RUN("", "import os; os._exit(0)").reason == "the tests ended the checker"
    assert RUN("", "import sys; sys.exit(0)").reason == "SystemExit: 0"
    assert RUN("", "while True: pass", SHORT).passed is False


# what honest programs return


@pytest.mark.parametrize(("program", "tests"), HONEST.values(), ids=HONEST)
def test_honest_programs_pass(program, tests):
    assert RUN(program, tests).reason == ""


def test_the_same_verdict_each_time():
    program = (
        "import random\ndef draw(): return random.random(), list({'a', 'b', 'c', 'd'}), hash('x')"
    )
    assert outcome("draw()", program) == outcome("draw()", program)


# the machine, the mode


def test_where_nothing_isolates_there_is_an_error_with_the_remedy(monkeypatch):
    monkeypatch.setattr(launch, "FLAGS", ("-c", REFUSED))
    with pytest.raises(UserError, match="set allow_code: weak") as refused:
        RUN.check()
    expected = "cannot be isolated on this machine (unshare: Operation not permitted); allow unprivileged user namespaces"
    assert expected in str(refused.value)


REFUSED = """
import json, sys
sys.path.insert(0, __import__('os').path.dirname(sys.argv[1]) + '/../..')
from snakeval.sandbox import launch, namespaces
def refuse(packages): raise OSError(1, 'unshare: Operation not permitted')
namespaces.enter = refuse
print(json.dumps(launch.main(json.loads(sys.argv[2]))), flush=True)
"""


def test_another_machine_is_told_so(monkeypatch):
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


# real problems


@pytest.fixture(scope="module")
def problems(real_data):
    with gzip.open(real_data / "humaneval" / "HumanEval.jsonl.gz") as file:
        return {problem["task_id"]: problem for problem in map(json.loads, file)}


def passed(programs, problems):
    def run(task):
        return RUN(
            programs[task], f"{problems[task]['test']}\ncheck({problems[task]['entry_point']})"
        ).passed

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(programs, pool.map(run, programs), strict=True))


def test_humaneval_canonical_solutions_pass(problems):
    assert all(
        passed(
            {task: p["prompt"] + p["canonical_solution"] for task, p in problems.items()}, problems
        ).values()
    )


def test_humaneval_mutations_fail(problems):
    """Solutions that give the wrong answer: None, the first argument, or what is right wrapped in a list."""
    wrapped = {task: f"{p['prompt']}{p['canonical_solution']}\n_right = {p['entry_point']}\ndef {p['entry_point']}(*a): return [_right(*a)]"
               for task, p in list(problems.items())[::3]}  # fmt: skip
    nothing = {task: f"{p['prompt']}    return None\n" for task, p in list(problems.items())[1::3]}
    argument = {
        task: f"def {p['entry_point']}(*a): return object()"
        for task, p in list(problems.items())[2::3]
    }
    assert not any(passed(wrapped | nothing | argument, problems).values())


def test_published_completions_score_as_without_a_sandbox(problems, real_data, tmp_path):
    """WizardCoder-15B, published pass@1 59.8 % over all 164 problems; of those here, each verdict is that of plain Python."""
    lines = (real_data / "humaneval" / "wizardcoder_15b_samples.jsonl").read_text().splitlines()
    programs = {record["task_id"]: record["completion"] for record in map(json.loads, lines)}

    def plain(task):
        file = tmp_path / f"{task.replace('/', '-')}.py"
        file.write_text(
            f"{programs[task]}\n{problems[task]['test']}\ncheck({problems[task]['entry_point']})"
        )
        try:
            return (
                subprocess.run(
                    [sys.executable, "-S", str(file)], capture_output=True, timeout=20, cwd=tmp_path
                ).returncode
                == 0
            )
        except subprocess.TimeoutExpired:
            return False

    ours = passed(programs, problems)
    with ThreadPoolExecutor(2) as pool:
        assert ours == dict(zip(programs, pool.map(plain, programs), strict=True))
    rate, n = sum(ours.values()) / len(ours), len(ours)
    assert abs(rate - 0.598) < 3 * (0.598 * 0.402 / n) ** 0.5

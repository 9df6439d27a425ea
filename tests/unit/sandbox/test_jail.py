"""What a program can see and do in the jail. The programs run as whoever runs the tests."""

import ast
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from builders.hostile_programs import DAEMON, DESCRIPTORS, FILL, FLOOD, FORKS, GROW, THREADS
from builders.sandboxed import RUN, SHORT, outcome


def test_files_of_the_user_are_not_there(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("password")
    secret.chmod(0o644)
    system = ["/etc/passwd", "/etc/hostname", "/proc/self/environ", "/sys", "/dev/tty"]
    for path in (secret, *system, __file__):
        assert "FileNotFoundError" in outcome(f"__import__('os').stat({str(path)!r})"), path
    python = [Path(sys.base_prefix), Path(pytest.__file__)]
    for folder in ("/", "/tmp", Path.home()):  # in them only what leads to Python is visible
        listed = outcome(f"__import__('os').listdir({str(folder)!r})")
        seen = [] if "FileNotFoundError" in listed else ast.literal_eval(listed)
        own = {"/": {"usr", "lib", "lib32", "lib64", "nix", "gnu", "dev", "tmp"}}.get(folder, set())
        for name in seen:
            place = Path(folder, name)
            assert name in own or any(path.is_relative_to(place) for path in python), seen


@pytest.mark.parametrize("held", [0, 1100])
def test_no_descriptor_leads_out(held):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    # the sandbox gets descriptors whose numbers are above those of files that are open already
    with ExitStack() as files:
        for _ in range(held):
            files.enter_context(Path(os.devnull).open())
        found = ast.literal_eval(outcome("descriptors()", DESCRIPTORS))
    assert [descriptor for descriptor, _ in found[:3]] == [0, 1, 2]
    assert {kind for _, kind in found[:3]} == {2}  # /dev/null
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


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"])
def test_no_socket(family):
    found = outcome(f"socket.socket(socket.{family})", "import socket")
    assert re.match("OSError|PermissionError", found)


def test_a_server_outside_is_not_reached():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        program = "import urllib.request"
        assert "Error" in outcome(f"urllib.request.urlopen({address!r}, timeout=1)", program)
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
    # the last two are what a shell that does not start gives
    assert re.match("OSError|PermissionError|FileNotFoundError|(-1|32512)$", found)


def test_a_fork_bomb_is_one_process():
    assert outcome("forks", FORKS) == "0"


def test_threads_are_few():
    assert 1 < int(outcome("started", THREADS)) < 64


def test_a_daemon_does_not_stay():
    marker = f"left-behind-{os.getpid()}"
    RUN(DAEMON.replace("MARKER", marker), "")
    assert not processes_with(marker) and not processes_with("sandbox/launch.py")


def processes_with(text):
    """Children of this process whose command line holds a text."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rsplit(")")[1].split()[1])
            if parent == os.getpid() and text in (process / "cmdline").read_text():
                found.append(process.name)
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
    large = "open('large', 'wb', 0).write(bytes(1 << 24)) + open('large', 'ab', 0).write(b'x')"
    assert "OSError" in outcome(large)


def test_nothing_else_can_be_written():
    for folder in ("/", "/usr/lib", Path(os.__file__).parent, Path(pytest.__file__).parent, "/dev"):
        found = outcome(f"open({str(Path(folder, 'own.py'))!r}, 'w')")
        assert re.match(r"OSError|PermissionError", found), folder


def test_descriptors_are_limited():
    assert "Too many open files" in outcome("[open('/dev/null') for _ in range(1000)]")


ENDLESS = [
    "while True: pass",
    "import time\ntime.sleep(100)",
    "import signal\nsignal.pause()",
    "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass",
    "x = 10 ** 10 ** 10",
    "import re\nre.match('(a+)+b', 'a' * 100)",
]


@pytest.mark.parametrize("program", ENDLESS)
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
def test_signals_reach_no_other_process(target):
    survived = []
    previous = signal.signal(signal.SIGUSR1, lambda *_: survived.append("reached"))
    try:
        for number in (signal.SIGKILL, signal.SIGUSR1, signal.SIGSTOP):
            program = f"import os\ntry: os.kill({target}, {int(number)})\nexcept OSError: pass"
            assert RUN(program, "").passed
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert not survived


SLEEPER = """
from snakeval.sandbox.confinement import Limits
from snakeval.sandbox.execution import Runner
print("go", flush=True)
Runner()("import time; time.sleep(50)", "", Limits(seconds=20))
"""


def test_a_killed_parent_leaves_nothing_running():
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SLEEPER]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
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

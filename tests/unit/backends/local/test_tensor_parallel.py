"""One model cut over two processes of the CPU gives what one process gives."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from builders import engine_models as tiny

from snakeval.backends.local import build
from snakeval.config.model import settings

REPOSITORY = Path(__file__).parents[4]
PROGRAM = """
import json, sys
sys.path[:0] = [{workflow!r}, {tests!r}]
from builders import engine_models as tiny
from snakeval.backends.local import build
from snakeval.config.model import settings
from snakeval.errors import UserError

try:
    loaded = build.load({folder!r}, settings(**{settings!r}))
    print("followers", *(follower.pid for follower in loaded._followers), flush=True)
    table = tiny.mixed_calls()
    found = tiny.answers(loaded, table)
    alone = [row for part in loaded.alone(table.slice(0, 2)) for row in part.to_pylist()]
    print(json.dumps([loaded.description, loaded.device, found, alone]))
except UserError as error:
    sys.exit(f"UserError: {{error}}")
{then}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in ("llama", "gpt2"):
        tiny.causal(name).save_pretrained(folder / name)
        tiny.tokenizer().save_pretrained(folder / name)
    return folder


def program(folder: Path, settings: dict, then: str = "") -> list[str]:
    names = {
        "workflow": str(REPOSITORY / "workflow"),
        "tests": str(REPOSITORY / "tests"),
        "folder": str(folder),
        "settings": settings,
    }
    return [sys.executable, "-c", textwrap.dedent(PROGRAM.format(**names, then=then))]


def run(folder: Path, code: str = "", **settings) -> subprocess.CompletedProcess:
    environment = os.environ | {
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": code,
    }
    return subprocess.run(
        program(folder, settings),
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
        check=False,
    )


def answers(done: subprocess.CompletedProcess) -> list:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("strategy", ["packed", "padded"])
def test_two_processes_answer_as_one(folder, strategy):
    here = build.load(folder / "llama", settings(dtype="float32", strategy=strategy))
    expected = tiny.answers(here, tiny.mixed_calls())
    alone = [row for part in here.alone(tiny.mixed_calls().slice(0, 2)) for row in part.to_pylist()]
    description, device, found, found_alone = answers(
        run(folder / "llama", dtype="float32", strategy=strategy, tensor_parallel=2)
    )
    assert description.startswith(f"causal/{strategy}") and device == "cpu, tensor-parallel over 2"
    assert {key: row["text"] for key, row in found.items()} == {
        key: row["text"] for key, row in expected.items()
    }
    for row, other in [
        *((found[key], expected[key]) for key in expected),
        *zip(found_alone, alone, strict=True),
    ]:
        assert row["loglikelihood"] == pytest.approx(other["loglikelihood"], abs=1e-4)


def test_an_architecture_that_cannot_be_cut_is_an_error(folder):
    done = run(folder / "gpt2", dtype="float32", tensor_parallel=2)
    assert done.returncode == 1
    assert (
        "transformers cannot load it (tensor_parallel: 2): ValueError" in done.stderr
        and "Traceback" not in done.stderr
    )


SMALL_MEMORY = """
import sys
sys.path.insert(0, {workflow!r})
import torch
from snakeval.backends.local.packed.passes import Passes

if ("snakeval.backends.local.follower" in sys.orig_argv) == {follower}:
    forward = Passes.forward

    def with_little(self, tokens, positions, layout):
        if len(tokens) > 50:  # more than the check of the engine calls for
            raise torch.OutOfMemoryError("no more")
        return forward(self, tokens, positions, layout)

    Passes.forward = with_little
"""


@pytest.mark.parametrize("follower", [False, True])
def test_one_of_them_without_memory_ends_all_instead_of_trying_alone(folder, tmp_path, follower):
    (tmp_path / "sitecustomize.py").write_text(
        SMALL_MEMORY.format(workflow=str(REPOSITORY / "workflow"), follower=follower)
    )
    done = run(
        folder / "llama", str(tmp_path), dtype="float32", strategy="packed", tensor_parallel=2
    )
    assert done.returncode == 1
    assert "out of memory on one GPU of several" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("victim", ["leader", "follower"])
def test_nobody_is_left_behind(folder, victim):
    waiting = "import time; time.sleep(600)"
    leader = subprocess.Popen(
        program(folder / "llama", {"dtype": "float32", "tensor_parallel": 2}, waiting),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    follower = int(leader.stdout.readline().split()[1])
    leader.stdout.readline()  # it has answered
    os.kill(leader.pid if victim == "leader" else follower, signal.SIGKILL)
    _, said = leader.communicate(timeout=60)
    assert leader.returncode == (-signal.SIGKILL if victim == "leader" else 1)
    assert victim == "leader" or "process 2 of the model ended with -9" in said
    end = time.monotonic() + 60
    while (
        Path(f"/proc/{follower}").exists()
        and "State:\tZ" not in Path(f"/proc/{follower}/status").read_text()
    ):
        assert time.monotonic() < end, "the follower lives on"
        time.sleep(0.1)


@pytest.mark.parametrize("device_map", ["auto", "balanced"])
def test_whole_layers_on_the_devices_of_a_map_answer_as_one(folder, device_map):
    alone = build.load(folder / "llama", settings(dtype="float32"))
    mapped = build.load(folder / "llama", settings(dtype="float32", device_map=device_map))
    expected = tiny.answers(alone, tiny.mixed_calls())
    assert tiny.answers(mapped, tiny.mixed_calls()) == expected

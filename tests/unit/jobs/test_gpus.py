"""Device leases: two jobs never share a device, and nobody gets less than was asked."""

import io
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import pytest

from snakeval.errors import UserError
from snakeval.jobs import gpus


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with two devices and a lock folder of its own."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "before")
    return {"CUDA_VISIBLE_DEVICES": "4,GPU-abc"}


def test_two_jobs_get_different_devices(machine):
    first = gpus.claim(1, 1, environment=machine)
    one = os.environ["CUDA_VISIBLE_DEVICES"]
    second = gpus.claim(1, 1, environment=machine)
    two = os.environ["CUDA_VISIBLE_DEVICES"]
    assert {one, two} == {"4", "GPU-abc"}
    assert len(first) == len(second) == 1


def test_a_job_of_two_gets_both(machine):
    held = gpus.claim(2, 2, environment=machine)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,GPU-abc"
    assert len(held) == 2


def test_no_gpu_wanted_hides_all(machine):
    terminal = io.StringIO()
    assert gpus.claim(0, 0, terminal, environment=machine) == []
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert (
        "on the CPU; `gpus: 1` would take one of the GPUs that this machine shows (4, GPU-abc)"
        in terminal.getvalue()
    )


def test_nothing_is_written_where_there_is_no_gpu_to_take(machine):
    terminal = io.StringIO()
    assert gpus.claim(0, 0, terminal, environment=machine | {"CUDA_VISIBLE_DEVICES": ""}) == []
    assert not terminal.getvalue()


def test_more_than_the_machine_has(machine):
    with pytest.raises(UserError, match=r"3 configured, this machine shows 2 \(4, GPU-abc\)"):
        gpus.claim(3, 3, environment=machine)


def test_less_than_configured_is_an_error(machine):
    message = "2 configured, 1 granted. Start Snakemake with --resources gpu=2 or more"
    with pytest.raises(UserError, match=message):
        gpus.claim(2, 1, environment=machine)


def test_a_device_is_free_again_after_kill_9(machine, tmp_path):
    holder = (
        "import time; from snakeval.jobs import gpus; held = gpus.claim(2, 2); "
        "print('held', flush=True); time.sleep(60)"
    )
    paths = {"TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    environment = os.environ | machine | paths
    process = subprocess.Popen(
        [sys.executable, "-c", holder], stdout=subprocess.PIPE, env=environment, text=True
    )
    assert process.stdout.readline() == "held\n"
    assert gpus._free(["4", "GPU-abc"], tmp_path / "snakeval-gpus" / "machine", 2) == {}
    process.kill()
    process.wait()
    assert len(gpus.claim(2, 2, environment=machine)) == 2


@pytest.fixture
def shared(monkeypatch):
    """A folder that other users reach, as they do not pytest's own."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o1777)
        monkeypatch.setattr("tempfile.gettempdir", lambda: folder)
        yield folder


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_device_that_another_user_had_is_free_for_the_next(machine, shared):
    before = os.umask(0o077)  # a user who by himself lets nobody read his files
    for lock in gpus.claim(2, 2, environment=machine):
        lock.close()
    os.umask(before)
    if (child := os.fork()) == 0:
        try:
            os.setuid(65534)
            os._exit(len(gpus.claim(2, 2, environment=machine)))
        except BaseException:
            traceback.print_exc()
            os._exit(100)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2


def test_a_lock_that_may_only_be_read_is_taken(machine):
    for lock in gpus.claim(2, 2, environment=machine):
        Path(lock.name).chmod(0o444)
        lock.close()
    assert len(gpus.claim(2, 2, environment=machine)) == 2


def test_each_slurm_allocation_numbers_its_own_devices(machine):
    held = gpus.claim(2, 2, environment=machine | {"SLURM_JOB_ID": "1"})
    assert len(held) == len(gpus.claim(2, 2, environment=machine | {"SLURM_JOB_ID": "2"}))


def test_a_machine_without_a_driver_has_none(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.visible({}) == []


@pytest.mark.parametrize(
    ("configured", "placed"),
    [
        ((0, "auto", None, 1), ("cpu", None, 1)),
        ((1, "auto", None, 1), ("cuda", None, 1)),
        ((4, "auto", None, 1), ("cuda", "auto", 1)),  # the layers are spread over four GPUs
        ((4, "auto", "balanced", 1), ("cuda", "balanced", 1)),
        ((4, "auto", None, 4), ("cuda", None, 4)),
        ((2, "cpu", None, 1), ("cpu", None, 1)),
    ],
)
def test_where_a_model_is_put(configured, placed):
    names = ("device", "device_map", "tensor_parallel")
    assert gpus.placement(*configured) == dict(zip(names, placed, strict=True))

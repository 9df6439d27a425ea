"""The same command on a real SLURM.

It gives the same bytes, keeps devices apart, and loses nothing when a process dies.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest
from builders import slurm_cluster

HARM = Path(__file__).parents[1] / "harm"
QUICK = ("--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5")
RESPONSES = "results/index/responses/tiny.parquet"
ON_GPU = {
    "tiny": {"source": "demo:tiny", "dtype": "float32", "gpus": 1, "device": "cpu", "shards": 3}
}

pytestmark = pytest.mark.xdist_group("slurm")  # one process starts it; others do not wait for it


@pytest.fixture(scope="module", autouse=True)
def slurm():
    if os.getuid():
        pytest.skip("a SLURM of our own needs root")
    # One for all that test on this machine: a second run of these tests would stop the first one's.
    with slurm_cluster.FOLDER.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        slurm_cluster.start()
        yield
        slurm_cluster.stop()


@pytest.fixture
def inferring(project):
    """A finished run on GPUs, in three shards, that lost all answers."""
    project.configure(models=ON_GPU)
    for part in (
        "calls",
        "responses",
        "scores",
        "store",
        "tables",
        "report",
        "index/calls",
        "index/responses",
        "index/scores",
    ):
        shutil.rmtree(project.results / part)
    return project


def command(project, *arguments):
    return [
        sys.executable,
        "-m",
        "snakemake",
        "--workflow-profile",
        "profiles/slurm",
        *QUICK,
        *arguments,
    ]


def harmful(project, *harms):
    """Environment that harms the first processes of scripts: calls.hang, calls.slow …"""
    folder = project.folder / "harm"
    folder.mkdir()
    for number, harm in enumerate(harms):
        (folder / f"{harm}.{number}").touch()
    return project.environment(PYTHONPATH=str(HARM), SNAKEVAL_HARM=str(folder))


def jobs(project, rule="calls"):
    """SLURM's jobs of a rule, by wildcards, in the order of their attempts."""
    found = defaultdict(list)
    for job in sorted(slurm_cluster.jobs(), key=lambda job: int(job["JobId"])):
        if job["WorkDir"] == str(project.folder) and job.get("Comment", "").startswith(
            f"rule_{rule}_"
        ):
            found[job["Comment"]].append(job)
    return found


def responses(project):
    """What the model answered, file by file."""
    return {
        file: content for file, content in project.tables().items() if file.startswith("responses/")
    }


def wait_for(condition, seconds=900):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)


def test_the_whole_run_and_its_gpus(finished, unstarted):
    """Two jobs get a device each, the third waits for one; the files are those of the local run."""
    unstarted.configure(models=ON_GPU)
    environment = harmful(unstarted, "calls.slow", "calls.slow")
    done = subprocess.run(
        command(unstarted), cwd=unstarted.folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert unstarted.tables() == finished.tables()
    notes = [line.split() for line in (unstarted.folder / "harm/notes").read_text().splitlines()]
    spans = {
        pid: (float(at), device)
        for script, pid, what, at, device in notes
        if (script, what) == ("calls", "begin")
    }
    ends = {
        pid: float(at) for script, pid, what, at, _ in notes if (script, what) == ("calls", "end")
    }
    first, second, third = sorted(spans, key=lambda pid: spans[pid])
    assert {spans[first][1], spans[second][1]} == {"0", "1"}
    assert spans[second][0] < ends[first]
    assert min(ends[first], ends[second]) < spans[third][0]
    assert all(
        job["Partition"] == "gpu" for attempts in jobs(unstarted).values() for job in attempts
    )


@pytest.mark.long
def test_cancelled_timed_out_and_out_of_memory(finished, inferring):
    """One shard each. All are retried with more time and memory, and give the same bytes."""
    environment = harmful(inferring, "calls.hang", "calls.eat", "calls.hang")
    with (inferring.folder / "output").open("w") as output:
        growing = ["--set-resources", "calls:runtime=2*attempt", "calls:mem_mb=1500*attempt"]
        process = subprocess.Popen(
            command(inferring, RESPONSES, *growing),
            cwd=inferring.folder,
            env=environment,
            stdout=output,
            stderr=output,
        )
    wait_for(lambda: len(list((inferring.folder / "harm").glob("done-*"))) == 3)
    hanging = [
        job
        for attempts in jobs(inferring).values()
        for job in attempts
        if job["JobState"] == "RUNNING"
    ]
    subprocess.run(["scancel", hanging[-1]["JobId"]], check=True)
    assert process.wait(timeout=1800) == 0, (inferring.folder / "output").read_text()
    states = sorted(attempts[0]["JobState"] for attempts in jobs(inferring).values())
    assert states == [
        "CANCELLED",
        "FAILED",
        "TIMEOUT",
    ]  # without cgroups SLURM samples memory, ends the job and calls it failed
    assert "exceeded memory limit" in (slurm_cluster.FOLDER / "slurmd.log").read_text()
    for attempts in jobs(inferring).values():
        assert [job["JobState"] for job in attempts[1:]] == ["COMPLETED"]
        assert [job["MinMemoryNode"] for job in attempts] == ["1500M", "3000M"]
        assert [job["TimeLimit"] for job in attempts] == ["00:02:00", "00:04:00"]
    assert responses(inferring) == responses(finished)


@pytest.mark.parametrize("mode", ["adopt", pytest.param("cancel", marks=pytest.mark.long)])
def test_daemons_and_the_main_process_die(finished, inferring, mode):
    environment = harmful(inferring, "calls.slow", "calls.slow")
    with (inferring.folder / "output").open("w") as output:
        process = subprocess.Popen(
            command(inferring, RESPONSES),
            cwd=inferring.folder,
            env=environment,
            stdout=output,
            stderr=output,
        )
    wait_for(lambda: len(list((inferring.folder / "harm").glob("done-*"))) == 2)
    if mode == "adopt":
        slurm_cluster.kill_daemons()
        slurm_cluster.start_daemons()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["profiles/slurm/resume", mode, *QUICK, RESPONSES],
        cwd=inferring.folder,
        env=environment | {"PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert responses(inferring) == responses(finished)
    assert inferring.answers() == finished.answers()
    states = {attempts[0]["JobState"] for attempts in jobs(inferring).values()}
    assert ("CANCELLED" in states) == (mode == "cancel")


@pytest.mark.long
def test_the_generic_profile(finished, inferring):
    arguments = ["--workflow-profile", "profiles/generic", "--latency-wait", "5", RESPONSES]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=inferring.folder,
        env=inferring.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert responses(inferring) == responses(finished)
    assert {
        job["JobState"] for job in slurm_cluster.jobs() if job["WorkDir"] == str(inferring.folder)
    } == {"COMPLETED"}

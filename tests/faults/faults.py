"""Harm done to a running workflow, one function per kind. Each hurts a project once and says what it hurt, or None if the run was over
before; the next run is what has to recover."""

import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from project import Project

HARM = Path(__file__).parents[1] / "harm"
SCRIPTS = ("build_requests", "encode_tokens", "infer", "assemble_responses", "score", "make_tables", "write_report")
Fault = Callable[[Project, random.Random], str | None]


def start(project: Project, *arguments: str, **environment: str) -> subprocess.Popen:
    """A run in a process group of its own; its output goes to the file `output` of the project."""
    with (project.folder / "output").open("w") as output:
        return subprocess.Popen(
            project.command(*arguments, cores=2),
            cwd=project.folder,
            env=project.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def finish(project: Project, seconds: float = 600) -> str | None:
    """What went wrong in a run to the end, None if nothing did. A lock that a dead run left is removed first."""
    unlock(project)
    process = start(project)
    if process.wait(timeout=seconds) == 0:
        return None
    return (project.folder / "output").read_text()


def unlock(project: Project) -> None:
    """Remove the lock of a run that was killed, if there is one."""
    if any((project.folder / ".snakemake/locks").glob("*")):
        project.snakemake("--unlock")


def job(what: str) -> Fault:
    """A job that dies by itself: kill, terminate or memory, some time after it began."""

    def fault(project: Project, rng: random.Random) -> str | None:
        script, delay = rng.choice(SCRIPTS), rng.choice([0, rng.uniform(0, 1), rng.uniform(0, 4)])
        folder = project.folder / "harm"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / f"{script}.{what}.{delay * 1000:.0f}").touch()
        unlock(project)
        process = start(project, PYTHONPATH=str(HARM), SNAKEVAL_HARM=str(folder))
        failed = process.wait(timeout=600) != 0
        return f"{script} after {delay:.2f} s" if failed and list(folder.glob("done-*")) else None

    return fault


def process(whom: str, number: signal.Signals) -> Fault:
    """A signal to Snakemake, its children or all of them, at a random moment of the run."""

    def fault(project: Project, rng: random.Random) -> str | None:
        unlock(project)
        running = start(project)
        log = project.folder / "output"
        steps = rng.randrange(1, 9)  # of the run; a moment counted in jobs, not seconds, is the same on a slow machine
        while log.read_text().count("Finished jobid") < steps and running.poll() is None:
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 3))
        if running.poll() is not None:
            return None
        if whom == "all":
            os.killpg(running.pid, number)
        for pid in [running.pid] if whom == "snakemake" else _descendants(running.pid) if whom == "children" else []:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        running.wait(timeout=600)
        return f"after {steps} jobs"

    return fault


def disk_full(project: Project, rng: random.Random) -> str | None:
    """Results on a small file system of their own, which fills up, and is then made larger."""
    results = project.results
    saved = results.with_name("saved")
    shutil.copytree(results, saved)
    used = sum(file.stat().st_size for file in saved.rglob("*") if file.is_file())
    size = used + 200_000 + rng.randrange(400_000)
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(results))
    try:
        _run("cp", "-a", f"{saved}/.", str(results))
        running = start(project)
        failed = running.wait(timeout=600) != 0
        output = (project.folder / "output").read_text()
        assert not failed or "No space left" in output or "no space left" in output, output
        _run("mount", "-o", "remount,size=1g", str(results))
        problem = finish(project) if failed else None
        assert problem is None, problem
        shutil.rmtree(saved)
        shutil.copytree(results, saved)
    finally:
        _run("umount", str(results))
    _run("cp", "-a", f"{saved}/.", str(results))
    shutil.rmtree(saved)
    return f"{size // 1000} kB" if failed else None


def read_only(project: Project, rng: random.Random) -> str | None:
    """Results that cannot be written, even by root."""
    results = str(project.results)
    file = project.results / rng.choice(["report/index.html", "tables/scores.parquet"])
    file.unlink()  # there is something to do
    _run("mount", "--bind", results, results)
    try:
        _run("mount", "-o", "remount,bind,ro", results)
        failed = start(project).wait(timeout=600) != 0
    finally:
        _run("umount", results)
    output = (project.folder / "output").read_text()
    assert failed and ("Read-only file system" in output or "Write-protected output files" in output), output
    return str(file.relative_to(project.results))


def damage(how: str) -> Fault:
    """A file cut short, emptied, or with one bit flipped: `snakemake verify` names it, and what it says to remove is removed."""

    def fault(project: Project, rng: random.Random) -> str | None:
        tables = [file for file in project.results.rglob("*.parquet") if "settings" not in file.parts]
        file = rng.choice(sorted([*tables, project.results / "report/index.html", project.results / "tables/summary.md"]))
        content = bytearray(file.read_bytes())
        before = file.stat()
        if how == "bit flipped":
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        else:
            content = content[: rng.randrange(len(content)) if how == "truncated" else 0]
        file.write_bytes(content)
        if rng.random() < 0.5:
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # as a failing disk does it
        told = project.snakemake("verify", check=False)
        output = told.stdout + told.stderr
        name = str(file.relative_to(project.folder))
        assert told.returncode and f"{name}: altered since it was written" in output, output
        remedy = re.search(r"made anew: (rm .* && )snakemake (.*)", output)
        done = subprocess.run(["sh", "-c", remedy[1] + "true"], cwd=project.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        project.snakemake(*shlex.split(remedy[2]))
        return name

    return fault


def two_at_once(project: Project, rng: random.Random) -> str | None:
    """Two runs in one folder: the second is told so. Without Snakemake's lock both write, and no harm comes of it."""
    unlock(project)
    first = start(project, "--nolock")
    time.sleep(rng.uniform(0, 2))
    second = start(project, "--nolock")
    codes = first.wait(timeout=600), second.wait(timeout=600)
    return f"exit codes {codes[0]} and {codes[1]}"


def clock(project: Project, rng: random.Random) -> str | None:
    """Time stamps that jumped by hours or years, forwards or back."""
    files = sorted(file for file in project.results.rglob("*") if file.is_file())
    chosen = rng.sample(files, max(1, len(files) // 5))
    jump = rng.choice([-1, 1]) * 10 ** rng.uniform(3.5, 8)
    for file in chosen:
        os.utime(file, (time.time() + jump, time.time() + jump))
    return f"{len(chosen)} files by {jump / 3600:.0f} h"


def _descendants(pid: int) -> list[int]:
    children = [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]
    return [pid for child in children for pid in [*_descendants(child), child]]


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


DURING: dict[str, Fault] = {  # need a run that has something to do
    "job killed (-9)": job("kill"),
    "job terminated": job("terminate"),
    "job out of memory": job("memory"),
    "children killed (-9)": process("children", signal.SIGKILL),
    "Snakemake killed (-9)": process("snakemake", signal.SIGKILL),
    "everything killed (-9)": process("all", signal.SIGKILL),
    "Snakemake terminated": process("snakemake", signal.SIGTERM),
    "Ctrl-C": process("all", signal.SIGINT),
    "two runs at once": two_at_once,
    **({"disk full": disk_full} if not os.getuid() and sys.platform == "linux" else {}),
}
AFTER: dict[str, Fault] = {  # hurt what a finished run left
    "file truncated": damage("truncated"),
    "file emptied": damage("emptied"),
    "bit flipped": damage("bit flipped"),
    "clock jumped": clock,
    **({"results read-only": read_only} if not os.getuid() and sys.platform == "linux" else {}),
}

"""Faults of a workflow, one function per kind.

Each function harms a project once. It returns what it harmed, or None if there was nothing to harm.
The next run must recover. Snakemake's output is in the project's file `output`, where a pattern of
REPORTED matches what a user must know.
"""

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
from contextlib import suppress
from pathlib import Path

from builders.fake_hub import FakeHub
from builders.project import REPOSITORY, Project

HARM = Path(__file__).parents[1] / "harm"
SCRIPTS = {  # script -> a file that exists after it ran
    "requests": "requests/arithmetic.parquet",
    "tokens": "index/tokens/tiny.parquet",
    "calls": "index/calls/tiny/1-of-1.parquet",
    "responses": "index/responses/tiny.parquet",
    "scores": "index/scores/tiny.parquet",
    "tables": "tables/scores.parquet",
    "report": "report/index.html",
}
PAGE = 4096  # bytes; a small file system allocates whole pages
Fault = Callable[[Project, random.Random], str | None]


def start(project: Project, *arguments: str, **environment: str) -> subprocess.Popen:
    """A run in its own process group; its output goes to the file `output` of the project."""
    with output_of(project).open("w") as output:
        return subprocess.Popen(
            project.command(*arguments, cores=2),
            cwd=project.folder,
            env=project.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_accept_interrupts,
        )


def _accept_interrupts() -> None:
    """Accept Ctrl-C, which a program that a shell starts in the background ignores.

    Its children would ignore it too.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def output_of(project: Project) -> Path:
    return project.folder / "output"


def finish(project: Project, seconds: float = 600) -> str | None:
    """Run to the end: the output if the run fails, else None.

    A lock that a killed run left is removed first.
    """
    unlock(project)
    process = start(project)
    if process.wait(timeout=seconds) == 0:
        return None
    return output_of(project).read_text()


def unlock(project: Project) -> None:
    """Remove the lock of a run that was killed, if there is one."""
    if any((project.folder / ".snakemake/locks").glob("*")):
        project.snakemake("--unlock")


def job(what: str) -> Fault:
    """A job that dies some time after it began: by kill, terminate or memory.

    Any job that is left to run may die; at least one does.
    """

    def fault(project: Project, rng: random.Random) -> str | None:
        folder = project.folder / "harm"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        left = [script for script, file in SCRIPTS.items() if not (project.results / file).exists()]
        for script in rng.sample(left, min(len(left), 3)):
            milliseconds = 1000 * rng.choice([0, rng.uniform(0, 1), rng.uniform(0, 3)])
            (folder / f"{script}.{what}.{milliseconds:.0f}").touch()
        unlock(project)
        process = start(project, PYTHONPATH=str(HARM), SNAKEVAL_HARM=str(folder))
        failed = process.wait(timeout=600) != 0
        struck = sorted(file.name.split("-", 1)[1] for file in folder.glob("done-*"))
        return ", ".join(struck) if failed and struck else None

    return fault


def process(whom: str, number: signal.Signals) -> Fault:
    """A signal to Snakemake, its children or all of them, at a random moment of the run."""

    def fault(project: Project, rng: random.Random) -> str | None:
        unlock(project)
        running = start(project)
        log = output_of(project)
        # Jobs of the run before the fault. Seconds would depend on the speed of the machine.
        steps = rng.randrange(0, 4)
        while log.read_text().count("Finished jobid") < steps and running.poll() is None:
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 3))
        if running.poll() is not None:
            return None
        if whom == "all":
            os.killpg(running.pid, number)
        pids = {"snakemake": [running.pid], "all": []}
        for pid in pids[whom] if whom in pids else _descendants(running.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if running.wait(timeout=600) == 0:
            return None
        if number == signal.SIGKILL and whom != "children":
            # A killed process reports nothing. The next run reports the lock that it left.
            if any((project.folder / ".snakemake/locks").glob("*")):
                start(project).wait(timeout=600)
            else:
                output_of(project).write_text("nothing was locked yet\n")
        elif not output_of(project).read_text():
            return None  # Snakemake itself had not begun
        return f"after {steps} jobs"

    return fault


def disk_full(project: Project, rng: random.Random) -> str | None:
    """Results on a small file system, which fills up."""
    results = project.results
    saved = results.with_name("saved")
    shutil.copytree(results, saved)
    # A file takes its pages, and one for its name.
    pages = sum(-(-file.stat().st_size // PAGE) + 1 for file in saved.rglob("*"))
    size = pages * PAGE + 60_000 + rng.randrange(400_000)
    unlock(project)
    _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(results))
    try:
        _run("cp", "-a", f"{saved}/.", str(results))
        failed = start(project).wait(timeout=600) != 0
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
    file.unlink(missing_ok=True)  # so that there is something to do
    _run("mount", "--bind", results, results)
    try:
        _run("mount", "-o", "remount,bind,ro", results)
        assert start(project).wait(timeout=600) != 0
    finally:
        _run("umount", results)
    return str(file.relative_to(project.results))


def damage(how: str) -> Fault:
    """A file cut short, emptied, or with one bit flipped."""

    def fault(project: Project, rng: random.Random) -> str | None:
        files = [*project.results.rglob("[!.]*.parquet")]
        for part in ("report", "tables"):
            files += (project.results / part).rglob("[!.]*.*")
        existing = [file for file in files if file.is_file() and file.stat().st_size]
        file = rng.choice(sorted(existing))
        content = bytearray(file.read_bytes())
        before = file.stat()
        if how == "bit flipped":
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        else:
            content = content[: rng.randrange(len(content)) if how == "truncated" else 0]
        file.write_bytes(content)
        if rng.random() < 0.5:
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # as a failing disk does it
        return str(file.relative_to(project.folder))

    return fault


def repair(project: Project) -> str:
    """Run `snakemake verify` and follow its advice; its output."""
    done = project.snakemake("verify", check=False)
    output = done.stdout + done.stderr
    advice = re.search(r"rebuild only these files: (rm .* && )?snakemake (.*)", output)
    if advice:
        remove = ["sh", "-c", f"{advice[1] or ''}true"]
        subprocess.run(remove, cwd=project.folder, check=True, capture_output=True)
        project.snakemake(*shlex.split(advice[2]))
    return output


def two_at_once(project: Project, rng: random.Random) -> str | None:
    """Two runs in one folder: the second is refused.

    Without Snakemake's lock both write the same files, which does no harm.
    """
    unlock(project)
    target = rng.choice([[], ["results/index/responses/tiny.parquet"]])
    first = start(project, *target)
    time.sleep(rng.uniform(0, 2))
    second = start(project, "--nolock", *target)
    while first.poll() is None and not any((project.folder / ".snakemake/locks").glob("*")):
        time.sleep(0.02)
    third = start(project, *target)
    codes = [run.wait(timeout=600) for run in (first, second, third)]
    # None: there was nothing to do, or one came after the other.
    return f"{' '.join(target) or 'all'}: exit codes {codes}" if any(codes) else None


def hub(fails: Callable[[bytes], tuple[int, dict[str, str], bytes]]) -> Fault:
    """A model from a hub that fails at some requests, at times at every attempt."""

    def fault(project: Project, rng: random.Random) -> str | None:
        repositories = project.folder / "hub"
        shutil.rmtree(repositories, ignore_errors=True)
        shutil.copytree(REPOSITORY / "resources/demo/tiny", repositories / "models/org/tiny")
        (project.results / "models/tiny.parquet").unlink(missing_ok=True)
        project.configure(models={"tiny": {"source": "hf:org/tiny", "dtype": "float32"}})
        part = rng.choice(["/tree/", "/resolve/", "config.json", "model.safetensors"])
        times = rng.choice([1, 2, 3, 99])
        counts = {"fault": 0}

        def answer(verb: str, path: str, count: int) -> tuple[int, dict[str, str], bytes] | None:
            status, _, content = server.content(path, b"")
            if verb != "GET" or part not in path or counts["fault"] >= times or status != 200:
                return None
            counts["fault"] += 1
            return fails(content)

        cache = project.folder / "hub_cache"
        shutil.rmtree(cache, ignore_errors=True)
        with FakeHub(repositories, answer) as server:
            places = {"HF_ENDPOINT": server.endpoint, "HF_HOME": str(cache)}
            places["HF_HUB_DISABLE_TELEMETRY"] = "1"
            failed = start(project, "results/models/tiny.parquet", **places).wait(timeout=600) != 0
            log = project.results / "logs/models/tiny.log"
            output = output_of(project).read_text() + log.read_text()
            if failed:
                counts["fault"] = times
                again = start(project, "results/models/tiny.parquet", **places)
                assert again.wait(timeout=600) == 0, output_of(project).read_text()
        output_of(project).write_text(output)
        end = "given up" if failed else "tried again"
        return f"{part}, {counts['fault']} times: {end}" if counts["fault"] else None

    return fault


def clock(project: Project, rng: random.Random) -> str | None:
    """Times of files that jumped by hours or years, forwards or back."""
    files = sorted(file for file in project.results.rglob("*") if file.is_file())
    chosen = rng.sample(files, max(1, len(files) // 5))
    jump = rng.choice([-1, 1]) * 10 ** rng.uniform(3.5, 8)
    for file in chosen:
        os.utime(file, (time.time() + jump, time.time() + jump))
    return f"{len(chosen)} files by {jump / 3600:.0f} h"


def _descendants(pid: int) -> list[int]:
    children = [
        int(child)
        for task in Path(f"/proc/{pid}/task").glob("*/children")
        for child in task.read_text().split()
    ]
    return [pid for child in children for pid in [*_descendants(child), child]]


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


DURING: dict[str, Fault] = {  # for a run that has something to do
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
AFTER: dict[str, Fault] = {  # for the results of a finished run
    "file truncated": damage("truncated"),
    "file emptied": damage("emptied"),
    "bit flipped": damage("bit flipped"),
    "clock jumped": clock,
    **({"results read-only": read_only} if not os.getuid() and sys.platform == "linux" else {}),
    "hub: too many requests (429)": hub(lambda content: (429, {"Retry-After": "1"}, b"")),
    "hub: in trouble (500)": hub(lambda content: (500, {}, b"")),
    "hub: half a file": hub(
        lambda content: (200, {"Content-Length": str(len(content))}, content[: len(content) // 2])
    ),
    "hub: wrong content": hub(lambda content: (200, {}, content[::-1])),
}
# Kind -> what Snakemake, the job or `snakemake verify` reports, as a regular expression.
REPORTED = {
    "job killed (-9)": r"died with <Signals.SIGKILL",
    "job terminated": r"died with <Signals.SIGTERM",
    "job out of memory": r"Error in rule",
    "children killed (-9)": r"died with <Signals.SIGKILL",
    "Snakemake killed (-9)": r"can be removed with the --unlock argument|nothing was locked yet",
    "everything killed (-9)": r"can be removed with the --unlock argument|nothing was locked yet",
    "Snakemake terminated": r"Will exit after finishing currently running jobs",
    "Ctrl-C": r"KeyboardInterrupt|Cancelling|did not complete successfully",
    "two runs at once": r"Directory cannot be locked",
    "disk full": r"[Nn]o space left",
    "file truncated": r"{detail}: altered since it was written",
    "file emptied": r"{detail}: altered since it was written",
    "bit flipped": r"{detail}: altered since it was written",
    "clock jumped": r"",
    "results read-only": r"Read-only file system|Write-protected output files",
    "hub: too many requests (429)": r"models\.tiny\.source: .*HTTP 429|Rate limited",
    "hub: in trouble (500)": r"models\.tiny\.source: .*HTTP 500",
    "hub: half a file": r"models\.tiny\.source: .*t(rying again|ried)|peer closed connection",
    "hub: wrong content": r"models\.tiny\.source: .*t(rying again|ried)",
}

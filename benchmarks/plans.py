"""What planning costs: dry runs of many models and tasks, and a run of jobs that do nothing.

    python benchmarks/plans.py                      # some minutes on two cores
    python benchmarks/plans.py --models 20 --tasks 20 --jobs 100
    python benchmarks/plans.py --write              # and write docs/explanation/scale.md

Every task has its own data set. The scripts that do nothing copy what the run of one real model
wrote, because Snakemake reads from these files how much memory and time a job needs.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import page
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
MEASURE = """
import resource, subprocess, sys, time
started = time.perf_counter()
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(done.stdout, done.stderr)
wall, cpu = time.perf_counter() - started, used.ru_utime + used.ru_stime
print(wall, cpu, used.ru_maxrss / 1024, done.returncode)
"""
COPY = '''"""Copy the output of the model m0."""
import shutil
from pathlib import Path

model = str(snakemake.wildcards.get("model", "m0"))
for output in snakemake.output:
    parts = Path(output).relative_to("results").parts
    source = Path("template", *(part.replace(model, "m0") for part in parts))
    if source.is_dir():
        shutil.copytree(source, output, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, output)
'''


def project(folder: Path, models: int, tasks: int) -> Path:
    """A project of copies of the demo's smallest model, and of tasks with four questions each."""
    folder.mkdir(parents=True)
    for part in ("Snakefile", "workflow", "profiles", "envs", "resources"):
        (folder / part).symlink_to(REPOSITORY / part)
    (folder / "config/tasks").mkdir(parents=True)
    for number in range(tasks):
        task = {
            "task": f"t{number}",
            "dataset_path": f"made/{number}",
            "test_split": "test",
            "output_type": "multiple_choice",
            "doc_to_text": "{{question}}",
            "doc_to_choice": ["yes", "no"],
            "doc_to_target": "answer",
            "metric_list": [{"metric": "acc"}],
        }
        (folder / f"config/tasks/t{number}.yaml").write_text(yaml.safe_dump(task))
        rows = [{"question": f"{i} < {number}?", "answer": i % 2} for i in range(4)]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"data{number}.jsonl").write_text(lines)
    model = {"source": "demo:tiny", "dtype": "float32"}
    config = {
        "models": {f"m{number}": dict(model) for number in range(models)},
        "tasks": [f"t{number}" for number in range(tasks)],
        "datasets": {f"made/{number}": f"path:data{number}.jsonl" for number in range(tasks)},
    }
    (folder / "config/config.yaml").write_text(yaml.safe_dump(config))
    return folder


def without_work(folder: Path) -> None:
    """Let every script copy what a real run of the first model wrote."""
    real = project(folder / "real", 1, 1)
    snakemake(real)
    (real / "results").rename(folder / "template")
    (folder / "results").mkdir()
    # Every copied list of tokens names these files.
    (folder / "results/tokens").symlink_to(folder / "template/tokens")
    (folder / "workflow").unlink()
    subprocess.run(["cp", "-r", str(REPOSITORY / "workflow"), str(folder / "workflow")], check=True)
    for script in (folder / "workflow/scripts").glob("*.py"):
        script.write_text(COPY)


def snakemake(folder: Path, *options: str) -> tuple[int, float, float, float]:
    """Jobs, seconds by the clock, seconds of CPU and peak memory (MB) of Snakemake and its jobs.

    The peak is that of the largest process.
    """
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *options]
    measured = [sys.executable, "-c", MEASURE, *command]
    done = subprocess.run(measured, cwd=folder, capture_output=True, text=True, check=True)
    wall, cpu, peak, code = map(float, done.stdout.splitlines()[-1].split())
    if code:
        sys.exit(done.stdout)
    jobs = re.search(r"^total +(\d+)", done.stdout, re.MULTILINE)
    return int(jobs[1]) if jobs else 0, wall, cpu, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--tasks", type=int, nargs="+", default=[100, 200])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    rows = ["| | jobs | seconds | seconds of CPU | peak memory |", "|---|--:|--:|--:|--:|"]

    def add(what: str, measured: tuple[int, float, float, float]) -> None:
        jobs, wall, cpu, peak = measured
        rows.append(f"| {what} | {jobs:,} | {wall:.1f} | {cpu:.1f} | {peak:.0f} MB |")
        print(rows[-1], flush=True)

    with tempfile.TemporaryDirectory(prefix="snakeval-plans-") as name:
        for tasks in arguments.tasks:
            folder = project(Path(name, f"{tasks}"), arguments.models, tasks)
            snakemake(folder, "--dry-run")  # the first writes the settings
            what = f"dry run, {arguments.models} models × {tasks} tasks, each with data of its own"
            add(what, snakemake(folder, "--dry-run"))
        models = arguments.jobs // 5
        folder = project(Path(name, "jobs"), models, 1)
        without_work(folder)
        add(f"run of {models} models × 1 task, scripts that do nothing", snakemake(folder))
    if arguments.write:
        page.write("scale.md", "benchmarks/plans.py --write", "\n".join(rows))


if __name__ == "__main__":
    main()

"""The whole command compared with lm-evaluation-harness: five tasks, from start to scores on disk.

    python benchmarks/whole_command.py                   # about five minutes on two cores
    python benchmarks/whole_command.py --documents 20    # shortened

Both read the same task files and the same JSONL documents, with the same model, and start without
any stored results. Prints the seconds of both, their ratio, and the largest difference between
their scores.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
import yaml
from workload import LENGTH, NEW_TOKENS, SIZES, STOPS, documents_of, make_model

REPOSITORY = Path(__file__).resolve().parents[1]
ACC = {"metric": "acc", "aggregation": "mean", "higher_is_better": True}
PERPLEXITY = {
    "metric": "word_perplexity",
    "aggregation": "weighted_perplexity",
    "higher_is_better": False,
}
KEYS = {  # of the task files
    "MMLU-like, 5-shot": {
        "output_type": "multiple_choice",
        "doc_to_text": "{{header}}{{question}}\nAnswer:",
        "doc_to_choice": ["A", "B", "C", "D"],
        "doc_to_target": "answer",
        "metric_list": [ACC],
    },
    "HellaSwag-like, 0-shot": {
        "output_type": "multiple_choice",
        "doc_to_text": "{{header}}{{question}}",
        "doc_to_choice": "endings",
        "doc_to_target": "answer",
        "metric_list": [ACC],
    },
    "rolling perplexity": {
        "output_type": "loglikelihood_rolling",
        "doc_to_text": "",
        "doc_to_target": "{{question}}",
        "metric_list": [PERPLEXITY],
    },
    "GSM8K-like, 8-shot": {
        "output_type": "generate_until",
        "doc_to_text": "{{header}}Question: {{question}}\nAnswer:",
        "doc_to_target": "{{answer}}",
        "generation_kwargs": {"until": STOPS, "max_gen_toks": NEW_TOKENS, "do_sample": False},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    },
}
KEYS["HellaSwag-like, 10-shot"] = KEYS["HellaSwag-like, 0-shot"]


def write_tasks(folder: Path, documents: int | None) -> dict[str, int]:
    """Task files and documents; task -> number of documents."""
    tasks = {}
    for name, size in SIZES.items():
        task = "".join(c if c.isalnum() else "_" for c in name.lower())
        made = documents_of(name, documents or size)
        data = folder / f"{task}.jsonl"
        data.write_text("".join(json.dumps(doc) + "\n" for doc in made), encoding="utf-8")
        keys = {
            "task": task,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(data)}},
            "test_split": "test",
        }
        (folder / f"{task}.yaml").write_text(yaml.safe_dump(keys | KEYS[name]), encoding="utf-8")
        tasks[task] = len(made)
    return tasks


def theirs(folder: Path, tasks: list[str], threads: int) -> dict[str, float]:
    """Scores of one run of lm-evaluation-harness: task -> score."""
    output = folder / "lm_eval"
    arguments = f"pretrained={folder / 'model'},max_length={LENGTH},dtype=float32"
    command = [sys.executable, "-m", "lm_eval", "--model", "hf", "--model_args", arguments]
    command += ["--tasks", ",".join(tasks), "--include_path", str(folder)]
    command += ["--batch_size", "16", "--device", "cpu", "--output_path", str(output)]
    _run(command, folder, {"OMP_NUM_THREADS": f"{threads}"})
    (written,) = output.rglob("results_*.json")
    results = json.loads(written.read_text(encoding="utf-8"))["results"]
    written.unlink()
    return {
        task: next(v for k, v in results[task].items() if k.partition(",")[0] in METRICS)
        for task in tasks
    }


METRICS = {metric["metric"] for keys in KEYS.values() for metric in keys["metric_list"]}


def ours(folder: Path, tasks: list[str], threads: int) -> dict[str, float]:
    """Scores of one run of the workflow: task -> score."""
    results = Path(tempfile.mkdtemp(dir=folder)) / "results"
    model = {
        "source": f"path:{folder / 'model'}",
        "dtype": "float32",
        "max_length": LENGTH,
        "threads": threads,
    }
    config = {
        "models": {"m": model},
        "tasks": tasks,
        "task_paths": [str(folder)],
        "results": str(results),
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", f"{results}/tables/scores.parquet"]
    command += ["--cores", f"{threads}", "--snakefile", str(REPOSITORY / "Snakefile")]
    _run([*command, "--configfile", "config.yaml"], folder, {})
    scores = pq.read_table(results / "tables/scores.parquet").to_pylist()
    return {row["task"]: row["value"] for row in scores if row["metric"] in METRICS}


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    offline = {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_CACHE": tempfile.mkdtemp(dir=folder),
        "TOKENIZERS_PARALLELISM": "true",
    }
    variables = os.environ | offline | environment
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    sizes = ", ".join(map(str, SIZES.values()))
    parser.add_argument("--documents", type=int, help=f"of each task; default: {sizes}")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_model(folder / "model")
        tasks = write_tasks(folder, options.documents)
        times: dict[str, list[float]] = {"lm_eval": [], "ours": []}
        scores = {}
        for _ in range(options.repeats):
            for side, run in (("lm_eval", theirs), ("ours", ours)):
                started = time.perf_counter()
                scores[side] = run(folder, list(tasks), options.threads)
                times[side].append(time.perf_counter() - started)
        base, mine = (statistics.median(times[side]) for side in ("lm_eval", "ours"))
        off = max(relative(scores["ours"][task], scores["lm_eval"][task]) for task in tasks)
        print("| work | documents | lm-eval s | ours s | ratio | agreement |")
        print("|---|---|---|---|---|---|")
        seconds = f"{base:.1f} | {mine:.1f} | {base / mine:.1f}"
        work = f"whole command, five tasks | {sum(tasks.values())}"
        print(f"| {work} | {seconds} | scores within {off:.0e} |")


def relative(ours: float, theirs: float) -> float:
    """The relative difference of two scores; where theirs is 0, the absolute one."""
    return abs(ours / theirs - 1) if theirs else abs(ours)


if __name__ == "__main__":
    main()

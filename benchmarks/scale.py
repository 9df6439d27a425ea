"""Seconds and memory of every stage but the model's own work, from 10,000 to 1,000,000 requests.

    python benchmarks/scale.py [--requests 10000 100000 1000000] [--table scale_table.md]

A task of documents with four choices each is written to a file. The workflow's own rules run over
it, one at a time, in processes of their own. Outputs are made up and put into the response store,
so that `calls` finds every call answered and loads no model.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import yaml

REPOSITORY = Path(__file__).parent.parent
sys.path.insert(0, str(REPOSITORY / "workflow"))

from snakeval.config.model import of_values  # noqa: E402
from snakeval.files import parquet  # noqa: E402
from snakeval.inference.calls import from_tokens  # noqa: E402
from snakeval.inference.store import Store  # noqa: E402
from snakeval.models import identity  # noqa: E402
from snakeval.schemas.model import MODEL_FILES, OUTPUTS, TOKENS  # noqa: E402

STAGES = {
    "documents": "results/index/datasets/{dataset}.parquet",
    "requests": "results/requests/choices.parquet",
    "tokens": "results/index/tokens/tiny.parquet",
    "calls (all known)": "results/index/calls/tiny/1-of-1.parquet",
    "responses": "results/index/responses/tiny.parquet",
    "scores": "results/index/scores/tiny.parquet",
    "tables": "results/tables/scores.parquet",
}
TASK = {
    "task": "choices",
    "dataset_path": "made/choices",
    "test_split": "test",
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}\nAnswer:",
    "doc_to_choice": "choices",
    "doc_to_target": "answer",
    "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
}
MEASURE = """
import resource, subprocess, sys, time
started = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, code)
"""


def prepare(folder: Path, requests: int) -> None:
    """A clone with one task of `requests` / 4 documents and the demo's tiny model."""
    for part in ("Snakefile", "workflow", "profiles", "envs", "resources"):
        (folder / part).symlink_to(REPOSITORY / part)
    (folder / "config" / "tasks").mkdir(parents=True)
    (folder / "config/tasks/choices.yaml").write_text(yaml.safe_dump(TASK))
    config = {
        "models": {"tiny": {"source": "demo:tiny", "dtype": "float32"}},
        "tasks": ["choices"],
        "datasets": {"made/choices": "path:choices.jsonl"},
    }
    (folder / "config/config.yaml").write_text(yaml.safe_dump(config))
    rng = random.Random(0)
    words = [
        "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randrange(2, 9)))
        for _ in range(5000)
    ]
    with (folder / "choices.jsonl").open("w") as file:
        for _ in range(requests // 4):
            choices = [" ".join(rng.choices(words, k=3)) for _ in range(4)]
            file.write(
                json.dumps(
                    {
                        "question": " ".join(rng.choices(words, k=30)),
                        "choices": choices,
                        "answer": rng.randrange(4),
                    }
                )
                + "\n"
            )


def answer(folder: Path) -> None:
    """Made-up answers to all requests, in the store."""
    files = parquet.read(folder / "results/models/tiny.parquet", MODEL_FILES)
    settings = json.loads((folder / "results/settings/calls/tiny.json").read_text())["settings"]
    who = identity.identity(files, of_values(settings["values"]))
    tokens = parquet.read(folder / "results/tokens/tiny/choices.parquet", TOKENS)
    rng = np.random.default_rng(0)
    with Store(folder / "results/store", who, identity.tokenizer_identity(files)) as store:
        keys = store.keys(from_tokens(tokens)[0])
        n = len(keys)
        columns = {
            "key": keys,
            "loglikelihood": -rng.gamma(8, 3, n),
            "greedy": rng.random(n) < 0.1,
            "text": pa.nulls(n, pa.string()),
        }
        columns |= {
            "finish_reason": pa.nulls(n, pa.string()),
            "n_tokens": pa.array(np.full(n, 6, np.int32)),
        }
        store.append(pa.table(columns).select(OUTPUTS.names))


def measure(folder: Path, target: str) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak memory (MB) of a run that makes `target`.

    Of memory the largest process counts.
    """
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all", "--", target]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *command], cwd=folder, capture_output=True, text=True
    )
    wall, cpu, peak, code = map(float, done.stdout.split())
    if code:
        raise SystemExit(done.stderr)
    return wall, cpu, peak


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--table", type=Path)
    arguments = parser.parse_args()
    rows = ["| requests | stage | seconds | CPU seconds | peak MB |", "|--:|---|--:|--:|--:|"]
    for requests in arguments.requests:
        with tempfile.TemporaryDirectory(prefix="snakeval-scale-") as name:
            folder = Path(name)
            prepare(folder, requests)
            subprocess.run(
                [sys.executable, "-m", "snakemake", "--cores", "1", "-n", "-q"],
                cwd=folder,
                check=True,
                capture_output=True,
            )
            dataset = next((folder / "results/settings/datasets").glob("*.json")).stem
            measure(folder, "results/models/tiny.parquet")
            for stage, target in STAGES.items():
                if stage.startswith("calls"):
                    started = time.perf_counter()
                    answer(folder)
                    print(f"store filled: {time.perf_counter() - started:.1f} s", flush=True)
                wall, cpu, peak = measure(folder, target.format(dataset=dataset))
                rows.append(f"| {requests:,} | {stage} | {wall:.1f} | {cpu:.1f} | {peak:.0f} |")
                print(rows[-1], flush=True)
                if arguments.table:
                    arguments.table.write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()

"""Run all benchmarks against lm-evaluation-harness and write docs/benchmarks.md: `make bench`, an hour on two cores."""

import os
import platform
import subprocess
import sys
import textwrap
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "explanation" / "benchmarks.md"

SECTIONS = {
    "Inference": (
        "The inference phase alone, tokenising and planning included, loading the model not; model of 34 M parameters, float32. Both sides "
        "take turns in one process; medians. *Share of peak*: the layers' matrix products over the tokens computed, against a large matrix "
        "product of the same machine; attention and the head come on top. Nothing is shared in rolling perplexity: there both sides do the "
        "same products and the same attention, and what is left to save is padding and the head's passes over memory.",
        [["engine.py"]],
    ),
    "More documents": (
        "The same with a model of 2 M parameters, so that it ends. What documents share is paid once; from about 100 on that hardly "
        "counts, and both sides take time in proportion. ≈: lm-eval taken to need as long for each document as with 1,000 of them.",
        [
            [
                *("engine.py", "--small", "--repeats", "1", "--documents", "100", "1000", "10000"),
                *("--theirs-up-to", "1000", "--only", "MMLU", "HellaSwag", "GSM8K"),
            ]
        ],
    ),
    "The whole command": (
        "From the start of the process to scores on disk, both from nothing: imports, data sets, prompts, loading, inference, scores. The "
        "workflow starts a process per stage, half a minute here whatever the amount of work; in return every stage is kept.",
        [["whole_command.py", "--repeats", "1"]],
    ),
}
NOT_MEASURED = {
    "GPU": "On a GPU: no machine with one was at hand. What its attention kernels demand is tested on stand-ins with the same demands "
    "(`tests/unit/backends/local/packed/test_cuda_kernels.py`); what they cost, and so when a header pays there (`HEADERS_ON_GPU` in `backends/local/packed/packed.py`), "
    "is estimated.",
    "AMX": "bfloat16 on a processor with AMX; on others it is slower than float32, in both programs.",
}


def machine() -> str:
    """What ran, and on what."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "lm_eval"))
    return f"{os.cpu_count()} cores of {names[0] if names else platform.processor()}, Python {platform.python_version()}, {packages}."


def main() -> None:
    missing = dict(NOT_MEASURED)
    if "amx_bf16" in Path("/proc/cpuinfo").read_text():
        del missing["AMX"]
        SECTIONS["Inference"][1].append(["engine.py", "--dtype", "bfloat16"])
    parts = ["# Speed beside lm-evaluation-harness", f"`make bench` writes this page. {machine()}"]
    for title, (text, commands) in SECTIONS.items():
        parts += [f"## {title}", textwrap.fill(text, 140)]
        for command in commands:
            print("python benchmarks/" + " ".join(command), file=sys.stderr, flush=True)
            done = subprocess.run(
                [sys.executable, str(HERE / command[0]), *command[1:]],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            lines = [
                line
                for line in done.stdout.splitlines()
                if line.startswith("|") or " threads, " in line
            ]
            parts += [
                f"`python benchmarks/{' '.join(command)}`",
                "\n".join([line + "\n" * (" threads, " in line) for line in lines]),
            ]
    parts += ["## Not measured", *(textwrap.fill(text, 140) for text in missing.values())]
    PAGE.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

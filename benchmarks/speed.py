"""Run all benchmarks against lm-evaluation-harness and write docs/explanation/benchmarks.md.

`make bench` starts it; it takes an hour on two cores.
"""

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
        "The inference phase, with tokenising and planning but without loading the model, which "
        "has 34 M parameters in float32. Both sides take turns in one process; times are medians. "
        "*Share of peak*: the layers' matrix products over the tokens computed, relative to a "
        "large matrix product on the same machine. Attention and the head are not counted. "
        "Rolling perplexity shares nothing between requests: both sides do the same products and "
        "the same attention. Only padding and the head's passes over memory can be saved there.",
        [["engine.py"]],
    ),
    "More documents": (
        "The same with a model of 2 M parameters, which takes less time. What documents share is "
        "computed once. From about 100 documents on that hardly counts, and both sides take time "
        "in proportion. ≈: estimated from lm-eval's time per document with 1,000 of them.",
        [
            [
                *("engine.py", "--small", "--repeats", "1", "--documents", "100", "1000", "10000"),
                *("--theirs-up-to", "1000", "--only", "MMLU", "HellaSwag", "GSM8K"),
            ]
        ],
    ),
    "The whole command": (
        "From the start of the process to scores on disk, both without any stored results: "
        "imports, data sets, prompts, loading, inference, scores. The workflow starts a process "
        "per stage, which takes half a minute here for any amount of work. Every stage is stored.",
        [["whole_command.py", "--repeats", "1"]],
    ),
}
NOT_MEASURED = {
    "GPU": "On a GPU: no machine with one was available. The requirements of its attention kernels "
    "are tested with stand-ins (`tests/unit/backends/local/packed/test_cuda_kernels.py`). Their "
    "cost is estimated, and so is the size from which a header saves time there "
    "(`HEADERS_ON_GPU` in `backends/local/packed/packed.py`).",
    "AMX": "bfloat16 on a processor with AMX. On others it is slower than float32, in both "
    "programs.",
}


def machine() -> str:
    """The processor, and the versions of what runs on it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor()
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "lm_eval"))
    return f"{os.cpu_count()} cores of {processor}, Python {platform.python_version()}, {packages}."


def measured(command: list[str]) -> str:
    """Run a benchmark; its command and the lines of its tables, as Markdown."""
    shown = f"python benchmarks/{' '.join(command)}"
    print(shown, file=sys.stderr, flush=True)
    program = [sys.executable, str(HERE / command[0]), *command[1:]]
    done = subprocess.run(program, stdout=subprocess.PIPE, text=True, check=True)
    lines = [
        f"{line}\n" if " threads, " in line else line
        for line in done.stdout.splitlines()
        if line.startswith("|") or " threads, " in line
    ]
    return f"`{shown}`\n\n" + "\n".join(lines)


def main() -> None:
    missing = dict(NOT_MEASURED)
    if "amx_bf16" in Path("/proc/cpuinfo").read_text():
        del missing["AMX"]
        SECTIONS["Inference"][1].append(["engine.py", "--dtype", "bfloat16"])
    head = "# Speed compared with lm-evaluation-harness"
    parts = [head, f"`make bench` writes this page. {machine()}"]
    for title, (text, commands) in SECTIONS.items():
        parts += [f"## {title}", textwrap.fill(text, 100), *map(measured, commands)]
    parts += ["## Not measured", *(textwrap.fill(text, 100) for text in missing.values())]
    PAGE.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""What a run was made from: code, versions, machine, seeds, configuration, models and data."""

import hashlib
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from snakeval.files import parquet
from snakeval.schemas.model import MODEL_FILES
from snakeval.schemas.task import DOCUMENT_FILES

PACKAGES = (
    "snakeval",
    "torch",
    "transformers",
    "tokenizers",
    "accelerate",
    "datasets",
    "evaluate",
    "numpy",
    "scipy",
    "scikit-learn",
    "sacrebleu",
    "rouge-score",
    "pyarrow",
    "snakemake",
)


def of_models(files: Iterable[str], settings: Mapping[str, Any]) -> list[dict]:
    """Origin, digest and settings of each model, from the lists of their files (MODEL_FILES)."""
    found = []
    for file in files:
        name, table = Path(file).stem, parquet.read(file, MODEL_FILES)
        digest = parquet.fingerprint_of(table["file"].to_pylist(), table["sha256"].to_pylist())
        first = {key: table[key][0].as_py() for key in ("source", "revision")}
        found.append({"model": name, **first, "digest": digest, "settings": settings[name]})
    return found


def of_datasets(files: Iterable[str]) -> list[dict]:
    """Origin and digest of each file of documents, from the lists of data sets (DOCUMENT_FILES)."""
    return [
        {"dataset": Path(file).stem} | {key: row[key] for key in ("source", "revision", "digest")}
        for file in files
        for row in parquet.read(file, DOCUMENT_FILES).to_pylist()
    ]


def collect(
    *,
    repository: Path,
    configuration: str,
    command: str,
    seeds: dict[str, int],
    models: Sequence[dict],
    data: Sequence[dict],
    rules: Sequence[Sequence[str]] = (),
    packages: Sequence[str] = PACKAGES,
) -> dict:
    """What the report shows of a run's origin, as plain values.

    repository: the folder of the workflow. configuration: the text as the user wrote it.
    command: what reproduces the run. rules: edges of the rule graph as (from, to).
    models: {"model", "source", "revision": str or None, "digest": sha256 of its files,
    "settings": {"dtype": ...}} each. data: {"dataset", "source", "revision", "digest"} each.

    Gives {"finished": UTC time, "versions", "repository": what `checkout` gives, "hardware": what
    `hardware` gives, "seeds", "configuration", "models", "data", "rules", "command",
    "fingerprint"}. The fingerprint covers what determines scores: not the machine, the time or the
    command.
    """
    given = {
        "configuration": configuration,
        "seeds": dict(seeds),
        "models": list(models),
        "data": list(data),
    }
    made = {"versions": versions(packages), "repository": checkout(repository)}
    return {
        **given,
        **made,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "hardware": hardware(),
        "rules": [list(edge) for edge in rules],
        "command": command,
        "fingerprint": fingerprint(given | made),
    }


def fingerprint(parts: dict) -> str:
    """sha256 of plain values, independent of the order of keys."""
    return hashlib.sha256(
        json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()
    ).hexdigest()


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Installed versions; a package that is not installed is left out."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def checkout(repository: Path) -> dict:
    """The state of a git checkout.

    {"commit": str or None outside git, "dirty": bool, "changed": paths, "digest": sha256 of the
    changes, "" when clean}.
    """
    commit = _output("git", "-C", str(repository), "rev-parse", "HEAD")
    if commit is None:
        return {"commit": None, "dirty": False, "changed": [], "digest": ""}
    git = ("git", "-C", str(repository))
    status = _output(*git, "status", "--porcelain", "--untracked-files=normal") or ""
    difference = _output(*git, "diff", "HEAD") or ""
    dirty = bool(status.strip())
    return {
        "commit": commit.strip(),
        "dirty": dirty,
        "changed": [line[3:] for line in status.splitlines()],
        "digest": hashlib.sha256((status + difference).encode()).hexdigest() if dirty else "",
    }


def hardware() -> dict:
    """The machine that runs this; the devices that answered are in the timings.

    {"system", "processor", "cores", "memory_bytes", "gpus": names}.
    """
    has_affinity = hasattr(os, "sched_getaffinity")
    gpus = _output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader") or ""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1,
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpus": gpus.splitlines(),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _output(*command: str) -> str | None:
    """What a program prints, or None when it is not installed or fails."""
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout if done.returncode == 0 else None

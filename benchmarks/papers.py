"""Regenerate every published figure of config/examples that needs no model, next to ours.

    SNAKEVAL_DATA=folder python benchmarks/papers.py [--write] [name …]

Runs Snakemake once for each configuration. `--write` puts the table into
docs/explanation/papers.md.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import page
import pyarrow.parquet as pq
import yaml

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "config" / "examples"
NEED_MODELS = ("pythia", "llama2")
HEAD = (
    "| configuration | model | task | metric | published | over | ours | over | |\n"
    "|---|---|---|---|---:|---:|---:|---:|---|\n"
)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="configurations; default: all without a model")
    parser.add_argument("--write", action="store_true", help="write docs/explanation/papers.md")
    options = parser.parse_args()
    all_names = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))
    names = options.names or [name for name in all_names if name not in NEED_MODELS]
    lines = "".join(_line(name, figure) for name in names for figure in figures(name))
    print(HEAD + lines)
    if options.write:
        page.write("papers.md", "benchmarks/papers.py --write", HEAD + lines)
    return 0


def figures(name: str) -> list[dict]:
    """Rows of TARGETS of a configuration, which is run in this checkout."""
    configuration = EXAMPLES / f"{name}.yaml"
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all"]
    command += ["--configfile", str(configuration)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    results = yaml.safe_load(configuration.read_text())["results"]
    return pq.read_table(ROOT / results / "tables" / "targets.parquet").to_pylist()


def _line(name: str, row: dict) -> str:
    def number(value: float | None) -> str:
        if value is None:
            return "–"
        return f"{value:.2f}" if row["percent"] or abs(value) >= 1.5 else f"{value:.4f}"

    def count(n: int | None) -> str:
        return "?" if n is None else f"{n:,}"

    cells = (
        name,
        row["model"],
        row["task"],
        row["metric"] or "",
        number(row["target"]),
        count(row["target_n"]),
        number(row["value"]),
        "–" if row["value"] is None else count(row["n"]),
        row["status"],
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    sys.exit(main())

"""The demo models on real data sets, from local files in their published formats to a report."""

import shutil
from pathlib import Path

import pandas as pd

TASKS = Path(__file__).parent / "real"


def test_published_files_end_in_a_report(unstarted, real_data):
    shutil.copytree(TASKS, unstarted.folder / "tasks")
    unstarted.configure(
        limit=12,
        models={name: {"source": f"demo:{name}", "dtype": "float32"} for name in ("tiny", "small")},
        tasks=[
            "gsm8k_local",
            "mmlu_local",
            "hellaswag_local",
            {"name": "wikitext_local", "limit": 2},
        ],
        task_paths=["tasks"],
        datasets={
            "local/gsm8k": f"path:{real_data}/gsm8k/{{split}}.jsonl",
            "local/mmlu": {
                "source": f"path:{real_data}/mmlu/{{split}}/{{name}}_{{split}}.csv",
                "columns": ["question", "A", "B", "C", "D", "answer"],
            },
            "local/hellaswag": f"path:{real_data}/hellaswag/hellaswag_val.jsonl",
            "local/wikitext": {
                "source": f"path:{real_data}/wikitext2/valid.txt",
                "text": "article",
                "columns": ["page"],
            },
        },
    )
    done = unstarted.snakemake(cores=2)
    assert "| mmlu_local (2-shot)" in done.stderr
    scores = (
        pd.read_parquet(unstarted.results / "tables/scores.parquet")
        .query("primary")
        .set_index(["task", "model"])
    )
    assert scores.loc[("mmlu_local", "small"), "n"] == 36
    assert scores.loc[("gsm8k_local", "tiny"), "n"] == 12
    assert scores.loc[("hellaswag_local", "tiny"), "chance"] == 0.25
    small, tiny = (scores.loc[("wikitext_local", model), "value"] for model in ("small", "tiny"))
    assert 1 < small < float("inf")
    assert 1 < tiny < float("inf")
    health = pd.read_parquet(unstarted.results / "tables/health.parquet").set_index(
        ["task", "model"]
    )
    assert health.loc[("gsm8k_local", "tiny"), "truncated"] >= 0
    assert (unstarted.results / "report/index.html").stat().st_size > 50_000
    # Longer than the models' window of 512 tokens: what was cut is counted, not silent.
    tokens = pd.concat(
        pd.read_parquet(file) for file in unstarted.results.glob("tokens/*/*.parquet")
    )
    cut = tokens[tokens["truncated_tokens"] > 0].groupby(["task", "model"]).size()
    assert {index: n for index, n in health["truncated"].items() if n} == cut.to_dict()

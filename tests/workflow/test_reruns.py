"""Exactly what depends on a change runs again, and exactly the new requests reach a model."""

import os
import shutil
import signal
import subprocess
import time
from collections import Counter

import yaml
from pyarrow import parquet as pq

MODEL_STAGES = ["tokens tiny", "calls tiny", "responses tiny", "scores tiny"]
RUN_STAGES = ["tables", "report"]
PREFLIGHT = ["check_tasks", "findings"]
OTHER_REQUESTS = [
    "list_requests",
    *MODEL_STAGES,
    *PREFLIGHT,
    *RUN_STAGES,
]  # what follows when requests are others


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def task_file(project, name):
    return next((project.folder / "config" / "tasks").rglob(f"{name}.yaml"))


def forecast_memory(project):
    return pq.read_table(project.results / "tables/forecast.parquet")["memory_bytes"].to_pylist()


def test_nothing_changed(project):
    assert project.planned() == Counter()


def test_one_models_precision_changed(project):
    before = project.answers()
    project.configure(models={"tiny": {"source": "demo:tiny", "dtype": "bfloat16", "numerics": 0}})
    memory = forecast_memory(project)
    assert project.run() == Counter(
        ["calls tiny", "responses tiny", "scores tiny", "findings", *RUN_STAGES]
    )
    assert project.answers() == 2 * before
    assert [2 * bytes_ for bytes_ in forecast_memory(project)] == memory
    assert project.planned() == Counter()


def test_a_model_added(project):
    tiny = {
        file: (project.results / file).read_bytes() for file in project.tables() if "tiny" in file
    }
    before = project.answers()
    project.configure(
        models={
            "tiny": {"source": "demo:tiny", "dtype": "float32"},
            "small": {"source": "demo:small", "dtype": "float32"},
        }
    )
    assert project.run() == Counter(
        [
            "models small",
            "tokens small",
            "calls small",
            "responses small",
            "scores small",
            "findings",
            *RUN_STAGES,
        ]
    )
    assert project.answers() == 2 * before
    assert {file: (project.results / file).read_bytes() for file in tiny} == tiny


def test_the_same_model_under_another_name_asks_nothing(project):
    before = project.answers()
    project.configure(models={"twin": {"source": "demo:tiny", "dtype": "float32"}})
    project.run()
    assert project.answers() == before


def test_a_task_added(project):
    before = project.tables()
    project.configure(tasks=["boolean_expressions", "arithmetic", "stories", "last_word"])
    jobs = project.run()
    assert jobs.pop("requests last_word") == 1
    assert [job for job in jobs if job.startswith("datasets")]
    assert {job: n for job, n in jobs.items() if not job.startswith("datasets")} == Counter(
        OTHER_REQUESTS
    )
    after = project.tables()
    assert {file: after[file] for file in before if not file.startswith("tables/")} == {
        file: content for file, content in before.items() if not file.startswith("tables/")
    }


def test_a_task_removed_and_brought_back(finished, project):
    """Brought back, its requests are older than the list that lacks them."""
    project.configure(tasks=["stories", {"name": "arithmetic", "limit": 9}])
    assert project.run() == Counter(["requests arithmetic", *OTHER_REQUESTS])
    scores = pq.read_table(project.results / "tables/scores.parquet")
    assert set(scores["task"].to_pylist()) == {"arithmetic", "stories"}
    answers = project.answers()
    project.configure(tasks=["boolean_expressions", "stories", {"name": "arithmetic", "limit": 9}])
    assert project.run() == Counter(OTHER_REQUESTS)
    project.configure(tasks=["boolean_expressions", "stories", "arithmetic"])
    assert project.run() == Counter(["requests arithmetic", *OTHER_REQUESTS])
    assert project.answers() == answers
    assert project.tables() == finished.tables()
    project.configure(tasks=["stories", "arithmetic"])
    assert project.run() == Counter(OTHER_REQUESTS)
    assert project.planned() == Counter()


def test_a_prompt_changed(project):
    answers, before = project.answers(), project.tables()
    edit(
        task_file(project, "boolean_expressions"),
        "doc_to_text: ",
        "description: 'True or false?'\ndoc_to_text: ",
    )
    assert project.run() == Counter(["requests boolean_expressions", *OTHER_REQUESTS])
    assert project.answers() == answers + 16  # two choices of eight documents
    after = project.tables()
    changed = {
        file for file in after if after[file] != before[file] and not file.startswith("tables/")
    }
    assert {file.rpartition("/")[2] for file in changed} == {"boolean_expressions.parquet"}


def test_a_metric_changed_infers_nothing(project):
    before = project.answers()
    edit(task_file(project, "boolean_expressions"), "metric: acc,", "metric: acc_norm,")
    assert project.run() == Counter(["scores tiny", *PREFLIGHT, *RUN_STAGES])
    assert project.answers() == before


def test_a_raised_limit_infers_only_the_new_documents(project):
    before = project.answers()
    project.configure(limit=12)
    jobs = project.run()
    assert jobs == Counter(
        [f"requests {benchmark}" for benchmark in ("boolean_expressions", "arithmetic", "stories")]
        + OTHER_REQUESTS
    )
    added = project.answers() - before
    project.configure(limit=8)
    project.run()
    assert project.answers() == before + added
    assert (
        4 * 2 + 4 + 4 <= added < 4 * 2 + 4 + 4 * 8
    )  # choices, texts and windows of four more documents each


def test_the_order_of_keys_changed(project):
    path = project.folder / "config" / "config.yaml"
    values = yaml.safe_load(path.read_text())
    values["models"] = {
        name: dict(reversed(model.items())) for name, model in values["models"].items()
    }
    path.write_text(yaml.safe_dump(dict(reversed(values.items())), sort_keys=False))
    assert project.planned() == Counter()


def test_how_a_model_runs_changed(project):
    project.configure(
        models={
            "tiny": {
                "source": "demo:tiny",
                "dtype": "float32",
                "threads": 2,
                "tokens_per_batch": 100,
                "shards": 3,
            }
        }
    )
    assert project.planned() == Counter()


def test_shards_give_the_same_bytes(finished, unstarted):
    model = {"source": "demo:tiny", "dtype": "float32", "shards": 3}
    unstarted.configure(models={"tiny": model})
    assert unstarted.run()["calls tiny"] == 3
    assert unstarted.answers() == finished.answers()
    assert unstarted.tables() == finished.tables()
    # as of a shard that died, before anything that follows it
    for lost in (
        "calls/tiny/2-of-3/arithmetic.parquet",
        "index/calls/tiny/2-of-3.parquet",
        "tables/scores.parquet",
    ):
        (unstarted.results / lost).unlink()
    assert unstarted.run()["calls tiny"] == 1
    assert unstarted.answers() == finished.answers()
    assert unstarted.tables() == finished.tables()


def test_the_code_of_a_stage_changed(project):
    before = project.answers()
    edit(
        project.folder / "workflow/snakeval/scoring/score.py",
        "def score_task(",
        "CHANGED = 1\n\n\ndef score_task(",
    )
    assert project.run() == Counter(["scores tiny", *PREFLIGHT, *RUN_STAGES])
    assert project.answers() == before


def test_the_script_of_a_stage_changed(project):
    edit(project.folder / "workflow/scripts/scores.py", "folder = ", "CHANGED = 1\nfolder = ")
    assert project.planned() == Counter(["scores tiny", *RUN_STAGES])


def test_a_package_that_scores_was_upgraded(project):
    newer = project.folder / "workflow/sacrebleu-99.dist-info"
    newer.mkdir()
    (newer / "METADATA").write_text("Name: sacrebleu\nVersion: 99\n")
    assert project.planned() == Counter(["scores tiny", *PREFLIGHT, *RUN_STAGES])


def test_the_code_of_the_engine_changed(project):
    before = project.answers()
    edit(
        project.folder / "workflow/snakeval/backends/local/build.py",
        "def load(",
        "CHANGED = 1\n\n\ndef load(",
    )
    assert project.planned() == Counter(
        ["calls tiny", "responses tiny", "scores tiny", *RUN_STAGES]
    )
    project.run()
    assert project.answers() == 2 * before


def test_a_comment_changed(project):
    for module in [
        *(project.folder / "workflow/snakeval").rglob("*.py"),
        *(project.folder / "workflow/scripts").glob("*.py"),
    ]:
        module.write_text(module.read_text() + "\n# a remark\n")
    edit(project.folder / "workflow/snakeval/scoring/score.py", '"""', '"""Another first line. ')
    assert project.planned() == Counter()


def test_results_copied_into_a_fresh_clone(finished, unstarted):
    shutil.copytree(finished.results, unstarted.results)
    for file in unstarted.folder.rglob("*"):
        if unstarted.results not in file.parents:
            os.utime(file)  # as a checkout has it: every file newer than the results
    assert unstarted.planned() == Counter()
    unstarted.configure(limit=9)  # and yet a change is seen, without Snakemake's own records
    assert unstarted.planned()["responses tiny"] == 1


def test_an_output_deleted(project):
    before = project.tables()
    (project.results / "tables/comparisons.parquet").unlink()
    assert project.run() == Counter(RUN_STAGES)
    assert project.tables() == before


def test_a_file_of_responses_deleted(project):
    """Deleting the index makes the job look again, and only the missing file is made."""
    before, answers = project.tables(), project.answers()
    (project.results / "responses/tiny/arithmetic.parquet").unlink()
    kept = project.results / "responses/tiny/stories.parquet"
    times = kept.stat().st_mtime
    (project.results / "index/scores/tiny.parquet").unlink()
    (project.results / "tables/scores.parquet").unlink()
    failed = project.snakemake(check=False)
    assert failed.returncode != 0
    advice = "missing. Delete results/index/responses/tiny.parquet and run again"
    assert f"responses/tiny/arithmetic.parquet: {advice}" in failed.stderr
    (project.results / "index/responses/tiny.parquet").unlink()
    assert project.run() == Counter(["responses tiny", "scores tiny", *RUN_STAGES])
    assert project.answers() == answers
    assert project.tables() == before
    assert kept.stat().st_mtime == times


def test_documents_that_are_gone_are_reported_with_the_list_to_delete(project):
    before = project.tables()
    file = next(project.results.glob("datasets/generator+boolean/*/test.parquet"))
    file.unlink()
    (project.results / "requests/boolean_expressions.parquet").unlink()
    target = "results/requests/boolean_expressions.parquet"
    failed = project.snakemake(target, check=False)
    index = "results/index/datasets/generator+boolean.parquet"
    gone = f"{file.relative_to(project.folder)}: no such file"
    advice = f"{gone}. Delete {index}, which lists it, and run again."
    assert advice in failed.stdout + failed.stderr
    (project.folder / index).unlink()
    project.snakemake(target)
    assert project.tables() == before


def test_a_job_reads_the_store_once(project):
    edit(
        project.folder / "workflow/snakeval/inference/store.py",
        "        self.tokenizer = ",
        "        print('STORE')\n        self.tokenizer = ",
    )
    project.run()
    logs = [
        project.results / "logs" / job for job in ("calls/tiny/1-of-1.log", "responses/tiny.log")
    ]
    assert [log.read_text().count("STORE") for log in logs] == [1, 1]


def test_killed_in_the_middle_of_inference(finished, unstarted):
    """No finished call is made again, and the tables are byte for byte those of a whole run."""
    process = subprocess.Popen(
        unstarted.command(),
        cwd=unstarted.folder,
        env=unstarted.environment(),
        start_new_session=True,
        stdout=-3,
        stderr=-3,
    )
    while not unstarted.answers() and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    known = unstarted.answers()
    assert 0 < known < finished.answers()
    unstarted.snakemake("--unlock")
    unstarted.run()
    assert unstarted.answers() == finished.answers()
    assert unstarted.tables() == finished.tables()


def test_a_dry_run_with_other_settings_while_a_job_runs_hides_nothing(project):
    """The job's output is newer than the settings of the dry run, and not made from them."""
    dry_run = project.command("--dry-run", "--config", "limit=9")
    script = project.folder / "workflow/scripts/requests.py"
    edit(
        script,
        "layout = ",
        f"import subprocess\n\nsubprocess.run({dry_run}, check=True)\nlayout = ",
    )
    project.configure(limit=10)
    project.snakemake("results/requests/arithmetic.parquet")
    assert pq.read_metadata(project.results / "requests/arithmetic.parquet").num_rows == 10
    project.configure(limit=9)
    assert project.planned()["requests arithmetic"] == 1


def test_a_job_on_another_machine_leaves_settings_alone(project):
    settings = project.results / "settings/requests/arithmetic.json"
    before = settings.read_bytes()
    project.configure(limit=9)
    project.snakemake("--mode", "remote", "--dry-run", "results/requests/arithmetic.parquet")
    assert settings.read_bytes() == before
    project.planned()
    assert settings.read_bytes() != before


def test_two_runs_give_the_same_bytes(finished, unstarted):
    unstarted.run()
    assert unstarted.tables() == finished.tables()

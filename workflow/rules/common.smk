# The checked configuration, and what each rule's jobs depend on.
#
# Settings that determine a result are a small JSON file per job and an input of its rule: rewritten when, and only when, their content
# changes, they make Snakemake's own time stamps see every change of configuration, task file or code, with or without its metadata.
# What only says how to run (GPUs, threads, batch size) is a `params` benchmark and never makes anything run again.

import gc
import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# The library that lies beside these rules is the one that runs, here and in every job, whatever is installed.
LIBRARY = Path(workflow.current_basedir).parent
sys.path.insert(0, str(LIBRARY))
os.environ.update(
    PYTHONPATH=os.pathsep.join([str(LIBRARY), *filter(None, [os.environ.get("PYTHONPATH")])])
)

# Snakemake writes the interpreter's path into shell commands as it is: a space in it would end the command there.
if " " in sys.executable:
    sys.executable = shlex.quote(sys.executable)

# A plan is half a million objects that stay; to look for garbage among them again and again takes a sixth of the time.
gc.freeze()
gc.set_threshold(200_000, 50, 100)

from snakeval.errors import UserError
from snakeval.planning import plan, timestamps


wildcard_constraints:
    model=r"[^/]+",
    benchmark=r"[^/]+",
    dataset=r"[^/]+",
    shard=r"\d+-of-\d+",


localrules:
    all,
    bundle,
    download_dataset,
    download_model,
    findings,
    list_requests,
    preflight,
    tables,
    report,
    verify,
    compare_with_baseline,
    gate,
    sample_size,
    power,


try:
    RUN = plan.make(config, files=workflow.configfiles, root=LIBRARY.parent)
    AHEAD = []
    if (
        workflow.is_main_process
    ):  # a job on another machine reads what the run was started with, whatever the configuration says by now
        plan.write(RUN)
        AHEAD = timestamps.bring_back(Path(RUN.config.results))
except UserError as error:
    raise WorkflowError(str(error)) from None

RESULTS = RUN.config.results
if AHEAD:
    print(
        f"The time of {len(AHEAD)} files, such as {AHEAD[0]}, lay ahead. They have the present time now.",
        file=sys.stderr,
    )
PROGRAMS_AT_ONCE = 8  # of those that models write, in one scoring job
MODELS = sorted(RUN.config.models)
RECORDED = [
    model for model in MODELS if plan.is_recorded(RUN.config, model)
]  # whose answers exist already
ASKED = [model for model in MODELS if model not in RECORDED]
BENCHMARKS = sorted(RUN.benchmarks)
COMMAND = shlex.join(["snakemake", *sys.argv[1:]])
RULE_GRAPH = [  # what `snakemake --rulegraph` draws, for the report
    ["download_dataset", "requests"],
    ["requests", "list_requests"],
    ["list_requests", "check_tasks"],
    *([["list_requests", "tokens"], ["download_model", "tokens"]] if ASKED else []),
    *([[rule, "infer"] for rule in ("check_tasks", "download_model", "tokens")] if ASKED else []),
    *([[rule, "responses"] for rule in ("download_model", "tokens", "infer")] if ASKED else []),
    *(
        [["list_requests", "recorded_responses"], ["download_model", "recorded_responses"]]
        if RECORDED
        else []
    ),
    *([["responses", "scores"]] if ASKED else []),
    *([["recorded_responses", "scores"]] if RECORDED else []),
    ["list_requests", "scores"],
    ["check_tasks", "findings"],
    *([["tokens", "findings"]] if ASKED else []),
    *([[rule, "tables"] for rule in ("tokens", "infer", "responses")] if ASKED else []),
    *([["recorded_responses", "tables"]] if RECORDED else []),
    ["list_requests", "tables"],
    ["scores", "tables"],
    *([[rule, "report"] for rule in ("tokens", "responses")] if ASKED else []),
    *([["recorded_responses", "report"]] if RECORDED else []),
    *(
        [rule, "report"]
        for rule in (
            "download_dataset",
            "download_model",
            "list_requests",
            "scores",
            "findings",
            "tables",
        )
    ),
]


def results_folder(wildcards):
    """Params function: where files lie that are listed in an index, not declared one by one."""
    return RESULTS


def settings_of(rule_name, wildcard=None):
    """Input function: the settings file of a rule's job, named by one of its wildcards."""
    folder = f"{RESULTS}/settings/{rule_name}"
    return (
        (lambda wildcards: f"{folder}/{wildcards[wildcard]}.json") if wildcard else f"{folder}.json"
    )


def one_of(models):
    """Wildcard constraint: one of these names; without any it fits nothing."""
    return "|".join(map(re.escape, models)) or "(?!)"


def shards_of(model):
    """What each shard of a model has asked."""
    shards = RUN.config.models[model].shards
    return [
        f"{RESULTS}/index/calls/{model}/{number}-of-{shards}.parquet"
        for number in range(1, shards + 1)
    ]


def checks_before_asking(wildcards):
    """Input function: the check of tasks, where a setting that decides on requests is newer than what was asked, or nothing was.

    Else none: it also looks at scoring, and whatever runs makes all behind it run, so a changed metric would ask again. `ancient` would
    hide other changes from the jobs behind it.
    """
    asked = Path(f"{RESULTS}/index/calls/{wildcards.model}/{wildcards.shard}.parquet")
    jobs = [("requests", RUN.settings["requests"]), ("datasets", RUN.settings["datasets"])]
    jobs += [(rule, [wildcards.model]) for rule in ("models", "tokens", "responses")]
    settings = [
        Path(f"{RESULTS}/settings/{rule}/{name}.json") for rule, names in jobs for name in names
    ]
    if asked.exists() and all(file.stat().st_mtime <= asked.stat().st_mtime for file in settings):
        return []
    return [f"{RESULTS}/index/check_tasks.parquet"]


def baseline_files():
    """The earlier run's lists of scores and its requests, where the baseline is one; what it lacks is told when models are compared."""
    baseline = RUN.config.baseline
    if baseline is None or baseline in MODELS:
        return []
    files = [f"{baseline}/index/scores/{model}.parquet" for model in MODELS] + [
        f"{baseline}/requests/{benchmark}.parquet" for benchmark in BENCHMARKS
    ]
    return [file for file in files if Path(file).exists()]


def datasets_of_benchmark(wildcards):
    return [
        f"{RESULTS}/index/datasets/{dataset}.parquet"
        for dataset in RUN.datasets_of(wildcards.benchmark)
    ]


def model_setting(name):
    """Params and resources function: a model's setting that says how to run it."""
    return lambda wildcards: getattr(RUN.config.models[wildcards.model], name)


def threads_of(name):
    """Cores of a job that asks a model: all such jobs that compute on this machine's CPU share its cores equally, unless told otherwise."""
    model, cores = RUN.config.models[name], workflow.resource_settings.cores
    if (
        model.threads or model.gpus or not cores
    ):  # a cluster's jobs are not limited by the cores of this machine
        return model.threads or 1
    return max(
        1,
        cores
        // sum(
            RUN.config.models[other].shards for other in ASKED if not RUN.config.models[other].gpus
        ),
    )


def memory_of_model(wildcards, input, attempt):
    """Resources function: MB of host memory for asking a model."""
    from snakeval.planning import resources  # imports what plans and most jobs do without

    model = RUN.config.models[wildcards.model]
    return resources.memory_mb(
        input.model, input.tokens, gpus=model.gpus, processes=model.tensor_parallel, attempt=attempt
    )


def minutes_of_model(wildcards, input, threads, attempt):
    """Resources function: minutes for asking a model."""
    from snakeval.planning import resources

    model = RUN.config.models[wildcards.model]
    how = {"gpus": model.gpus, "threads": threads, "shards": model.shards}
    return resources.minutes(input.model, input.tokens, attempt=attempt, **how)


def print_summary():
    """The leaderboard and where the report lies, unless the run was for something else."""
    if not {"all", "report", "tables"} & ({*workflow.dag_settings.targets} or {"all"}):
        return
    summary, page = Path(RESULTS, "tables", "summary.md"), Path(RESULTS, "report", "index.html")
    if (
        preflight := Path(RESULTS, "tables", "preflight.md")
    ).exists() and not preflight.read_text().startswith("Preflight: nothing"):
        print(f"\n{preflight.read_text().splitlines()[0]} See {preflight}", file=sys.stderr)
    if page.exists():
        print(f"\n{summary.read_text()}\nReport: {page.resolve()}", file=sys.stderr)

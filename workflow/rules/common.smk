# The checked configuration, and what each rule's jobs depend on.
#
# Settings that determine a result are a small JSON file per job, and an input of its rule. The file is
# rewritten only when its content changes. So Snakemake's own time stamps see every change of
# configuration, task file or code, even without Snakemake's metadata. Settings that only say how to run
# (GPUs, threads, batch size) are `params` and never make anything run again.

import gc
import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# The library next to these rules runs, here and in every job, whatever is installed.
LIBRARY = Path(workflow.current_basedir).parent
sys.path.insert(0, str(LIBRARY))
os.environ.update(
    PYTHONPATH=os.pathsep.join([str(LIBRARY), *filter(None, [os.environ.get("PYTHONPATH")])])
)

# Snakemake does not quote the interpreter's path in shell commands; a space would end the command.
if " " in sys.executable:
    sys.executable = shlex.quote(sys.executable)

# A plan is half a million objects that stay. Looking for garbage among them takes a sixth of the time.
gc.freeze()
gc.set_threshold(200_000, 50, 100)

from snakeval.errors import UserError
from snakeval.files.layout import Layout
from snakeval.planning import plan, timestamps


wildcard_constraints:
    model=r"[^/]+",
    benchmark=r"[^/]+",
    dataset=r"[^/]+",
    shard=r"\d+-of-\d+",


localrules:
    all,
    bundle,
    datasets,
    models,
    findings,
    list_requests,
    preflight,
    tables,
    report,
    verify,
    gate_table,
    gate,
    power_table,
    power,


try:
    PLAN = plan.make(config, files=workflow.configfiles, root=LIBRARY.parent)
    AHEAD = []
    # A job on another machine uses the settings that the run was started with.
    if workflow.is_main_process:
        plan.write(PLAN)
        AHEAD = timestamps.bring_back(Path(PLAN.config.results))
except UserError as error:
    raise WorkflowError(str(error)) from None

LAYOUT = PLAN.layout
RESULTS = LAYOUT.results
if AHEAD:
    print(
        f"{len(AHEAD)} files, such as {AHEAD[0]}, had a time in the future. They now have the present time.",
        file=sys.stderr,
    )
PROGRAMS_AT_ONCE = 8  # of those that models write, in one scoring job
MODELS = sorted(PLAN.config.models)
BENCHMARKS = sorted(PLAN.run.benchmarks)
COMMAND = shlex.join(["snakemake", *sys.argv[1:]])


def results_folder(wildcards):
    """Params function: where files lie that are listed in an index, not declared one by one."""
    return RESULTS


def settings_of(stage, wildcard=None):
    """Input function: the settings of a stage's job, which one of its wildcards names."""
    return lambda wildcards: LAYOUT.settings(stage, wildcards[wildcard] if wildcard else "")


def passing(stage):
    """Wildcard constraint: the models that pass a stage; it fits nothing if there are none."""
    return "|".join(map(re.escape, PLAN.models_passing(stage))) or "(?!)"


def indices(stage, of=None):
    """The lists of a stage's files, of all models that pass it, or that pass the stage `of`."""
    return [LAYOUT.index(stage, model) for model in PLAN.models_passing(of or stage)]


def shards_of(model):
    """The lists of what each shard of a model asked."""
    shards = PLAN.config.models[model].shards
    return [LAYOUT.calls_index(model, f"{number}-of-{shards}") for number in range(1, shards + 1)]


def checks_before_asking(wildcards):
    """Input function: the check of tasks, if a setting that decides calls is newer than what was asked.

    Otherwise nothing. The check also covers scoring, and each job makes the jobs behind it run. So a
    changed metric would ask again. `ancient` would hide other changes from the jobs behind it.
    """
    asked = Path(LAYOUT.calls_index(wildcards.model, wildcards.shard))
    jobs = [("requests", BENCHMARKS), ("datasets", PLAN.datasets)]
    jobs += [(stage, [wildcards.model]) for stage in ("models", "tokens", "calls")]
    settings = [Path(LAYOUT.settings(stage, name)) for stage, names in jobs for name in names]
    if asked.exists() and all(file.stat().st_mtime <= asked.stat().st_mtime for file in settings):
        return []
    return [LAYOUT.check_tasks()]


def baseline_files():
    """The earlier run's lists of scores and its requests, if the baseline is one.

    What it lacks is reported when models are compared.
    """
    baseline = PLAN.config.baseline
    if baseline is None or baseline in MODELS:
        return []
    earlier = Layout(baseline)
    files = [earlier.index("scores", model) for model in MODELS]
    files += [earlier.requests(benchmark) for benchmark in BENCHMARKS]
    return [file for file in files if Path(file).exists()]


def datasets_of_benchmark(wildcards):
    """Input function: the lists of the data sets that a benchmark's tasks read."""
    return [LAYOUT.dataset_index(dataset) for dataset in PLAN.datasets_of(wildcards.benchmark)]


def model_setting(name):
    """Params and resources function: a model's setting that says how to run it."""
    return lambda wildcards: getattr(PLAN.config.models[wildcards.model], name)


def threads_of(name):
    """Cores of a job that asks a model.

    All such jobs that compute on this machine's CPU share its cores equally, unless configured.
    """
    model, cores = PLAN.config.models[name], workflow.resource_settings.cores
    # A cluster's jobs are not limited by the cores of this machine.
    if model.threads or model.gpus or not cores:
        return model.threads or 1
    asked = [PLAN.config.models[other] for other in PLAN.models_passing("calls")]
    return max(1, cores // sum(other.shards for other in asked if not other.gpus))


def memory_of_model(wildcards, input, attempt):
    """Resources function: MB of host memory for asking a model."""
    from snakeval.planning import resources  # imports what plans and most jobs do without

    model = PLAN.config.models[wildcards.model]
    return resources.memory_mb(
        input.model, input.tokens, gpus=model.gpus, processes=model.tensor_parallel, attempt=attempt
    )


def minutes_of_model(wildcards, input, threads, attempt):
    """Resources function: minutes for asking a model."""
    from snakeval.planning import resources

    model = PLAN.config.models[wildcards.model]
    how = {"gpus": model.gpus, "threads": threads, "shards": model.shards}
    return resources.minutes(input.model, input.tokens, attempt=attempt, **how)


def print_summary():
    """The leaderboard and the place of the report, unless the run was for something else."""
    if not {"all", "report", "tables"} & ({*workflow.dag_settings.targets} or {"all"}):
        return
    preflight, page = Path(LAYOUT.text("preflight")), Path(LAYOUT.page())
    if preflight.exists() and not preflight.read_text().startswith("Preflight: nothing"):
        print(f"\n{preflight.read_text().splitlines()[0]} See {preflight}", file=sys.stderr)
    if page.exists():
        summary = Path(LAYOUT.text("summary")).read_text()
        print(f"\n{summary}\nReport: {page.resolve()}", file=sys.stderr)

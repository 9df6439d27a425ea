# From a task's name to its requests: needs the network (or local files) once, then a CPU.


rule download_dataset:
    """Documents as published: one Parquet file per subset and split beside this list of them."""
    input:
        settings=settings_of("datasets", "dataset"),
    output:
        f"{RESULTS}/index/datasets/{{dataset}}.parquet",
    log:
        f"{RESULTS}/logs/datasets/{{dataset}}.log",
    conda:
        "../../envs/data.yaml"
    params:
        results=results_folder,
    message:
        "Documents of {wildcards.dataset}"
    script:
        "../scripts/download_dataset.py"


rule requests:
    """Documents rendered for a task: prompts, continuations, references; the same for every model."""
    input:
        settings=settings_of("requests", "entry"),
        datasets=datasets_of_entry,
    output:
        f"{RESULTS}/requests/{{entry}}.parquet",
    log:
        f"{RESULTS}/logs/requests/{{entry}}.log",
    conda:
        "../../envs/data.yaml"
    params:
        results=results_folder,
    message:
        "Requests of {wildcards.entry}"
    script:
        "../scripts/build_requests.py"


rule check_tasks:
    """What is wrong with documents, and with their scoring, found before a model is asked."""
    input:
        settings=settings_of("check_tasks"),
        requests=expand(f"{RESULTS}/requests/{{entry}}.parquet", entry=ENTRIES),
    output:
        f"{RESULTS}/index/check_tasks.parquet",
    log:
        f"{RESULTS}/logs/check_tasks.log",
    conda:
        "../../envs/score.yaml"
    params:
        entries=ENTRIES,
    message:
        "Checking tasks"
    script:
        "../scripts/check_tasks.py"

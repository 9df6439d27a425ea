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
        settings=settings_of("requests", "benchmark"),
        datasets=datasets_of_benchmark,
    output:
        f"{RESULTS}/requests/{{benchmark}}.parquet",
    log:
        f"{RESULTS}/logs/requests/{{benchmark}}.log",
    conda:
        "../../envs/data.yaml"
    params:
        results=results_folder,
    message:
        "Requests of {wildcards.benchmark}"
    script:
        "../scripts/build_requests.py"


rule list_requests:
    """The list of all benchmarks' requests, which every model's jobs depend on in place of the files: a plan has models + benchmarks edges, not
    models × benchmarks."""
    input:
        settings=settings_of("list_requests"),
        requests=expand(f"{RESULTS}/requests/{{benchmark}}.parquet", benchmark=BENCHMARKS),
    output:
        f"{RESULTS}/index/requests.parquet",
    log:
        f"{RESULTS}/logs/list_requests.log",
    conda:
        "../../envs/data.yaml"
    message:
        "List of requests"
    script:
        "../scripts/list_requests.py"


rule check_tasks:
    """What is wrong with documents, and with their scoring, found before a model is asked."""
    input:
        settings=settings_of("check_tasks"),
        requests=rules.list_requests.output[0],
    output:
        f"{RESULTS}/index/check_tasks.parquet",
    log:
        f"{RESULTS}/logs/check_tasks.log",
    conda:
        "../../envs/score.yaml"
    params:
        benchmarks=BENCHMARKS,
    message:
        "Checking tasks"
    script:
        "../scripts/check_tasks.py"

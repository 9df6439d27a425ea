# From a task's name to its requests: needs the network (or local files) once, then a CPU.


rule datasets:
    """Documents as published: one Parquet file per subset and split, and the list of them."""
    input:
        settings=settings_of("datasets", "dataset"),
    output:
        LAYOUT.dataset_index("{dataset}"),
    log:
        LAYOUT.log("datasets", "{dataset}"),
    conda:
        "../../envs/data.yaml"
    params:
        results=results_folder,
    message:
        "Documents of {wildcards.dataset}"
    script:
        "../scripts/datasets.py"


rule requests:
    """Documents rendered for a task, the same for every model."""
    input:
        settings=settings_of("requests", "benchmark"),
        datasets=datasets_of_benchmark,
    output:
        LAYOUT.requests("{benchmark}"),
    log:
        LAYOUT.log("requests", "{benchmark}"),
    conda:
        "../../envs/data.yaml"
    params:
        results=results_folder,
    message:
        "Requests of {wildcards.benchmark}"
    script:
        "../scripts/requests.py"


rule list_requests:
    """The list of all benchmarks' requests.

    Every model's jobs depend on it instead of the files: a plan has models + benchmarks edges, not
    models × benchmarks.
    """
    input:
        settings=settings_of("list_requests"),
        requests=[LAYOUT.requests(benchmark) for benchmark in BENCHMARKS],
    output:
        LAYOUT.requests_index(),
    log:
        LAYOUT.log("list_requests"),
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
        LAYOUT.check_tasks(),
    log:
        LAYOUT.log("check_tasks"),
    conda:
        "../../envs/score.yaml"
    params:
        benchmarks=BENCHMARKS,
    message:
        "Checking tasks"
    script:
        "../scripts/check_tasks.py"

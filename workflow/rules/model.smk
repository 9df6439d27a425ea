# One job per model and stage answers every task: the model is loaded once. Each writes a file per benchmark, keeps those that are still right,
# and declares the list of them (see workflow/snakeval/files/benchmark_files.py), so a new task or a changed metric costs only itself.


rule download_model:
    """The model's files with their sha256."""
    input:
        settings=settings_of("models", "model"),
    output:
        f"{RESULTS}/models/{{model}}.parquet",
    log:
        f"{RESULTS}/logs/models/{{model}}.log",
    conda:
        "../../envs/data.yaml"
    message:
        "Files of model {wildcards.model}"
    script:
        "../scripts/download_model.py"


rule tokens:
    """Requests as the model's token ids; what had to be cut is counted, what looks wrong is found."""
    input:
        settings=settings_of("tokens", "model"),
        model=f"{RESULTS}/models/{{model}}.parquet",
        requests=rules.list_requests.output[0],
    output:
        tokens=f"{RESULTS}/index/tokens/{{model}}.parquet",
        preflight=f"{RESULTS}/index/preflight/{{model}}.parquet",
        forecast=f"{RESULTS}/index/forecast/{{model}}.parquet",
    log:
        f"{RESULTS}/logs/tokens/{{model}}.log",
    wildcard_constraints:
        model=one_of(ASKED),
    conda:
        "../../envs/model.yaml"
    params:
        results=results_folder,
    message:
        "Tokens for {wildcards.model}"
    script:
        "../scripts/encode_tokens.py"


rule infer:
    """Ask a model, or one of its shards, what the store does not know. The only rule that needs a GPU."""
    input:
        settings=settings_of("responses", "model"),
        model=f"{RESULTS}/models/{{model}}.parquet",
        tokens=f"{RESULTS}/index/tokens/{{model}}.parquet",
        preflight=f"{RESULTS}/index/preflight/{{model}}.parquet",
        tasks=checks_before_asking,
    output:
        f"{RESULTS}/index/calls/{{model}}/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/infer/{{model}}/{{shard}}.log",
    wildcard_constraints:
        model=one_of(ASKED),
    conda:
        "../../envs/model.yaml"
    threads: lambda wildcards: threads_of(wildcards.model)
    resources:
        gpu=model_setting("gpus"),
        mem_mb=memory_of_model,
        runtime=minutes_of_model,
    params:
        results=results_folder,
        gpus=model_setting("gpus"),
        device=model_setting("device"),
        device_map=model_setting("device_map"),
        tensor_parallel=model_setting("tensor_parallel"),
        static_kv_cache=model_setting("static_kv_cache"),
        tokens_per_batch=model_setting("tokens_per_batch"),
    message:
        "Asking {wildcards.model} ({wildcards.shard})"
    script:
        "../scripts/infer.py"


rule responses:
    """What the model answers: log-likelihoods or texts, gathered from the store."""
    input:
        settings=settings_of("responses", "model"),
        model=f"{RESULTS}/models/{{model}}.parquet",
        tokens=f"{RESULTS}/index/tokens/{{model}}.parquet",
        asked=lambda wildcards: shards_of(wildcards.model),
    output:
        responses=f"{RESULTS}/index/responses/{{model}}.parquet",
        numerics=f"{RESULTS}/index/numerics/{{model}}.parquet",
    log:
        f"{RESULTS}/logs/responses/{{model}}.log",
    wildcard_constraints:
        model=one_of(ASKED),
    conda:
        "../../envs/model.yaml"
    params:
        results=results_folder,
    message:
        "Responses of {wildcards.model}"
    script:
        "../scripts/assemble_responses.py"


rule recorded_responses:
    """Answers that exist already, matched to the documents; what is missing or surplus is counted."""
    input:
        settings=settings_of("recorded", "model"),
        model=f"{RESULTS}/models/{{model}}.parquet",
        requests=rules.list_requests.output[0],
    output:
        responses=f"{RESULTS}/index/responses/{{model}}.parquet",
        recorded=f"{RESULTS}/index/recorded/{{model}}.parquet",
    log:
        f"{RESULTS}/logs/responses/{{model}}.log",
    wildcard_constraints:
        model=one_of(RECORDED),
    conda:
        "../../envs/data.yaml"
    params:
        results=results_folder,
    message:
        "Recorded answers of {wildcards.model}"
    script:
        "../scripts/read_responses.py"


rule scores:
    """Metrics of every document, computed from responses alone."""
    input:
        settings=settings_of("scores"),
        requests=rules.list_requests.output[0],
        responses=f"{RESULTS}/index/responses/{{model}}.parquet",
    output:
        f"{RESULTS}/index/scores/{{model}}.parquet",
    log:
        f"{RESULTS}/logs/scores/{{model}}.log",
    conda:
        "../../envs/score.yaml"
    threads: PROGRAMS_AT_ONCE if RUN.runs_code else 1
    params:
        results=results_folder,
        recorded=lambda wildcards: wildcards.model in RECORDED,
    message:
        "Scores of {wildcards.model}"
    script:
        "../scripts/score.py"

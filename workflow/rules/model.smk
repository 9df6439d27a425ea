# One job per model and stage answers every task: the model is loaded once. A job keeps the files that are still right (`update`), so a
# new task or a changed metric costs only itself.


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
    """Requests as the model's token ids; what had to be cut is counted."""
    input:
        settings=settings_of("tokens", "model"),
        model=f"{RESULTS}/models/{{model}}.parquet",
        requests=expand(f"{RESULTS}/requests/{{entry}}.parquet", entry=ENTRIES),
    output:
        update(per_entry("tokens")),
    log:
        f"{RESULTS}/logs/tokens/{{model}}.log",
    conda:
        "../../envs/model.yaml"
    message:
        "Tokens for {wildcards.model}"
    script:
        "../scripts/encode_tokens.py"


rule infer:
    """Ask a model, or one of its shards, what the store does not know. The only rule that needs a GPU."""
    input:
        settings=settings_of("responses", "model"),
        model=f"{RESULTS}/models/{{model}}.parquet",
        tokens=per_entry("tokens"),
    output:
        update(expand(f"{RESULTS}/shards/{{{{model}}}}/{{{{shard}}}}/{{entry}}.parquet", entry=ENTRIES)),
    log:
        f"{RESULTS}/logs/infer/{{model}}/{{shard}}.log",
    params:
        entries=ENTRIES,
        store=f"{RESULTS}/store",
        gpus=model_setting("gpus"),
        device_map=model_setting("device_map"),
        tokens_per_batch=model_setting("tokens_per_batch"),
    threads: model_setting("threads")
    resources:
        gpu=model_setting("gpus"),
    conda:
        "../../envs/model.yaml"
    script:
        "../scripts/infer.py"


rule responses:
    """What the model answers: log-likelihoods or texts, gathered from the store."""
    input:
        settings=settings_of("responses", "model"),
        model=f"{RESULTS}/models/{{model}}.parquet",
        tokens=per_entry("tokens"),
        asked=shards_of_model,
    output:
        responses=update(per_entry("responses")),
        timings=update(per_entry("timings")),
    log:
        f"{RESULTS}/logs/responses/{{model}}.log",
    params:
        entries=ENTRIES,
        store=f"{RESULTS}/store",
        asked=f"{RESULTS}/shards/{{model}}",
    conda:
        "../../envs/data.yaml"
    script:
        "../scripts/assemble_responses.py"


rule scores:
    """Metrics of every document, computed from responses alone."""
    input:
        settings=settings_of("scores"),
        requests=expand(f"{RESULTS}/requests/{{entry}}.parquet", entry=ENTRIES),
        responses=per_entry("responses"),
    output:
        update(per_entry("scores")),
    log:
        f"{RESULTS}/logs/scores/{{model}}.log",
    conda:
        "../../envs/score.yaml"
    params:
        entries=ENTRIES,
    message:
        "Scores of {wildcards.model}"
    script:
        "../scripts/score.py"

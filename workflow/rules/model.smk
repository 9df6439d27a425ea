# One job per model and stage handles every benchmark, so a model is loaded once. A job writes one file
# per benchmark, keeps the files that are still right, and declares the list of them to Snakemake
# (workflow/snakeval/files/benchmark_files.py). So a new task or a changed metric costs only itself.


rule models:
    """The model's files with their sha256."""
    input:
        settings=settings_of("models", "model"),
    output:
        LAYOUT.model("{model}"),
    log:
        LAYOUT.log("models", "{model}"),
    conda:
        "../../envs/data.yaml"
    message:
        "Files of model {wildcards.model}"
    script:
        "../scripts/models.py"


rule tokens:
    """Requests as token ids. What had to be cut is counted; what looks wrong is reported."""
    input:
        settings=settings_of("tokens", "model"),
        model=LAYOUT.model("{model}"),
        requests=rules.list_requests.output[0],
    output:
        tokens=LAYOUT.index("tokens", "{model}"),
        preflight=LAYOUT.index("preflight", "{model}"),
        forecast=LAYOUT.index("forecast", "{model}"),
    log:
        LAYOUT.log("tokens", "{model}"),
    wildcard_constraints:
        model=passing("tokens"),
    conda:
        "../../envs/model.yaml"
    params:
        results=results_folder,
    message:
        "Tokens for {wildcards.model}"
    script:
        "../scripts/tokens.py"


rule calls:
    """Ask a model what the store does not know. The only rule that needs a GPU."""
    input:
        settings=settings_of("calls", "model"),
        model=LAYOUT.model("{model}"),
        tokens=LAYOUT.index("tokens", "{model}"),
        preflight=LAYOUT.index("preflight", "{model}"),
        tasks=checks_before_asking,
    output:
        LAYOUT.calls_index("{model}", "{shard}"),
    log:
        LAYOUT.log("calls", "{model}", "{shard}"),
    wildcard_constraints:
        model=passing("calls"),
    conda:
        "../../envs/model.yaml"
    threads: lambda wildcards: threads_of(wildcards.model)
    resources:
        gpu=model_setting("gpus"),
        mem_mb=memory_of_model,
        runtime=minutes_of_model,
    params:
        results=results_folder,
        model=lambda wildcards: PLAN.config.models[wildcards.model].model_dump(),
    message:
        "Asking {wildcards.model} ({wildcards.shard})"
    script:
        "../scripts/calls.py"


rule responses:
    """What the model answers: log-likelihoods or texts, gathered from the store."""
    input:
        settings=settings_of("responses", "model"),
        model=LAYOUT.model("{model}"),
        tokens=LAYOUT.index("tokens", "{model}"),
        calls=lambda wildcards: shards_of(wildcards.model),
    output:
        responses=LAYOUT.index("responses", "{model}"),
        numerics=LAYOUT.index("numerics", "{model}"),
    log:
        LAYOUT.log("responses", "{model}"),
    wildcard_constraints:
        model=passing("responses"),
    conda:
        "../../envs/model.yaml"
    params:
        results=results_folder,
    message:
        "Responses of {wildcards.model}"
    script:
        "../scripts/responses.py"


rule recorded:
    """Recorded answers, matched to the documents. Missing and surplus ones are counted."""
    input:
        settings=settings_of("recorded", "model"),
        model=LAYOUT.model("{model}"),
        requests=rules.list_requests.output[0],
    output:
        responses=LAYOUT.index("responses", "{model}"),
        recorded=LAYOUT.index("recorded", "{model}"),
    log:
        LAYOUT.log("recorded", "{model}"),
    wildcard_constraints:
        model=passing("recorded"),
    conda:
        "../../envs/data.yaml"
    params:
        results=results_folder,
    message:
        "Recorded answers of {wildcards.model}"
    script:
        "../scripts/recorded.py"


rule scores:
    """Metrics of every document, computed from responses alone."""
    input:
        settings=settings_of("scores"),
        requests=rules.list_requests.output[0],
        responses=LAYOUT.index("responses", "{model}"),
    output:
        LAYOUT.index("scores", "{model}"),
    log:
        LAYOUT.log("scores", "{model}"),
    conda:
        "../../envs/score.yaml"
    threads: PROGRAMS_AT_ONCE if PLAN.runs_code else 1
    params:
        results=results_folder,
        recorded=lambda wildcards: wildcards.model in PLAN.models_passing("recorded"),
    message:
        "Scores of {wildcards.model}"
    script:
        "../scripts/scores.py"

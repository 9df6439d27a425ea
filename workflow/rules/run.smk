# All models and tasks together: tables with intervals and comparisons, and the page that shows them.


rule findings:
    """What preflight found, of all models, and a forecast of tokens, memory and time."""
    input:
        settings=settings_of("findings"),
        tasks=rules.check_tasks.output[0],
        prompts=expand(f"{RESULTS}/index/preflight/{{model}}.parquet", model=ASKED),
        loads=expand(f"{RESULTS}/index/forecast/{{model}}.parquet", model=ASKED),
    output:
        findings=f"{RESULTS}/tables/preflight.parquet",
        forecast=f"{RESULTS}/tables/forecast.parquet",
        summary=report(
            f"{RESULTS}/tables/preflight.md", caption="../report/preflight.rst", category="Checks"
        ),
    log:
        f"{RESULTS}/logs/findings.log",
    conda:
        "../../envs/score.yaml"
    params:
        models={
            model: {"gpus": RUN.config.models[model].gpus, "threads": threads_of(model)}
            for model in ASKED
        },
    message:
        "Findings of preflight"
    script:
        "../scripts/collect_findings.py"


rule preflight:
    """Show them, and fail when a model would not be asked; `snakemake preflight`."""
    input:
        settings=settings_of("findings"),
        findings=rules.findings.output.findings,
        summary=rules.findings.output.summary,
    log:
        f"{RESULTS}/logs/preflight.log",
    conda:
        "../../envs/score.yaml"
    message:
        "Preflight"
    script:
        "../scripts/preflight.py"


rule tables:
    """Scores with intervals, comparisons between models, what went wrong, what it cost."""
    input:
        settings=settings_of("tables"),
        requests=rules.list_requests.output[0],
        tokens=expand(f"{RESULTS}/index/tokens/{{model}}.parquet", model=ASKED),
        asked=[index for model in ASKED for index in shards_of(model)],
        numerics=expand(f"{RESULTS}/index/numerics/{{model}}.parquet", model=ASKED),
        recorded=expand(f"{RESULTS}/index/recorded/{{model}}.parquet", model=RECORDED),
        responses=expand(f"{RESULTS}/index/responses/{{model}}.parquet", model=MODELS),
        scores=expand(f"{RESULTS}/index/scores/{{model}}.parquet", model=MODELS),
    output:
        scores=f"{RESULTS}/tables/scores.parquet",
        comparisons=f"{RESULTS}/tables/comparisons.parquet",
        health=f"{RESULTS}/tables/health.parquet",
        efficiency=f"{RESULTS}/tables/efficiency.parquet",
        numerics=f"{RESULTS}/tables/numerics.parquet",
        targets=f"{RESULTS}/tables/targets.parquet",
        summary=report(
            f"{RESULTS}/tables/summary.md", caption="../report/summary.rst", category="Scores"
        ),
        export=directory(f"{RESULTS}/tables/export"),
    log:
        f"{RESULTS}/logs/tables.log",
    conda:
        "../../envs/score.yaml"
    params:
        benchmarks=BENCHMARKS,
    message:
        "Tables of the run"
    script:
        "../scripts/make_tables.py"


rule report:
    """One page that opens without a network."""
    input:
        settings=settings_of("report"),
        tables=rules.tables.output,
        findings=rules.findings.output,
        requests=rules.list_requests.output[0],
        tokens=expand(f"{RESULTS}/index/tokens/{{model}}.parquet", model=ASKED),
        responses=expand(f"{RESULTS}/index/responses/{{model}}.parquet", model=MODELS),
        scores=expand(f"{RESULTS}/index/scores/{{model}}.parquet", model=MODELS),
        models=expand(f"{RESULTS}/models/{{model}}.parquet", model=MODELS),
        datasets=expand(
            f"{RESULTS}/index/datasets/{{dataset}}.parquet",
            dataset=sorted(RUN.settings["datasets"]),
        ),
        history=[
            file
            for folder in RUN.earlier_runs
            for file in [
                f"{folder}/{plan.SCORES_OF_A_RUN}",
                f"{folder}/index/requests.parquet",
                *expand(f"{folder}/index/scores/{{model}}.parquet", model=MODELS),
            ]
            if file.endswith(plan.SCORES_OF_A_RUN) or Path(file).exists()
        ],
    output:
        page=report(f"{RESULTS}/report/index.html", caption="../report/page.rst", category="Scores"),
        sums=f"{RESULTS}/report/SHA256SUMS",
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        "../../envs/score.yaml"
    params:
        results=results_folder,
        config=RUN.config.model_dump(),
        repository=str(LIBRARY.parent),
        command=COMMAND,
        rules=RULE_GRAPH,
    message:
        "Report"
    script:
        "../scripts/write_report.py"


rule compare_with_baseline:
    """Every model against an earlier run or another model, document by document."""
    input:
        settings=settings_of("gate"),
        requests=rules.list_requests.output[0],
        scores=expand(f"{RESULTS}/index/scores/{{model}}.parquet", model=MODELS),
        baseline=baseline_files(),
    output:
        gate=f"{RESULTS}/tables/gate.parquet",
        flips=f"{RESULTS}/tables/flips.parquet",
        summary=report(f"{RESULTS}/tables/gate.md", caption="../report/gate.rst", category="Checks"),
    log:
        f"{RESULTS}/logs/compare_with_baseline.log",
    conda:
        "../../envs/score.yaml"
    params:
        results=results_folder,
        benchmarks=BENCHMARKS,
    message:
        "Comparison with the baseline"
    script:
        "../scripts/compare_with_baseline.py"


rule gate:
    """Fail when a model got worse than the baseline; `snakemake gate`."""
    input:
        settings=settings_of("gate"),
        gate=rules.compare_with_baseline.output.gate,
        summary=rules.compare_with_baseline.output.summary,
    log:
        f"{RESULTS}/logs/gate.log",
    conda:
        "../../envs/score.yaml"
    message:
        "Gate"
    script:
        "../scripts/gate.py"


rule sample_size:
    """The differences that this many documents can show, and the documents that wanted differences need."""
    input:
        settings=settings_of("power"),
        scores=rules.tables.output.scores,
        comparisons=rules.tables.output.comparisons,
    output:
        power=f"{RESULTS}/tables/power.parquet",
        summary=report(
            f"{RESULTS}/tables/power.md", caption="../report/power.rst", category="Checks"
        ),
    log:
        f"{RESULTS}/logs/sample_size.log",
    conda:
        "../../envs/score.yaml"
    message:
        "Sample sizes"
    script:
        "../scripts/sample_size.py"


rule power:
    """Show them; `snakemake power`."""
    input:
        settings=settings_of("power"),
        summary=rules.sample_size.output.summary,
    log:
        f"{RESULTS}/logs/power.log",
    conda:
        "../../envs/score.yaml"
    message:
        "Power"
    script:
        "../scripts/show.py"


rule verify:
    """Check that every file of the results is as it was written; `snakemake verify`."""
    input:
        settings=settings_of("report"),
    log:
        f"{RESULTS}/logs/verify.log",
    conda:
        "../../envs/data.yaml"
    params:
        results=results_folder,
        configured=[*MODELS, *BENCHMARKS, *sorted(RUN.settings["datasets"])],
    message:
        "Files of the results"
    script:
        "../scripts/verify.py"

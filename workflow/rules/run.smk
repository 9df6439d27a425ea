# All models and tasks together: tables with intervals and comparisons, and the page that shows them.


rule tables:
    """Scores with intervals, comparisons between models, what went wrong, what it cost."""
    input:
        settings=settings_of("tables"),
        requests=expand(f"{RESULTS}/requests/{{entry}}.parquet", entry=ENTRIES),
        tokens=expand(f"{RESULTS}/index/tokens/{{model}}.parquet", model=MODELS),
        asked=[index for model in MODELS for index in shards_of(model)],
        responses=expand(f"{RESULTS}/index/responses/{{model}}.parquet", model=MODELS),
        scores=expand(f"{RESULTS}/index/scores/{{model}}.parquet", model=MODELS),
    output:
        scores=f"{RESULTS}/tables/scores.parquet",
        comparisons=f"{RESULTS}/tables/comparisons.parquet",
        health=f"{RESULTS}/tables/health.parquet",
        efficiency=f"{RESULTS}/tables/efficiency.parquet",
        summary=f"{RESULTS}/tables/summary.md",
    log:
        f"{RESULTS}/logs/tables.log",
    conda:
        "../../envs/score.yaml"
    params:
        entries=ENTRIES,
    message:
        "Tables of the run"
    script:
        "../scripts/make_tables.py"


rule report:
    """One page that opens without a network."""
    input:
        settings=settings_of("report"),
        tables=rules.tables.output,
    output:
        page=f"{RESULTS}/report/index.html",
        sums=f"{RESULTS}/report/SHA256SUMS",
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        "../../envs/score.yaml"
    params:
        results=RESULTS,
        config=RUN.config.model_dump(),
        datasets=sorted(RUN.settings["datasets"]),
        repository=str(LIBRARY.parent),
        command=COMMAND,
        title="Evaluation",
        rules=RULE_GRAPH,
    message:
        "Report"
    script:
        "../scripts/write_report.py"


rule verify:
    """Check that every file of the results is as it was written; `snakemake verify`."""
    input:
        settings=settings_of("report"),
    log:
        f"{RESULTS}/logs/verify.log",
    conda:
        "../../envs/data.yaml"
    params:
        results=RESULTS,
    message:
        "Files of the results"
    script:
        "../scripts/verify.py"

# All models and tasks together: tables with intervals and comparisons, and the report.


rule findings:
    """What preflight found, of all models, and a forecast of tokens, memory and time."""
    input:
        settings=settings_of("findings"),
        tasks=rules.check_tasks.output[0],
        prompts=indices("preflight", of="tokens"),
        loads=indices("forecast", of="tokens"),
    output:
        findings=LAYOUT.table("preflight"),
        forecast=LAYOUT.table("forecast"),
        summary=report(
            LAYOUT.text("preflight"), caption="../report/preflight.rst", category="Checks"
        ),
    log:
        LAYOUT.log("findings"),
    conda:
        "../../envs/score.yaml"
    params:
        models={
            model: {"gpus": PLAN.config.models[model].gpus, "threads": threads_of(model)}
            for model in PLAN.models_passing("calls")
        },
    message:
        "Findings of preflight"
    script:
        "../scripts/findings.py"


rule preflight:
    """Show them, and fail when a model would not be asked; `snakemake preflight`."""
    input:
        settings=settings_of("findings"),
        findings=rules.findings.output.findings,
        summary=rules.findings.output.summary,
    log:
        LAYOUT.log("preflight"),
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
        tokens=indices("tokens"),
        calls=[index for model in PLAN.models_passing("calls") for index in shards_of(model)],
        numerics=indices("numerics", of="responses"),
        recorded=indices("recorded"),
        responses=indices("responses", of="scores"),
        scores=indices("scores", of="scores"),
    output:
        scores=LAYOUT.table("scores"),
        comparisons=LAYOUT.table("comparisons"),
        health=LAYOUT.table("health"),
        efficiency=LAYOUT.table("efficiency"),
        numerics=LAYOUT.table("numerics"),
        targets=LAYOUT.table("targets"),
        summary=report(LAYOUT.text("summary"), caption="../report/summary.rst", category="Scores"),
        export=directory(LAYOUT.export()),
    log:
        LAYOUT.log("tables"),
    conda:
        "../../envs/score.yaml"
    message:
        "Tables of the run"
    script:
        "../scripts/tables.py"


rule report:
    """One page that opens without a network."""
    input:
        settings=settings_of("report"),
        tables=rules.tables.output,
        findings=rules.findings.output,
        requests=rules.list_requests.output[0],
        tokens=indices("tokens"),
        responses=indices("responses", of="scores"),
        scores=indices("scores", of="scores"),
        models=list(map(LAYOUT.model, MODELS)),
        datasets=list(map(LAYOUT.dataset_index, PLAN.datasets)),
        history=[
            file
            for earlier in map(Layout, PLAN.earlier_runs)
            for file in [
                earlier.table("scores"),
                earlier.requests_index(),
                *(earlier.index("scores", model) for model in MODELS),
            ]
            if Path(file).exists()
        ],
    output:
        page=report(LAYOUT.page(), caption="../report/page.rst", category="Scores"),
        sums=LAYOUT.sums(),
    log:
        LAYOUT.log("report"),
    conda:
        "../../envs/score.yaml"
    params:
        results=results_folder,
        config=PLAN.config.model_dump(),
        repository=str(LIBRARY.parent),
        command=COMMAND,
        rules=PLAN.rule_graph(),
    message:
        "Report"
    script:
        "../scripts/report.py"


rule gate_table:
    """Every model against an earlier run or another model, document by document."""
    input:
        settings=settings_of("gate_table"),
        requests=rules.list_requests.output[0],
        scores=indices("scores", of="scores"),
        baseline=baseline_files(),
    output:
        gate=LAYOUT.table("gate"),
        flips=LAYOUT.table("flips"),
        summary=report(LAYOUT.text("gate"), caption="../report/gate.rst", category="Checks"),
    log:
        LAYOUT.log("gate_table"),
    conda:
        "../../envs/score.yaml"
    params:
        results=results_folder,
    message:
        "Comparison with the baseline"
    script:
        "../scripts/gate_table.py"


rule gate:
    """Fail when a model got worse than the baseline; `snakemake gate`."""
    input:
        settings=settings_of("gate_table"),
        gate=rules.gate_table.output.gate,
        summary=rules.gate_table.output.summary,
    log:
        LAYOUT.log("gate"),
    conda:
        "../../envs/score.yaml"
    message:
        "Gate"
    script:
        "../scripts/gate.py"


rule power_table:
    """The differences that the documents can show, and the documents that differences need."""
    input:
        settings=settings_of("power_table"),
        scores=rules.tables.output.scores,
        comparisons=rules.tables.output.comparisons,
    output:
        power=LAYOUT.table("power"),
        summary=report(LAYOUT.text("power"), caption="../report/power.rst", category="Checks"),
    log:
        LAYOUT.log("power_table"),
    conda:
        "../../envs/score.yaml"
    message:
        "Sample sizes"
    script:
        "../scripts/power_table.py"


rule power:
    """Show them; `snakemake power`."""
    input:
        settings=settings_of("power_table"),
        summary=rules.power_table.output.summary,
    log:
        LAYOUT.log("power"),
    conda:
        "../../envs/score.yaml"
    message:
        "Power"
    script:
        "../scripts/power.py"


rule verify:
    """Check that every file of the results is as it was written; `snakemake verify`."""
    input:
        settings=settings_of("report"),
    log:
        LAYOUT.log("verify"),
    conda:
        "../../envs/data.yaml"
    params:
        results=results_folder,
        configured=[*MODELS, *BENCHMARKS, *PLAN.datasets],
    message:
        "Files of the results"
    script:
        "../scripts/verify.py"

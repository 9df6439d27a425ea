# Results on object storage: `snakemake publish`, if the configuration names a place for them.

if PLAN.config.publish:
    PUBLISHED = PLAN.config.publish.rstrip("/")
    SHOWN = [
        rules.report.output.page,
        *(file for file in rules.tables.output if file.endswith((".parquet", ".md"))),
    ]

    localrules:
        publish,

    rule publish:
        """The page and the tables to look at, and one archive of all results to go on from."""
        input:
            settings=settings_of("publish"),
            findings=rules.findings.output,
            tables=rules.tables.output,
            report=rules.report.output,
            shown=SHOWN,
        output:
            shown=storage(
                [f"{PUBLISHED}/{file.removeprefix(RESULTS).lstrip('/')}" for file in SHOWN]
            ),
            archive=storage(f"{PUBLISHED}/results.tar"),
        log:
            LAYOUT.log("publish"),
        conda:
            "../../envs/data.yaml"
        params:
            results=results_folder,
        message:
            "Publish"
        script:
            "../scripts/publish.py"

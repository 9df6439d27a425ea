# A folder to run elsewhere, without a network: `snakemake bundle`.


rule bundle:
    """Program, task files, documents, models and metrics in one folder, with a configuration that leads to them."""
    input:
        settings=settings_of("bundle"),
        models=expand(f"{RESULTS}/models/{{model}}.parquet", model=MODELS),
        datasets=expand(
            f"{RESULTS}/index/datasets/{{dataset}}.parquet",
            dataset=sorted(RUN.settings["datasets"]),
        ),
    output:
        f"{RESULTS}/bundle/config/config.yaml",
    log:
        f"{RESULTS}/logs/bundle.log",
    conda:
        "../../envs/score.yaml"
    params:
        results=results_folder,
        models=MODELS,
        repository=str(LIBRARY.parent),
    message:
        "Bundle"
    script:
        "../scripts/make_bundle.py"

# A folder that runs elsewhere without a network: `snakemake bundle`.


rule bundle:
    """Program, task files, documents, models and metrics in one folder, with its configuration."""
    input:
        settings=settings_of("bundle"),
        models=[LAYOUT.model(model) for model in MODELS],
        datasets=[LAYOUT.dataset_index(dataset) for dataset in PLAN.datasets],
    output:
        f"{LAYOUT.bundle()}/config/config.yaml",
    log:
        LAYOUT.log("bundle"),
    conda:
        "../../envs/score.yaml"
    params:
        results=results_folder,
        models=MODELS,
        repository=str(LIBRARY.parent),
    message:
        "Bundle"
    script:
        "../scripts/bundle.py"

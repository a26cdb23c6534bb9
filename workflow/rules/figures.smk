# Figures that show images.


# A few hundred images, whatever the archive's size: a job a data set for all models that are shown.
for _name in experiment.trained:

    rule:
        name:
            f"attend_{_name}"
        input:
            **by_digest(
                backbones=paths.backbones(_name, experiment.attending_models(_name)),
                boxes=f"{results}/{_name}/boxes.parquet",
                images=paths.image_sets(_name, shown.attended(_name)),
            ),
        output:
            maps=paths.attended(_name, "npz"),
            shares=paths.attended(_name, "parquet"),
        log:
            f"<logs>/attend/{_name}.log",
        benchmark:
            f"<benchmarks>/attend/{_name}.tsv"
        conda:
            "../../envs/anonbench.yaml"
        resources:
            mem_mb=growing(estimates[_name].embedding_mb),
            runtime=growing(60),
        params:
            code=code_of("attend"),
            attention_images=settings.presentation.attention_images,
            dataset=_name,
            variants=shown.attended(_name),
        script:
            "../scripts/attend.py"


rule examples:
    input:
        **by_digest(
            shown=lambda w: paths.image_sets(w.dataset, shown.examples(w.dataset)),
            searched=lambda w: paths.shown_outcomes(w.dataset),
        ),
    output:
        paths.page("figure", "examples_{dataset}"),
    log:
        "<logs>/figure/examples_{dataset}.log",
    benchmark:
        "<benchmarks>/figure/examples_{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("examples"),
        settings=presentation("dpi", "show_originals", "example_images"),
        variants=lambda w: shown.examples(w.dataset),
    script:
        "../scripts/examples.py"

# How well detection works, where the truth is known, and which images a person should look at.

found = by_digest(
    manifest=rules.manifest.output.manifest,
    boxes=rules.boxes.output.boxes,
    images=lambda w: paths.detected(w.dataset, "images"),
)


rule quality:
    input:
        **found,
        truth=truth,
    output:
        regions="<results>/{dataset}/quality/regions.parquet",
        images="<results>/{dataset}/quality/images.parquet",
        summary="<results>/{dataset}/quality/summary.csv",
        visible_area="<results>/{dataset}/quality/visible_area.csv",
        markdown="<results>/{dataset}/quality/summary.md",
    log:
        "<logs>/quality/{dataset}.log",
    benchmark:
        "<benchmarks>/quality/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        code=code_of("quality"),
        slice=lambda w: stage_parameters.quality(settings, w.dataset),
        drawn_truth=drawn_truth,
    script:
        "../scripts/quality.py"


rule sweep:
    input:
        **by_digest(
            manifest=rules.manifest.output.manifest,
            images=lambda w: paths.detected(w.dataset, "images"),
        ),
        truth=truth,
    output:
        "<results>/{dataset}/quality/sweep.csv",
    log:
        "<logs>/sweep/{dataset}.log",
    benchmark:
        "<benchmarks>/sweep/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        code=code_of("sweep"),
        slice=lambda w: stage_parameters.sweep(settings, w.dataset),
        drawn_truth=drawn_truth,
    script:
        "../scripts/sweep.py"


rule review:
    input:
        **found,
    output:
        "<results>/{dataset}/quality/least_certain.csv",
    log:
        "<logs>/review/{dataset}.log",
    benchmark:
        "<benchmarks>/review/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(20),
    params:
        code=code_of("review"),
        listed=settings.detection_quality.listed,
    script:
        "../scripts/review.py"

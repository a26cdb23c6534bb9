# How well detection works, where the truth is known, and which images a person should look at.


rule quality:
    input:
        lambda w: digests(found(w)),
        truth=truth_file,
        manifest=ancient(rules.manifest.output.manifest),
        boxes=ancient(rules.boxes.output.boxes),
        images=lambda w: ancient(detected(w, "images")),
    output:
        regions=f"{results}/{{dataset}}/quality/regions.parquet",
        images=f"{results}/{{dataset}}/quality/images.parquet",
        summary=f"{results}/{{dataset}}/quality/summary.csv",
        markdown=f"{results}/{{dataset}}/quality/summary.md",
    log:
        f"{logs}/quality/{{dataset}}.log",
    benchmark:
        f"{benchmarks}/quality/{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        slice=stage_parameters.quality(settings),
        drawn_truth=drawn_truth,
    script:
        "../scripts/quality.py"


rule sweep:
    input:
        digest_file(rules.manifest.output.manifest),
        lambda w: digests(detected(w, "images")),
        truth=truth_file,
        manifest=ancient(rules.manifest.output.manifest),
        images=lambda w: ancient(detected(w, "images")),
    output:
        f"{results}/{{dataset}}/quality/sweep.csv",
    log:
        f"{logs}/sweep/{{dataset}}.log",
    benchmark:
        f"{benchmarks}/sweep/{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    params:
        slice=lambda w: stage_parameters.sweep(settings, w.dataset),
        drawn_truth=drawn_truth,
    script:
        "../scripts/sweep.py"


rule detection_figure:
    input:
        rules.sweep.output[0],
    output:
        png=report(
            f"{results}/figures/detection_{{dataset}}.png",
            caption="../report/detection.rst",
            category="Figures",
            subcategory="{dataset}",
            labels={"figure": "detection against its threshold"},
        ),
        svg=f"{results}/figures/detection_{{dataset}}.svg",
    log:
        f"{logs}/figure/detection_{{dataset}}.log",
    benchmark:
        f"{benchmarks}/figure/detection_{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        slice=stage_parameters.show(settings, "dpi"),
    script:
        "../scripts/detection_figure.py"


rule review:
    input:
        lambda w: digests(found(w)),
        manifest=ancient(rules.manifest.output.manifest),
        boxes=ancient(rules.boxes.output.boxes),
        images=lambda w: ancient(detected(w, "images")),
    output:
        f"{results}/{{dataset}}/quality/least_certain.csv",
    log:
        f"{logs}/review/{{dataset}}.log",
    benchmark:
        f"{benchmarks}/review/{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=4000,
        runtime=10,
    params:
        listed=settings.detection_quality.listed,
    script:
        "../scripts/review.py"


rule overlays:
    input:
        lambda w: digests(found(w)),
        truth=lambda w: truth_file(w) if w.dataset in measured() else [],
        manifest=ancient(rules.manifest.output.manifest),
        boxes=ancient(rules.boxes.output.boxes),
        images=lambda w: ancient(detected(w, "images")),
        review=rules.review.output[0],
    output:
        least_certain=f"{results}/{{dataset}}/quality/least_certain.png",
        sample=f"{results}/{{dataset}}/quality/sample.png",
    log:
        f"{logs}/overlays/{{dataset}}.log",
    benchmark:
        f"{benchmarks}/overlays/{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        slice=stage_parameters.overlays(settings),
        drawn_truth=drawn_truth,
    script:
        "../scripts/overlays.py"


rule detection_quality:
    input:
        expand(plain(rules.quality.output), dataset=measured()),
        expand(plain(rules.detection_figure.output), dataset=measured()),
        expand(plain(rules.review.output), dataset=experiment.datasets),
        expand(plain(rules.overlays.output), dataset=experiment.datasets),

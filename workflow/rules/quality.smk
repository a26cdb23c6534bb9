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
        in_sight="<results>/{dataset}/quality/in_sight.csv",
        markdown="<results>/{dataset}/quality/summary.md",
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
    script:
        "../scripts/sweep.py"


rule detection_figure:
    input:
        rules.sweep.output[0],
    output:
        **figure("detection_{dataset}", "detection against its threshold"),
    script:
        "../scripts/detection_figure.py"


rule review:
    input:
        **found,
    output:
        "<results>/{dataset}/quality/least_certain.csv",
    script:
        "../scripts/review.py"

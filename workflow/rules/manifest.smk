# The data set as its publisher ships it → one table. The demo's data is drawn first.

for _name, _dataset in experiment.datasets.items():
    if _dataset.demo:

        rule:
            name:
                f"{_name}_demo"
            output:
                on_disk(started.demo_marker(_name)),
            log:
                f"<logs>/demo/{_name}.log",
            benchmark:
                f"<benchmarks>/demo/{_name}.tsv"
            conda:
                "../../envs/anonbench.yaml"
            resources:
                mem_mb=growing(2000),
                runtime=growing(30),
            params:
                code=code_of("demo"),
                demo=_dataset.demo.model_dump(mode="json"),
                dataset=_name,
                seed=settings.seed,
            script:
                "../scripts/demo.py"


rule manifest:
    input:
        known_results,
        lambda w: on_disk(started.demo_marker(w.dataset)),
    output:
        **updated(
            **with_digest(manifest="<results>/{dataset}/manifest.parquet"),
            skipped="<results>/{dataset}/skipped/manifest.csv",
            duplicates="<results>/{dataset}/duplicates.csv",
            converted="<results>/{dataset}/converted.csv",
        ),
    log:
        "<logs>/manifest/{dataset}.log",
    benchmark:
        "<benchmarks>/manifest/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    threads: 2
    resources:
        mem_mb=growing(2000),
        runtime=growing(lambda w: estimates[w.dataset].minutes("manifest")),
    params:
        code=code_of("manifest"),
        run=last_run(),
        source=lambda w: stage_parameters.source(settings, w.dataset),
        seed=lambda w: stage_parameters.seed_of_source(settings, w.dataset),
        max_pixels=settings.detection.max_pixels,
        name=lambda w: w.dataset,
        scan=lambda w: startup.scanned(started, w.dataset),
        user_files=lambda w: startup.scanned_given(started, w.dataset),
    script:
        "../scripts/manifest.py"


# Apart from the manifest: another choice of clusters changes intervals, and no image or model.
rule clusters:
    input:
        **by_digest(manifest=rules.manifest.output.manifest),
    output:
        **with_digest(clusters="<results>/{dataset}/clusters.parquet"),
    log:
        "<logs>/clusters/{dataset}.log",
    benchmark:
        "<benchmarks>/clusters/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        code=code_of("clusters"),
        clusters=lambda w: stage_parameters.clusters(settings, w.dataset),
    script:
        "../scripts/clusters.py"

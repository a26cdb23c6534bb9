# The data set as its publisher ships it → one table. The demo's data is drawn first.

for _name, _dataset in experiment.datasets.items():
    if _dataset.demo:

        rule:
            name:
                f"{_name}_demo"
            output:
                local(f"{_dataset.path}/contents.csv"),
            log:
                f"{logs}/demo/{_name}.log",
            benchmark:
                f"{benchmarks}/demo/{_name}.tsv"
            conda:
                CONDA
            threads: 1
            resources:
                mem_mb=1000,
                runtime=30,
            params:
                demo=_dataset.demo.model_dump(mode="json"),
                seed=settings.seed,
            script:
                "../scripts/demo.py"


rule manifest:
    input:
        demo_marker,
    output:
        digest_file(f"{results}/{{dataset}}/manifest.parquet"),
        manifest=f"{results}/{{dataset}}/manifest.parquet",
        skipped=f"{results}/{{dataset}}/skipped/manifest.csv",
        duplicates=f"{results}/{{dataset}}/duplicates.csv",
    log:
        f"{logs}/manifest/{{dataset}}.log",
    benchmark:
        f"{benchmarks}/manifest/{{dataset}}.tsv"
    conda:
        CONDA
    threads: 2
    resources:
        mem_mb=2000,
        runtime=lambda w: estimates.minutes("manifest", w.dataset),
    params:
        slice=lambda w: stage_parameters.manifest(settings, w.dataset),
        name=lambda w: w.dataset,
        scan=lambda w: scanned(w.dataset),
    script:
        "../scripts/manifest.py"

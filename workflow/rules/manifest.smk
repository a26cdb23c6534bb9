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
            params:
                demo=_dataset.demo.model_dump(mode="json"),
                dataset=_name,
                seed=settings.seed,
            script:
                "../scripts/demo.py"


rule manifest:
    input:
        lambda w: on_disk(started.demo_marker(w.dataset)),
    output:
        **with_digest(manifest="<results>/{dataset}/manifest.parquet"),
        skipped="<results>/{dataset}/skipped/manifest.csv",
        duplicates="<results>/{dataset}/duplicates.csv",
        converted="<results>/{dataset}/converted.csv",
        inputs="<results>/{dataset}/inputs.md",
    params:
        scan=lambda w: startup.scanned(started, w.dataset),
        given=lambda w: startup.scanned_given(started, w.dataset),
    script:
        "../scripts/manifest.py"


# Apart from the manifest: another choice of clusters changes intervals, and no image or model.
rule clusters:
    input:
        **by_digest(manifest=rules.manifest.output.manifest),
    output:
        **with_digest(clusters="<results>/{dataset}/clusters.parquet"),
    script:
        "../scripts/clusters.py"

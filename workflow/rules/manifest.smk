# The data set as its publisher ships it → one table. The demo's data is drawn first.

import functools

from anonbench.datasets.scan import scan

for _name, _dataset in experiment.datasets.items():
    if _dataset.demo:

        rule:
            name:
                f"{_name}_demo"
            output:
                on_disk(started.demo_marker(_name)),
            log:
                f"<logs>/demo/{_name}.log",
            resources:
                runtime=30,
            params:
                demo=_dataset.demo.model_dump(mode="json"),
                seed=settings.seed,
            script:
                "../scripts/demo.py"


@functools.cache
def scanned(dataset):
    """What the data folder holds, by names, sizes and times; a demo's marker says it itself."""
    source = experiment.datasets[dataset]
    return None if source.demo else scan(root_of(source), listings[dataset]["path"])


rule manifest:
    input:
        lambda w: on_disk(started.demo_marker(w.dataset)),
    output:
        **with_digest(manifest="<results>/{dataset}/manifest.parquet"),
        skipped="<results>/{dataset}/skipped/manifest.csv",
        duplicates="<results>/{dataset}/duplicates.csv",
    log:
        "<logs>/manifest/{dataset}.log",
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

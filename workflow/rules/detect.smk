# Sensitive regions: a job a shard, then one table of all and the counts of what was dropped. The rows
# of a user's own files are brought to their images before, for all shards at once.


rule match:
    input:
        digest_file(rules.manifest.output.manifest),
        manifest=ancient(rules.manifest.output.manifest),
        duplicates=rules.manifest.output.duplicates,
        file=own_file,
    output:
        digest_file(f"{results}/{{dataset}}/annotations/{{setting}}.parquet"),
        rows=f"{results}/{{dataset}}/annotations/{{setting}}.parquet",
        unmatched=f"{results}/{{dataset}}/annotations/{{setting}}.unmatched.csv",
    log:
        f"{logs}/match/{{dataset}}/{{setting}}.log",
    benchmark:
        f"{benchmarks}/match/{{dataset}}/{{setting}}.tsv"
    # a wrong row is said before anything is searched, one of the truth too
    priority: 2
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        slice=lambda w: stage_parameters.match(settings, w.dataset),
        given=lambda w: contents(own_file(w)),
    script:
        "../scripts/match.py"


# What was found in an image is kept beside the outputs (`kept/`, no output of any rule): an edited
# file of corrections or boxes, an added image or a job that was killed search again only what is new.
rule detect:
    input:
        digest_file(rules.manifest.output.manifest),
        lambda w: digests(matched_rows(w.dataset, "boxes", "corrections")),
        manifest=ancient(rules.manifest.output.manifest),
        own=lambda w: own_inputs(w.dataset),
        boxes=lambda w: ancient(matched_rows(w.dataset, "boxes")),
        corrections=lambda w: ancient(matched_rows(w.dataset, "corrections")),
    output:
        digest_file(f"{results}/{{dataset}}/detect/{{split}}/{{shard}}.boxes.parquet"),
        digest_file(f"{results}/{{dataset}}/detect/{{split}}/{{shard}}.images.parquet"),
        boxes=f"{results}/{{dataset}}/detect/{{split}}/{{shard}}.boxes.parquet",
        images=f"{results}/{{dataset}}/detect/{{split}}/{{shard}}.images.parquet",
    log:
        f"{logs}/detect/{{dataset}}/{{split}}-{{shard}}.log",
    benchmark:
        f"{benchmarks}/detect/{{dataset}}/{{split}}-{{shard}}.tsv"
    # before trainings: what is left of the images may be too few
    priority: 1
    conda:
        CONDA
    threads: settings.detection.threads
    resources:
        gpu=lambda w: estimates.detection_gpus(w.dataset),
        mem_mb=lambda w: estimates.detection_mb(w.dataset),
        runtime=lambda w: estimates.minutes("detect", w.dataset, w.split),
    params:
        slice=lambda w: stage_parameters.detect(settings, w.dataset),
        given=lambda w: contents(own_inputs(w.dataset)),
        templates=lambda w: str(experiment.datasets[w.dataset].templates or ""),
        shards=lambda w: len(shards(w.dataset, w.split)),
    script:
        "../scripts/detect.py"


rule boxes:
    input:
        digest_file(rules.manifest.output.manifest),
        lambda w: digests(detected(w, "boxes") + detected(w, "images")),
        manifest=ancient(rules.manifest.output.manifest),
        skipped=rules.manifest.output.skipped,
        boxes=lambda w: ancient(detected(w, "boxes")),
        images=lambda w: ancient(detected(w, "images")),
        unmatched=lambda w: [
            path.removesuffix("parquet") + "unmatched.csv"
            for path in matched_rows(w.dataset, "boxes", "corrections")
        ],
    output:
        digest_file(f"{results}/{{dataset}}/boxes.parquet"),
        boxes=f"{results}/{{dataset}}/boxes.parquet",
        unmatched=f"{results}/{{dataset}}/unmatched.csv",
        skipped=f"{results}/{{dataset}}/skipped.csv",
        counts=f"{results}/{{dataset}}/counts.csv",
    log:
        f"{logs}/boxes/{{dataset}}.log",
    benchmark:
        f"{benchmarks}/boxes/{{dataset}}.tsv"
    priority: 1
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        keep_without_regions=lambda w: experiment.datasets[
            w.dataset
        ].keep_without_regions,
    script:
        "../scripts/boxes.py"
